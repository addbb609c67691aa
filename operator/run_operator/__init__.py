"""The Run operator: DigitalHub Runs as native Kubernetes objects.

`from run_operator import Run, get_run, list_runs, new_run, import_run, load_run` is the Python client; see docs/client.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from run_operator.client.cluster import Cluster
    from run_operator.client.run import Run
    from run_operator.client.runs import (
        compare_runs,
        delete_run,
        get_run,
        import_run,
        list_runs,
        load_run,
        new_run,
        update_run,
    )

__version__ = "0.1.0.dev0"

__all__ = [
    "Cluster", "Run", "compare_runs", "delete_run", "get_run", "import_run", "list_runs", "load_run", "new_run", "update_run",
]  # fmt: skip

_HOMES: Final = {"Cluster": "run_operator.client.cluster", "Run": "run_operator.client.run"}


def __getattr__(name: str) -> Any:
    """The client, loaded when it is asked for: the operator and `runctl --help` begin without it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(_HOMES.get(name, "run_operator.client.runs")), name)
