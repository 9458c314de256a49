"""Side-by-side measurements: ``python -m benchmarks [NAME ...]``."""

from reprotune.core.libraries import quiet_libraries

quiet_libraries()
