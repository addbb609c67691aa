"""Bringing results into the status of the Run, and the reason of an end to the operator."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any, Callable

from .errors import RESULTS_NOT_STORED, RunnerError
from .masking import without_secrets
from .traces import STDOUT, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .document import Report

TERMINATION_LOG = "/dev/termination-log"
"""Where the kubelet reads the last words of a container."""
MAX_MESSAGE = 2000
SECONDS = 120.0
"""For which results are sent again while the operator is away."""
NETWORK_SECONDS = 15.0
FIRST_PAUSE, LONGEST_PAUSE = 0.3, 5.0
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


def send(
    report: Report | None,
    results: Mapping[str, Any],
    outputs: Mapping[str, Any],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Store them in the status of the Run. Raises RunnerError when that is refused, or not possible for two minutes."""
    if not results and not outputs:
        return
    if report is None:
        raise RunnerError(RESULTS_NOT_STORED, "the operator gave this Run no address for its results")
    body = json.dumps({"results": dict(results), "outputs": dict(outputs)}, allow_nan=False).encode()
    deadline, pause, why = clock() + SECONDS, FIRST_PAUSE, ""
    while True:
        status, said = _put(report, body)
        if 200 <= status < 300:  # noqa: PLR2004 - HTTP
            return
        if status and status not in PASSING:
            raise RunnerError(RESULTS_NOT_STORED, f"the results were refused: {said}")
        if said != why:
            say(f"the results are not stored yet: {said}\n", STDOUT)
            why = said
        if clock() + pause > deadline:
            raise RunnerError(
                RESULTS_NOT_STORED, f"the results were not stored within {SECONDS:.0f} s: {said}"
            )
        sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.7)


def _put(report: Report, body: bytes) -> tuple[int, str]:
    """Status and words of the answer; status 0: there was none."""
    status, said = exchange(report, "PUT", report.url, body)
    return status, "" if 200 <= status < 300 else said  # noqa: PLR2004 - HTTP


def exchange(report: Report, method: str, url: str, body: bytes | None = None) -> tuple[int, str]:
    """One request to the operator: status, and the body or what an error says; status 0: there was no answer."""
    import http.client
    import ssl
    import urllib.error
    import urllib.request

    try:
        with open(report.token_file, encoding="utf-8") as file:
            token = file.read().strip()
        context = ssl.create_default_context(cafile=report.authority_file)
        request = urllib.request.Request(  # noqa: S310 - the operator's address
            url, data=body, method=method,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )  # fmt: skip
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with opener.open(request, timeout=NETWORK_SECONDS) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, _words(error)
    except (http.client.HTTPException, OSError, ValueError) as error:
        return 0, " ".join(str(getattr(error, "reason", error)).split())[:300]


def _words(error: Any) -> str:
    try:
        said = json.loads(error.read(65536)).get("error", "")
    except (OSError, ValueError, AttributeError):
        said = ""
    return " ".join(str(said).split())[:300] or f"{error.code} {error.reason}"


def end(reason: str, message: str, path: str | None = None) -> None:
    """Leave the reason where the kubelet finds it; without such a file (outside a pod) nothing is left."""
    target = path or os.environ.get("RUN_TERMINATION_LOG") or TERMINATION_LOG
    text = without_secrets(f"{reason}: {message}" if reason else message)
    try:
        with open(
            target, "r+" if target == TERMINATION_LOG else "w", encoding="utf-8", errors="replace"
        ) as file:
            file.write(" ".join(text.split())[:MAX_MESSAGE])
            file.truncate()
    except OSError:
        return
