"""The error that ends in a message, not in a traceback."""


class InputError(ValueError):
    """Something that the user handed in is wrong; the message says what, where and what to do."""
