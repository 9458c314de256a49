"""Croissant 1.1 (MLCommons) of the published data: files with hashes, parts, classes, columns.

The same bytes for the same commit. `mlcroissant`, its library, reads it in the tests.
"""

import json
import re
from pathlib import Path

from reprotune.core.seals import hash_file
from reprotune.publishing.facts import PARTS, Data

NAME = "croissant.json"
VERSION = "http://mlcommons.org/croissant/1.1"
PAGES = "https://huggingface.co/datasets"
LICENSES = "https://choosealicense.com/licenses"  # by the Hub's names
KNOWN = re.compile(r"[a-z0-9.-]+")
NO_NAMES = ("other", "unknown")
COLUMNS = {
    "id": "a hash of text and label as they came: the same in every version of the data",
    "text": "what is classified",
    "label": "its class, after what people decided",
    "reference_label": "its true class, where that is known",
}
Json = dict[str, object]

TERMS = (
    "arrayShape citeAs column containedIn equivalentProperty extract field fileObject fileProperty "
    "fileSet format includes isArray isLiveDataset jsonPath key md5 parentField path recordSet "
    "references regex repeated replace samplingRate separator source subField transform"
).split()
CONTEXT: Json = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    **{term: f"cr:{term}" for term in TERMS},
}


def write_croissant(data: Data, description: str, folder: Path) -> None:
    """Write ``croissant.json`` beside the files that it describes."""
    made = make_croissant(data, description, folder)
    text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    (folder / NAME).write_text(text, encoding="utf-8")


def make_croissant(data: Data, description: str, folder: Path) -> Json:
    owner, _, name = data.name.rpartition("/")
    page = f"{PAGES}/{data.name}"
    found: Json = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "name": name,
        "description": description,
        "url": page,
        "version": f"1.0.0+{data.commit}",
        "datePublished": data.date,
        "creator": {"@type": "sc:Organization", "name": owner or name},
        "citeAs": f"{data.name}, commit {data.commit}, {data.date}, {page}",
        "keywords": ["reprotune", "text-classification"],
        "distribution": [describe_file(folder / f"{part}.parquet") for part in PARTS],
        "recordSet": [
            list_names("splits", "cr:Split", list(PARTS)),
            list_names("classes", "sc:Enumeration", list(data.split.test)),
            *map(describe_part, PARTS),
        ],
    }
    if data.license:
        is_known = KNOWN.fullmatch(data.license) and data.license not in NO_NAMES
        found["license"] = f"{LICENSES}/{data.license}/" if is_known else data.license
    if data.languages:
        found["inLanguage"] = data.languages
    return found


def describe_file(file: Path) -> Json:
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "contentUrl": file.name,
        "contentSize": f"{file.stat().st_size} B",
        "encodingFormat": "application/x-parquet",
        "sha256": hash_file(file),
    }


def list_names(kind: str, type_: str, names: list[str]) -> Json:
    """A set of records that others point to."""
    field = f"{kind}/name"
    return {
        "@type": "cr:RecordSet",
        "@id": kind,
        "name": kind,
        "dataType": type_,
        "key": {"@id": field},
        "field": [{"@type": "cr:Field", "@id": field, "name": "name", "dataType": "sc:Text"}],
        "data": [{field: name} for name in names],
    }


def describe_part(part: str) -> Json:
    """The rows of one file."""
    fields: list[Json] = [
        {
            "@type": "cr:Field",
            "@id": f"{part}/{column}",
            "name": column,
            "description": told,
            "dataType": "sc:Text",
            "source": {
                "fileObject": {"@id": f"{part}.parquet"},
                "extract": {"column": column},
            },
        }
        for column, told in COLUMNS.items()
    ]
    fields[2]["references"] = {"field": {"@id": "classes/name"}}
    split: Json = {
        "@type": "cr:Field",
        "@id": f"{part}/split",
        "name": "split",
        "dataType": "sc:Text",
        "references": {"field": {"@id": "splits/name"}},
        "value": part,
    }
    return {
        "@type": "cr:RecordSet",
        "@id": part,
        "name": part,
        "key": {"@id": f"{part}/id"},
        "field": [*fields, split],
    }
