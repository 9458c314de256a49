"""The last states times a frozen vocabulary head: gathered, as reprotune does, beside a view."""

import statistics
import time

import torch

from reprotune.core import paths
from reprotune.core.params_file import load_params
from reprotune.models.compat import last_positions

ROUNDS = 7
WIDTH = 64  # tokens of a row
HEADS = {"4.5 M Llama": (2_048, 256), "SmolLM2": (49_152, 576), "Gemma 3": (262_144, 640)}
BATCHES = (16, 64)


def main() -> None:
    torch.set_num_threads(load_params(paths.PROFILES / "builtin.yaml").threads)
    for name, (vocabulary, hidden) in HEADS.items():
        for dtype in (torch.float32, torch.bfloat16):
            head = torch.randn(vocabulary, hidden, dtype=dtype)
            for rows in BATCHES:
                states = torch.randn(rows, WIDTH, hidden, dtype=dtype)
                last = last_positions(states[:, :, 0], 1)
                ways = {
                    "view": lambda s=states: s[:, -1:],
                    "gathered": lambda s=states, k=last: s[:, k],
                }
                seconds: dict[str, list[float]] = {way: [] for way in ways}
                for _ in range(ROUNDS):
                    for way, take in ways.items():
                        start = time.perf_counter()
                        with torch.inference_mode():
                            torch.nn.functional.linear(take(), head)
                        seconds[way].append(time.perf_counter() - start)
                view, gathered = (statistics.median(times) for times in seconds.values())
                print(
                    f"projection: {name}, {str(dtype)[6:]}, {rows} rows: {1e3 * gathered:.1f} ms, "
                    f"a view takes {view / gathered:.1f} x as long"
                )


if __name__ == "__main__":
    main()
