"""The log of a run says a failure once: Prefect puts a state's message into every line about it."""

import re
from logging import LogRecord

FAILED = "Task run failed with state"  # before the message, and what Prefect does about it
ENDED = re.compile(r"Finished in state (Failed|\w+(?=\(.*type=FAILED\)$))", re.DOTALL)


def cut_repeated(record: LogRecord) -> bool:
    """Leave what a stage or a command has said itself out of a line, or the line."""
    text = record.getMessage()
    if text.startswith(FAILED):
        _, found, retry = text.rpartition(" - Retr")
        text = f"Retr{retry}" if found else ""
    elif found_end := ENDED.match(text):
        text = found_end[0]
    else:
        return True
    record.msg, record.args, record.exc_info = text, (), None
    return bool(text)
