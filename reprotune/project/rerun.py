"""Whether what was run here is the run of the last commit once more, and what then differs."""

from pathlib import Path

from reprotune.comparison.lock import LOCK, read_stages
from reprotune.comparison.revision import Revision, read_revision, succeeds
from reprotune.comparison.statement import Outcome
from reprotune.core.printing import count_of


def tell_rerun() -> str:
    """What a run in this folder made of the commit that it repeats; empty if it is another run."""
    if succeeds("diff", "--quiet", "HEAD", "--", str(LOCK)) or not succeeds("rev-parse", "HEAD"):
        return ""
    # takes two seconds
    from reprotune.project.rebuild import Rebuilt, compare_outputs, name_machine, settle

    head, now = read_revision("HEAD"), Rebuilt("this folder", None, Path())
    if not list_given(now) or list_given(head) != list_given(now):
        return ""
    outcomes = settle(dict(compare_outputs(head, now, [])), whole=True)
    drifted = [path for path, found in outcomes.items() if found == Outcome.DRIFTED]
    same = sum(found == Outcome.IDENTICAL for found in outcomes.values())
    told = f"The run of commit {str(head.commit)[:7]} once more, on {name_machine()}: "
    told += f"{same} of {count_of(len(outcomes), 'output')} to the byte, "
    if drifted:
        return f"{told}but these drifted: {', '.join(drifted)}. reprotune verify says more."
    return (
        f"{told}and the same figures in the others but for their last digits, as another kind of "
        "CPU computes them. Nothing is wrong: commit them to go on from here."
    )


def list_given(run: Revision) -> dict[str, tuple[object, ...]]:
    """What each stage of a run was given that no other stage made."""
    stages = read_stages(run)
    made = {out.path for stage in stages.values() for out in stage.outs}
    return {
        name: (stage.params, sorted((d.path, str(d.md5)) for d in stage.deps if d.path not in made))
        for name, stage in stages.items()
    }
