"""The GPU of this machine: whether torch can use it."""

import os
import re
import shutil

CARD = re.compile(r"sm_(\d+)")  # of the cards that torch is built for: sm_75, sm_90a
HIDDEN = ("", "-1")  # what CUDA_VISIBLE_DEVICES is where no GPU is to be used


def explain_unused() -> str:
    """Why torch uses no GPU where there is one; empty where there is none, or none is wanted."""
    import torch

    unwanted = os.environ.get("CUDA_VISIBLE_DEVICES") in HIDDEN
    if unwanted or shutil.which("nvidia-smi") is None:
        return ""
    built = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"
    return (
        f"the GPU here is not used: torch {torch.__version__} is built {built}, and nvidia-smi "
        "says what the driver knows; a newer driver helps if that is less"
    )


def explain_unfit(dtype: str) -> str:
    """Why nothing can be computed on the GPU in this number format; empty if it can."""
    import torch

    major, minor = torch.cuda.get_device_capability()
    built = [int(found[1]) for name in torch.cuda.get_arch_list() if (found := CARD.match(name))]
    if built and 10 * major + minor < min(built):
        return (
            f"torch {torch.__version__} is built for cards from {min(built) / 10} on, and it is of "
            f"{major}.{minor}; CUDA_VISIBLE_DEVICES= computes on the CPU"
        )
    if dtype == "bfloat16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return "it has no bfloat16: use float16"
    return ""
