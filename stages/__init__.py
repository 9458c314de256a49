"""One module a DVC stage: ``python -m stages.<name>``."""

import os
import sys

from reprotune.core.standing import look_here_last, stand

if sys.argv[0] == "-m":
    look_here_last()
    stand()

from reprotune.core.arithmetic import fix_arithmetic
from reprotune.core.libraries import prepare_libraries
from reprotune.core.restoring import keep_last
from reprotune.core.supervision import die_with_parent

if "DVC_STAGE" in os.environ:  # else a killed DVC leaves it writing while the next one runs;
    die_with_parent()  # here, for what a stage imports takes seconds
if sys.argv[0] == "-m":  # a stage is started, not imported
    fix_arithmetic()  # here, before it imports numpy or torch
    prepare_libraries()
    if "DVC_STAGE" in os.environ and "LOCAL_RANK" not in os.environ:
        keep_last(os.environ["DVC_STAGE"].rpartition(":")[2])  # without its file
