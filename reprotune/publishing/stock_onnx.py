"""Ask an ONNX form of a classifier as anybody may, without torch, in a process of its own.

``python -I stock_onnx.py < {"folder", "file", "texts", "batch_size", "threads", "answers"}``:
``answers`` is the file that it writes: the logits of each text, and the processors' seconds.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

if __name__ == "__main__":
    given = json.load(sys.stdin)
    folder = Path(given["folder"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True  # "[SEP]" in a text is text
    limit = json.loads((folder / "tokenizer_config.json").read_bytes())["model_max_length"]
    tokenizer.enable_truncation(limit)
    padding = json.loads((folder / "config.json").read_bytes())["pad_token_id"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = given["threads"]
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # which is no work
    session = onnxruntime.InferenceSession(
        folder / given["file"], options, providers=["CPUExecutionProvider"]
    )
    begun = time.process_time()
    prompts = [found.ids for found in tokenizer.encode_batch(given["texts"])]
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))  # similar ones at once
    logits = []
    for start in range(0, len(prompts), given["batch_size"]):
        some = [prompts[row] for row in order[start : start + given["batch_size"]]]
        ids = np.full((len(some), len(some[-1])), padding, np.int64)
        mask = np.zeros_like(ids)
        for row, prompt in enumerate(some):
            ids[row, : len(prompt)], mask[row, : len(prompt)] = prompt, 1
        logits += session.run(None, {"input_ids": ids, "attention_mask": mask})[0].tolist()
    said = dict(zip(order, logits, strict=True))
    answers = {
        "logits": [said[row] for row in range(len(prompts))],
        "seconds": time.process_time() - begun,
    }
    assert not {"reprotune", "torch", "transformers"} & set(sys.modules)
    Path(given["answers"]).write_text(json.dumps(answers), encoding="utf-8")
