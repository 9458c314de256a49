"""Where the rows are in one object of JSON, as pandas, servers and people write them."""

from collections.abc import Iterator
from typing import Any

LEVELS = 3  # of objects in which a list of rows may lie
EXAMPLES = ("patterns", "examples", "utterances", "texts", "text", "sentences", "queries")
NAMES_OF_TABLES = ("key", "table", "name of the table")  # a column, if no other is called so
LONGEST_NAME = 20  # characters of a column's name, in the mean; texts have more


def find_rows(value: dict[str, Any]) -> list[Any] | None:
    """Its rows, or the only list in it; nothing if it holds neither."""
    if rows := list_rows(value):
        return rows
    if is_list_of(str, value.get("columns")) and is_list_of(list, value.get("data")):
        return [dict(zip(value["columns"], row, strict=False)) for row in value["data"]]
    if rows := name_cells(value):
        return rows
    if tables := dict(find_tables(value)):
        return join_tables(tables)
    lists = [part for part in value.values() if isinstance(part, list)]
    return lists[0] if len(lists) == 1 else join_columns(value)


def name_cells(value: dict[str, Any]) -> list[Any]:
    """Rows that are lists of cells, where an object a column has its name, as Socrata writes them.

    Nothing if these are not there.
    """
    rows: list[Any] = next((p for p in value.values() if p and is_list_of(list, p)), [])
    widths = set(map(len, rows))
    for _, columns in find_tables(value):
        names = [column.get("name") for column in columns]
        if widths == {len(names)} and is_list_of(str, names):
            return [dict(zip(names, row, strict=True)) for row in rows]
    return []


def join_columns(value: dict[str, Any]) -> list[Any] | None:
    """The rows of columns whose cells have names; nothing if these are no columns."""
    if not value or not all(isinstance(part, dict) for part in value.values()):
        return None
    columns = [part.values() for part in value.values()]
    if len(set(map(len, columns))) > 1:
        return None
    return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]


def list_rows(value: dict[str, Any]) -> list[Any]:
    """The rows of an object: its parts, the texts of each class, the class of each text, columns.

    Columns have a cell for every row, and one of them has values that come again.
    """
    parts = list(value.values())
    if is_by_row(value):
        return parts
    if len(value) < 2 or not all(map(is_list_of_words, parts)):
        pairs = {text: name for text, name in value.items() if isinstance(name, str | int)}
        is_such = len(pairs) == len(value) and sum(map(len, pairs)) > LONGEST_NAME * len(pairs)
        return [{"text": text, "label": name} for text, name in pairs.items() if is_such]
    if len(set(map(len, parts))) == 1 and any(len(set(part)) <= len(part) / 2 for part in parts):
        return [dict(zip(value, row, strict=True)) for row in zip(*parts, strict=True)]
    is_such = all(is_list_of(str, part) for part in parts)
    return [{"text": x, "label": name} for name, part in value.items() for x in part if is_such]


def find_tables(
    value: dict[str, Any], levels: int = LEVELS, within: str = ""
) -> Iterator[tuple[str, list[Any]]]:
    """The lists of objects in an object, and in those in it, by their names."""
    for name, part in value.items():
        if part and is_list_of(dict, part):
            yield within + name, part
        elif levels and isinstance(part, dict):
            yield from find_tables(part, levels - 1, f"{within}{name}.")


def join_tables(tables: dict[str, list[Any]]) -> list[Any]:
    """The longest, or all of them if their rows have the same fields, each with its name."""
    longest = max(tables.values(), key=len)
    fields = set(longest[0])
    if len(tables) == 1 or any(set(row) != fields for rows in tables.values() for row in rows):
        return longest
    name = next(name for name in NAMES_OF_TABLES if name not in fields)
    return [{**row, name: table} for table, rows in tables.items() for row in rows]


def list_examples(rows: list[Any]) -> list[Any]:
    """A row for each example of classes that have a list of them, as chatbots' intents are written.

    Other rows are handed back: those of texts that have a list of labels, too.
    """
    if not rows or not is_list_of(dict, rows):
        return rows
    name = next((name for name in EXAMPLES if all(is_list_of(str, r.get(name)) for r in rows)), "")
    texts = [text for row in rows for text in row.get(name, ())]
    others = [[row.get(key) for row in rows] for key in rows[0] if is_list_of_names(rows, key)]
    is_such = len(texts) > len(rows) and any(len(set(part)) == len(rows) for part in others)
    if not is_such or any(1 < len(set(part)) < len(rows) for part in others):
        return rows
    return [{**row, name: text} for row in rows for text in row[name]]


def is_list_of_names(rows: list[dict[str, Any]], key: str) -> bool:
    return is_list_of(str, [row.get(key) for row in rows])


def is_list_of_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(part, str | int | float) for part in value)


def is_list_of(kind: type, value: object) -> bool:
    return isinstance(value, list) and all(isinstance(part, kind) for part in value)


def is_by_row(value: dict[str, Any]) -> bool:
    """Whether an object has a row for each of its names, not a column; rows may lack a field."""
    rows = list(value.values())
    if not rows or not is_list_of(dict, rows):
        return False
    fields = [set(row) for row in rows]
    return bool(set.intersection(*fields)) and len(rows) > len(set.union(*fields))
