"""The same instructions on every x86-64 CPU that has AVX2, and sums in one order on GPUs.

Numeric libraries look at the processor when they are imported and take the best that it has:
AVX512 adds in another order than AVX2, and MKL computes in another way on AMD than on Intel. They
obey what is set here.
"""

import os
import platform
from pathlib import Path

from reprotune.core import paths
from reprotune.core.dvc import look_up
from reprotune.core.errors import InputError
from reprotune.core.printing import fail
from reprotune.core.yaml_file import read_yaml

TABLES = {  # numpy, scipy and scikit-learn, which have little to do: always
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": "1",
}
MODELS = {  # torch, and in it MKL and oneDNN: the parameter model.strict
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "COMPATIBLE",  # "AVX2" gives other sums on AMD than on Intel
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}
GPUS = {  # in which cuBLAS adds up in one order, and flash attention's own package goes back in one
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "FLASH_ATTENTION_DETERMINISTIC": "1",
}
HIDDEN = (  # beginnings of names that set precision or parallelism beside the parameters
    "ACCELERATE_",
    "DNNL_DEFAULT_FPMATH_MODE",
    "FSDP_",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)
X86_64 = {"x86_64", "AMD64"}


def fix_arithmetic() -> None:
    """Set the environment of the libraries, before anything imports them.

    Elsewhere than on x86-64 nothing is set for processors: nothing of this is known there.
    """
    if "LOCAL_RANK" not in os.environ:  # where it is, the launcher that we asked has set them
        for name in [name for name in os.environ if name.startswith(HIDDEN)]:
            del os.environ[name]
    os.environ.update(GPUS)
    strict = wants_strict()
    if platform.machine() not in X86_64:
        return
    if has_avx2():
        os.environ.update(TABLES | (MODELS if strict else {}))
    elif strict:
        fail("model.strict needs a processor with AVX2, and this one has none; set it to false")


def wants_strict() -> bool:
    """The parameter ``model.strict``; true if it cannot be read, which the stage will say."""
    try:
        return look_up(read_yaml(paths.PARAMS), "model.strict") is not False
    except (InputError, OSError):
        return True


def has_avx2(info: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor has AVX2; true where the system does not say."""
    text = info.read_text() if info.is_file() else ""
    flags = [line.split() for line in text.splitlines() if line.startswith("flags")]
    return not flags or "avx2" in flags[0]
