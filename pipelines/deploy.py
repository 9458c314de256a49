"""Set a Prefect server up for this project, once and again.

The work pool, the deployments of ``prefect.yaml``, and the automation that ends runs whose
process is gone (they stop sending heartbeats), and so frees the place that they hold.
"""

import argparse
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from pipelines.commands import FlowError
from reprotune.core.printing import fail, say
from reprotune.core.yaml_file import read_yaml

POOL = "reprotune"
SILENT = timedelta(seconds=90)  # three heartbeats, which prefect.yaml asks for every 30 s
START = timedelta(minutes=10)  # at most, from the worker's decision to the first line of the flow
RUNS: dict[str, str | list[str]] = {"prefect.resource.id": ["prefect.flow-run.*"]}
ANYTHING = "prefect.flow-run.*"  # a heartbeat, or a state whatever its name


def watch_for_silence(name: str, after: str, within: timedelta) -> AutomationCore:
    """A run of which nothing is heard for a time after an event has crashed."""
    trigger = EventTrigger(
        posture=Posture.Proactive,
        after={f"prefect.flow-run.{after}"},
        expect={ANYTHING},
        match=ResourceSpecification(RUNS),
        for_each={"prefect.resource.id"},
        threshold=1,
        within=within,
    )
    message = f"nothing heard for {within.seconds} s: its process is gone"
    change = ChangeFlowRunState(
        name="Crashed", state=StateType.CRASHED, message=message, force=False
    )
    return AutomationCore(name=f"reprotune: {name}", trigger=trigger, actions=[change])


def notify_of_failures(block: str) -> AutomationCore:
    """A notification for each run that failed or crashed; ``block`` is a type and a name."""
    kind, _, name = block.partition("/")
    try:
        with get_client(sync_client=True) as client:
            document = client.read_block_document_by_name(name, kind)
    except ObjectNotFound:
        raise FlowError(
            f"--notify {block}: the server has no such block; TYPE/NAME as in "
            "slack-webhook/team, and `prefect block ls` lists them"
        ) from None
    trigger = EventTrigger(
        posture=Posture.Reactive,
        expect={ANYTHING},
        match=ResourceSpecification(RUNS | {"prefect.state-type": ["FAILED", "CRASHED"]}),
        for_each={"prefect.resource.id"},
        threshold=1,
    )
    body = "{{ flow.name }} {{ flow_run.name }}: {{ flow_run.state.message }}"
    assert document.id is not None
    tell = SendNotification(
        block_document_id=document.id, subject="reprotune: a run failed", body=body
    )
    return AutomationCore(name="reprotune: failed runs", trigger=trigger, actions=[tell])


def read_deployments() -> list[dict[str, Any]]:
    tree = read_yaml(Path("prefect.yaml"))
    return list(tree["deployments"])


def put(automation: AutomationCore) -> None:
    """Create an automation, or bring the one of this name up to date."""
    with get_client(sync_client=True) as client:
        known = client.read_automations_by_name(automation.name)
        if known:
            client.update_automation(known[0].id, automation)
        else:
            client.create_automation(automation)


def prepare_pool(kind: str) -> None:
    """Create the work pool, if there is none yet."""
    try:
        with get_client(sync_client=True) as client:
            client.read_work_pool(POOL)
    except ObjectNotFound:
        prefect("work-pool", "create", POOL, "--type", kind)


def prefect(*command: str) -> None:
    """Run a command of Prefect; what it says counts only if it fails."""
    whole = [sys.executable, "-P", "-m", "prefect", "--no-prompt", *command]
    done = subprocess.run(whole, capture_output=True, errors="replace", check=False)
    if done.returncode:
        fail(f"prefect {' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="reprotune deploy", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--type", default="process", help="of a work pool that is new (process)")
    parser.add_argument("--notify", metavar="TYPE/NAME", help="a notification block of the server")
    asked = parser.parse_args()
    if not PREFECT_API_URL.value():
        fail("deploy: set PREFECT_API_URL (of a local server http://127.0.0.1:4200/api)")
    if not Path("prefect.yaml").is_file():
        fail("deploy: there is no prefect.yaml here; run it in the folder of the project")
    try:
        automations = [
            watch_for_silence("crashed runs", "heartbeat", SILENT),
            watch_for_silence("runs that never began", "Pending", START),
            *([notify_of_failures(asked.notify)] if asked.notify else []),
        ]
        prepare_pool(asked.type)
    except httpx.TransportError as error:
        fail(f"deploy: no server answers at {PREFECT_API_URL.value()}: {error}")
    except FlowError as error:
        fail(f"deploy: {error}")
    prefect("deploy", "--all")
    names = [f"{d['entrypoint'].rpartition(':')[2]}/{d['name']}" for d in read_deployments()]
    say(f"deployments: {', '.join(names)}")
    for automation in automations:
        put(automation)
        say(f"automation: {automation.name}")
    say(f"now start a worker in each folder: prefect worker start --pool {POOL}")


if __name__ == "__main__":
    main()
