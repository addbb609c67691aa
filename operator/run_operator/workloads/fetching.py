"""The init container that fetches files for the program: the runner, in the operator's image for Python."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any, Final

from run_operator.api import pod_contract as names
from run_operator.api.run import Run
from run_operator.api.translation import Fetched
from run_operator.workloads.fields import UnsupportedError, WorkloadError
from run_operator.workloads.source import FOLDER
from run_operator.workloads.types import Options

CONTAINER: Final = "fetch"
SCHEMES: Final = ("store", "s3", "https", "http")
TAKEN: Final = ("image", "imagePullPolicy", "env", "envFrom", "volumeMounts", "securityContext", "resources")
"""Parts of the program's container: the same variables, Secrets and rights, and no more memory than the program gets."""


def fetching(run: Run, program: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """The init container. `program`: the container that starts after it. Raises WorkloadError."""
    if options.ingest_url is None:
        raise UnsupportedError(
            "UnsupportedSource",
            f"the pods of {run.kind} fetch files with the operator's ingest, which is off: "
            "set the operator's flag --ingest-url",
        )
    files = run.translation.files if run.translation else ()
    pairs = [part for one in files for part in _checked(one)]
    versions = sorted(options.python_images, key=lambda name: int(name.rpartition("_")[2]))
    return {
        "name": CONTAINER,
        **{key: program[key] for key in TAKEN if key in program},
        "image": options.python_images[versions[-1]],
        "command": ["python3", "-u", names.RUNNER_FILE, "fetch", *pairs],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _checked(one: Fetched) -> tuple[str, str]:
    scheme, _, rest = one.source.partition("://")
    if scheme not in SCHEMES or not rest:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise WorkloadError("InvalidSource", f"{scheme[:40]}:// cannot be fetched; use one of {known}")
    folder = posixpath.normpath(one.path)
    if not folder.startswith(f"{FOLDER}/"):
        raise WorkloadError(
            "InvalidSource", f"files are fetched into folders below {FOLDER}, not into {one.path[:200]!r}"
        )
    return one.source, folder
