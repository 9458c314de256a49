"""One module a DVC stage: ``python -m stages.<name>``."""
