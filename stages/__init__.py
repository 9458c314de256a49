"""One module a DVC stage: ``python -m stages.<name>``."""

import os

from reprotune.core.supervision import die_with_parent

if "DVC_STAGE" in os.environ:  # else a killed DVC leaves it writing while the next one runs;
    die_with_parent()  # here, for what a stage imports takes seconds
