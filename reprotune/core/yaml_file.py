"""YAML that anyone may have written: bounded in size, depth and what its aliases stand for."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    Event,
    ScalarEvent,
)

from reprotune.core.errors import InputError
from reprotune.core.printing import count_of

LARGEST = 1 << 18  # bytes; the lock of the built-in pipeline has 23,000
MOST = 10_000  # values, counted as often as aliases repeat them: some seconds to read
DEEPEST = 50  # mappings and lists within one another
SHOWN = 500  # characters of a parser's message
MERGED = re.compile(rb"^<{7} .*?^={7}\r?$.*?^>{7} ", re.MULTILINE | re.DOTALL)  # as git leaves it


def read_yaml(path: Path) -> Any:
    """A YAML 1.2 file; numbers like 1e-4 are numbers.

    Raises:
        InputError: it cannot be read, or it is built to do harm.
        FileNotFoundError: there is none.
    """
    return load_yaml(path.read_bytes(), path)


def load_yaml(raw: bytes, where: Path | str, parser: YAML | None = None) -> Any:
    """The values of a YAML text, by ``parser`` in place of one for plain values."""
    try:
        if len(raw) > LARGEST:
            raise ValueError(f"{count_of(len(raw), 'byte')}, and {LARGEST} are allowed")
        text = raw.decode("utf-8")
        try:  # libyaml is many times as fast, but does not know all of YAML 1.2
            return load_checked(text, YAML(typ="safe", pure="%YAML" in text), parser)
        except YAMLError:
            return load_checked(text, plain_parser(), parser)
    except Exception as error:  # any, from AttributeError to ValueError: a wrong date, !!bool x
        if found := MERGED.search(raw):
            line = raw.count(b"\n", 0, found.start()) + 1
            raise InputError(
                f"{where}: line {line} begins two sides of a merge (<<<<<<<); write what is to be, "
                f"or take one side whole: git checkout --ours (or --theirs) {where}"
            ) from None
        said = str(error)
        more = "..." if len(said) > SHOWN else ""
        raise InputError(f"{where}: not readable as YAML 1.2: {said[:SHOWN]}{more}") from None


def load_checked(text: str, plain: YAML, parser: YAML | None) -> Any:
    """The values by ``parser``, or else by ``plain``, which sees first that they do no harm."""
    check_shape(plain.parse(text))
    return (parser or plain).load(text)


def plain_parser() -> YAML:
    """A parser that makes no objects but those of JSON, dates, bytes and sets."""
    return YAML(typ="safe", pure=True)


def check_shape(events: Iterator[Event]) -> None:
    """Raise ValueError for a text that would take the memory, the time or the stack of a reader.

    In its events no alias is written out yet.
    """
    sizes: dict[str | None, int] = {}  # values under each anchor
    begun: list[str | None] = []  # anchors of the mappings and lists that are open
    values = [0]  # so far, in each of them
    for event in events:
        if isinstance(event, CollectionStartEvent):
            begun.append(event.anchor)
            values.append(1)
            if len(begun) > DEEPEST:
                raise ValueError(f"it is nested more than {DEEPEST} deep")
            continue
        if isinstance(event, AliasEvent):
            if event.anchor not in sizes:
                raise ValueError(f"*{event.anchor} stands for nothing that is whole above it")
            size = sizes[event.anchor]
        elif isinstance(event, CollectionEndEvent):
            size = sizes[begun.pop()] = values.pop()
        elif isinstance(event, ScalarEvent):
            size = sizes[event.anchor] = 1
        else:
            continue
        values[-1] += size
        if values[-1] > MOST:
            raise ValueError(f"it holds more than {MOST} values, with its aliases written out")
