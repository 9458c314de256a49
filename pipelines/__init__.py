"""Prefect flows around the DVC pipeline.

Set before Prefect is imported: nothing is sent anywhere, results are JSON, patience, and a task's
log that says a failure once.
"""

import os
import sys

from reprotune.core.git import leave_hook
from reprotune.core.standing import look_here_last, stand

if sys.argv[0] == "-m":
    look_here_last()
    stand()

import logging

from pipelines.logs import cut_repeated

leave_hook()
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("DVC_NO_ANALYTICS", "1")
os.environ.setdefault("PREFECT_RESULTS_DEFAULT_SERIALIZER", "json")
os.environ.setdefault("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "30")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
logging.getLogger("prefect.task_runs").addFilter(cut_repeated)
