"""Lets the DigitalHub SDK in a pod of a Run use the pod's own token. Python imports it at start; it costs microseconds.

The SDK wants a token in its environment, but the pod's is in a file that is renewed while the program runs, and the
operator's certificate authority is known to this pod alone. So, where the operator set DHCORE_ENDPOINT and nobody else set
credentials, the environment gets a stand-in for the token, and requests to that one address, made by the library
`requests`, get the real one and the right authority. All other requests stay as they are. Whatever goes wrong here, the
program goes on; a `sitecustomize` of the image's own is run as if this one were not there.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # `typing` is no cheap import
if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from typing import Any

ENDPOINT = "RUN_SDK_ENDPOINT"
STAND_IN = "the-token-of-this-pod"
CREDENTIALS = (
    "DHCORE_ACCESS_TOKEN", "DHCORE_PERSONAL_ACCESS_TOKEN", "DHCORE_REFRESH_TOKEN", "DHCORE_USER", "DHCORE_PASSWORD",
)  # fmt: skip
PATCHED = "requests.sessions"


def prepare(environ: MutableMapping[str, str]) -> str:
    """Set what is missing in the environment; returns the address that is the operator's, or an empty text."""
    endpoint = environ.get(ENDPOINT, "")
    if not endpoint:
        return ""
    if any(environ.get(name) for name in CREDENTIALS[1:]):
        own = True
    else:
        own = environ.get("DHCORE_ACCESS_TOKEN") not in (None, "", STAND_IN)
    if not own or environ.get("DHCORE_ENDPOINT"):
        environ.setdefault("DHCORE_ENDPOINT", endpoint)
    if environ.get("DHCORE_ENDPOINT", "").rstrip("/") != endpoint:
        return ""
    if not own:
        environ["DHCORE_ACCESS_TOKEN"] = STAND_IN
    return endpoint


def with_our_token(send: Any, endpoint: str, environ: MutableMapping[str, str]) -> Any:
    """`Session.send`, which knows token and authority for requests to the endpoint."""

    def sending(self: Any, request: Any, **kwargs: Any) -> Any:
        if (request.url or "").startswith(endpoint + "/"):
            if request.headers.get("Authorization") == "Bearer " + STAND_IN:
                with open(environ["RUN_METRICS_TOKEN_FILE"]) as file:
                    request.headers["Authorization"] = "Bearer " + file.read().strip()
            if kwargs.get("verify", True) is not False:
                kwargs["verify"] = environ["RUN_METRICS_CA_FILE"]
        return send(self, request, **kwargs)

    return sending


class OnImport:
    """A finder that finds nothing itself: it has `requests` patched when somebody imports it, and is gone then."""

    def __init__(self, patch: Callable[[Any], None]) -> None:
        self.patch = patch

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Of any other module: no answer, which is what the next finder is for."""
        if name != PATCHED:
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target) if hasattr(finder, "find_spec") else None
            if spec is not None:
                self.wrap(spec.loader)
                return spec
        return None

    def wrap(self, loader: Any) -> None:
        """Have the module patched when this very loader has run it. A loader that cannot be told stays as it is."""
        run = loader.exec_module

        def exec_module(module: Any) -> None:
            run(module)
            self.patch(module)

        try:
            loader.exec_module = exec_module
        except AttributeError:
            return


def install(environ: MutableMapping[str, str]) -> None:
    """Have `requests` patched, now or when it is imported."""
    endpoint = prepare(environ)
    if not endpoint or not environ.get("RUN_METRICS_TOKEN_FILE") or not environ.get("RUN_METRICS_CA_FILE"):
        return

    def patch(module: Any) -> None:
        session = getattr(module, "Session", None)
        if session is not None:
            session.send = with_our_token(session.send, endpoint, environ)

    if PATCHED in sys.modules:
        patch(sys.modules[PATCHED])
    else:
        sys.meta_path.insert(0, OnImport(patch))


def run_the_other(here: str) -> None:
    """Run the `sitecustomize` that this one hides, if there is one. What it raises is told by Python as ever."""
    folders = [path for path in sys.path if os.path.abspath(path or os.curdir) != here]
    for finder in sys.meta_path:
        spec = finder.find_spec("sitecustomize", folders) if hasattr(finder, "find_spec") else None
        if spec is not None and spec.loader is not None and spec.origin != __file__:
            from importlib.util import module_from_spec

            module = module_from_spec(spec)
            sys.modules["sitecustomize"] = module
            spec.loader.exec_module(module)
            return


if __name__ == "sitecustomize":
    try:  # noqa: SIM105 - contextlib is no cheap import
        install(os.environ)
    except Exception:  # noqa: BLE001, S110 - the program does not know of us, and need not suffer
        pass
    run_the_other(os.path.dirname(os.path.abspath(__file__)))
