"""Ask an exported folder as anybody would, by transformers alone, in a process of its own.

``python -I stock.py < {"folder", "texts", "batch_size", "answers"}``: ``answers`` is the file that
it writes, for each text the probability of each class by name.
"""

import json
import sys
from pathlib import Path
from typing import Any

from transformers import pipeline

if __name__ == "__main__":
    given = json.load(sys.stdin)
    ask = pipeline("text-classification", given["folder"], truncation=True, dtype="float32")
    said: Any = ask(given["texts"], top_k=None, batch_size=given["batch_size"])
    assert "reprotune" not in sys.modules
    found = [{one["label"]: one["score"] for one in answers} for answers in said]
    Path(given["answers"]).write_text(json.dumps(found), encoding="utf-8")
