"""How a stopped attempt ended, from what its last pod showed."""

from __future__ import annotations

from run_operator.lifecycle.situation import Situation
from run_operator.workloads.ending import last_ending


def record_stop(here: Situation) -> None:
    """End the current attempt as stopped, with the exit code of its last pod where it was seen."""
    mine = [pod for pod in here.witnesses if pod.attempt == here.draft.attempt]
    ended = last_ending(sorted(mine, key=lambda pod: (pod.created, pod.name)))
    if ended is None or ended.exit_code is None:
        here.draft.end_attempt("Suspended", "stopped", None, None, here.now)
    else:
        here.draft.end_attempt("Suspended", f"stopped: {ended.brief}", ended.exit_code, ended.pod, here.now)
