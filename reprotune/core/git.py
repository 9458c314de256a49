"""How git is called: in the folder that is meant, whatever people set, and not for ever."""

import os
import shutil

HOOKED = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIR", "GIT_INDEX_FILE",
    "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_WORK_TREE",
)  # fmt: skip
SETTINGS = {
    "core.quotePath": "false",
    "diff.relative": "false",
    "grep.patternType": "basic",
    "http.lowSpeedLimit": "1",  # bytes a second: from a server that says nothing
    "http.lowSpeedTime": "300",  # for so many seconds, git would wait for ever
    "log.showSignature": "false",
    "status.showUntrackedFiles": "normal",
}


def leave_hook() -> None:
    """Forget the repository whose hook has started this, or git would change it in every clone."""
    for name in HOOKED:
        os.environ.pop(name, None)


def ask_nobody() -> None:
    """Have git and ssh fail where they would ask at a terminal, for nobody is there to answer."""
    os.environ.setdefault("GIT_TERMINAL_PROMPT", "0")
    if "SSH_ASKPASS" not in os.environ and (nobody := shutil.which("false")):
        os.environ |= {"SSH_ASKPASS": nobody, "SSH_ASKPASS_REQUIRE": "force"}


def settle() -> dict[str, str]:
    """What in the environment of git decides over its configuration, beside what is there."""
    first = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    told = {"GIT_CONFIG_COUNT": str(first + len(SETTINGS))}
    for number, (name, value) in enumerate(SETTINGS.items(), start=first):
        told |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return told
