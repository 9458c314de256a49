"""What we train, and how it is asked."""

import logging
import os
import warnings

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Advice to others: to install a package that fetches code from the hub; to rename arguments.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
# That a model for one device is not divided among several.
logging.getLogger("transformers.distributed.tensor_parallel").setLevel(logging.ERROR)
# A table of the weights that a new head lacks: loading.py checks what may be missing.
logging.getLogger("transformers.modeling_utils").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
