"""The database of the server that Prefect starts where no server is named."""

import sqlite3
from contextlib import closing
from pathlib import Path

from prefect.settings import get_current_settings

from reprotune.core.printing import fail

SQLITE = "sqlite+aiosqlite:///"


def check_database(flow: str) -> None:
    """End with a message if the database is damaged, of which Prefect would say nothing clear."""
    settings = get_current_settings()
    named = settings.server.database.connection_url
    address = named.get_secret_value() if named else ""
    file = Path(address.removeprefix(SQLITE))
    if settings.api.url or not address.startswith(SQLITE) or not file.is_file():
        return
    if damage := find_damage(file):
        fail(
            f"{flow}: {file}, in which Prefect notes past runs, is damaged ({damage}); move it "
            "away, and Prefect starts a new one: models, data and figures are elsewhere"
        )


def find_damage(file: Path) -> str:
    """What SQLite says of a database; nothing if it is whole."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            said = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:  # busy: somebody works with it
        return "" if "locked" in str(error) else str(error)
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if said == "ok" else said.replace("\n", " ")
