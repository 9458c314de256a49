"""The flows of all tests have one server: ``python -m tests.prefect_server PLACE USER``."""

import sys
from pathlib import Path

from pipelines.server import started
from tests.shared import wait_for_the_end

if __name__ == "__main__":
    place, user = Path(sys.argv[1]), int(sys.argv[2])
    more = {"PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2"}
    with started({"PREFECT_HOME": str(place.with_suffix(".home")), **more}) as address:
        written = place.with_suffix(".new")
        written.write_text(address)
        written.rename(place)
        wait_for_the_end(user)
