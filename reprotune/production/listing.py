"""`reprotune versions`: what every version is worth, and which one served when."""

import re
from datetime import UTC, datetime, time
from typing import NamedTuple

from reprotune.comparison.revision import Revision, git, succeeds
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.production.history import History, Service, Version
from reprotune.tables import metrics

PARTS = ("train", "validation", "test")
SHOWN = 10  # times of service, the last ones
COLUMNS = (
    "version", "", "registered", "by", "data", "train rows", "accuracy", "interval", "gate",
)  # fmt: skip
WHOLE = {"version", "", "registered", "data", "accuracy"}  # never in two lines
GATE = re.compile(r"^Gate: (passed|closed)\n(.*)$", re.MULTILINE)  # as a retraining commits it


class Facts(NamedTuple):
    """What git holds of the run that a version names; None where it holds nothing."""

    data: str | None  # git's hash of reports/rows.csv: every row, its label and its part
    rows: dict[str, int] | None  # train, validation, test
    accuracy: float | None
    interval: tuple[float, float] | None
    gate: str | None  # passed | closed | None: no retraining made it
    verdict: str | None


def read_facts(version: Version) -> Facts:
    """What the commit of a version says of it."""
    run = Revision(version.name, version.commit)
    rows = f"{version.commit}:./{paths.ROWS.as_posix()}"
    data = git("rev-parse", rows).strip()[:10] if succeeds("cat-file", "-e", rows) else None
    split = run.read_figures(paths.SPLIT_METRICS, metrics.Split)
    scores = run.read_figures(paths.EVALUATE_METRICS, metrics.Evaluation)
    counts = {name: sum(getattr(split, name).values()) for name in PARTS} if split else None
    gate = None
    if succeeds("cat-file", "-e", f"{version.commit}^{{commit}}"):
        gate = GATE.search(git("log", "-1", "--format=%B", version.commit))
    return Facts(
        data,
        counts,
        scores.test.accuracy if scores else None,
        scores.test.interval.accuracy if scores and scores.test.interval else None,
        gate[1] if gate else None,
        gate[2].strip() if gate else None,
    )


def parse_date(text: str) -> tuple[datetime, datetime]:
    """The first and the last moment that a date or a time names, in UTC if it names no zone.

    Raises:
        InputError: it is neither.
    """
    try:
        start = datetime.fromisoformat(text)
        zone = start.tzinfo or UTC
        end = start if len(text) > len("2026-01-31") else datetime.combine(start, time.max)
        return start.replace(tzinfo=zone), end.replace(tzinfo=zone)
    except (ValueError, OverflowError):
        raise InputError(
            f"--on {text}: no date; write it as 2026-01-31, or 2026-01-31T09:30"
        ) from None


def write_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_json(history: History, on: str | None) -> dict[str, object]:
    """What serves, and every version; of a date, what served instead."""
    now = history.serving
    told: dict[str, object] = {"model": history.model, "serves": now.version if now else None}
    if on:
        served = history.find_served(*parse_date(on))
        told["served"] = [describe_service(one) for one in served]
        return told | {"missing": history.missing}
    return told | {
        "versions": [describe(one) for one in history.versions.values()],
        "services": [describe_service(one) for one in history.services],
        "passed_over": history.passed_over,
        "missing": history.missing,
    }


def describe(version: Version) -> dict[str, object]:
    return {
        "version": version.name,
        "commit": version.commit,
        "registered": write_moment(version.date),
        "who": version.who,
        "withdrawn": not version.is_active,
        **read_facts(version)._asdict(),
    }


def describe_service(one: Service) -> dict[str, object]:
    return {
        "version": one.version,
        "commit": one.commit,
        "start": write_moment(one.start),
        "end": write_moment(one.end) if one.end else None,
        "who": one.who,
        "reason": one.message,
    }


def tabulate(history: History) -> list[list[str]]:
    """A row a version, the last registered one first."""
    now = history.serving
    rows = []
    for version in reversed(history.versions.values()):
        facts = read_facts(version)
        low, high = facts.interval or (None, None)
        state = "" if version.is_active else "withdrawn"
        if now and now.version == version.name:
            state = "serves"
        rows.append([
            version.name, state, f"{version.date:%Y-%m-%d}", version.who, facts.data or "",
            str(facts.rows["train"]) if facts.rows else "",
            f"{facts.accuracy:.3f}" if facts.accuracy is not None else "",
            f"{low:.3f} to {high:.3f}" if facts.interval else "",
            facts.gate or "not asked",
        ])  # fmt: skip
    return rows


def tell(one: Service) -> str:
    """A time of service in a line."""
    until = f"to {write_moment(one.end)}" if one.end else "and still does"
    why = one.message.splitlines()[0] if one.message else "no reason given"
    return f"{one.version} served from {write_moment(one.start)} {until} ({one.who}: {why})"
