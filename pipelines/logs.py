"""The log of a run says a failure once: Prefect puts a state's message into every line about it."""

from logging import LogRecord

FAILED = "Task run failed with state"  # before the message, and what Prefect does about it
ENDED = "Finished in state Failed"


def cut_repeated(record: LogRecord) -> bool:
    """Leave what a stage or a command has said itself out of a line, or the line."""
    text = record.getMessage()
    if text.startswith(FAILED):
        _, found, retry = text.rpartition(" - Retr")
        text = f"Retr{retry}" if found else ""
    elif text.startswith(ENDED):
        text = ENDED
    else:
        return True
    record.msg, record.args, record.exc_info = text, (), None
    return bool(text)
