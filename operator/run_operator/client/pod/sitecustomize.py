"""Lets the DigitalHub SDK in a pod of a Run use the pod's own token. Python imports it at start; it costs microseconds.

The SDK wants a token in its environment, but the pod's is in a file that is renewed while the program runs, and the
operator's certificate authority is known to this pod alone. So, where the operator set DHCORE_ENDPOINT and nobody else set
credentials, the environment gets a stand-in for the token, and requests to that one address, made by the library
`requests`, get the real one, the right authority and no proxy. All other requests stay as they are. After any error
here the program goes on; a `sitecustomize` of the image's own is run as if this one were not there.

Every Python of an image reads this file, those of its system tools too: it has the syntax of all of them, from 2.7 on.
"""

import os
import sys

TYPE_CHECKING = False  # `typing` is not a cheap import
if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from typing import Any

ENDPOINT = "RUN_SDK_ENDPOINT"
STAND_IN = "the-token-of-this-pod"
SDK_NEEDS = (3, 7)
CREDENTIALS = (
    "DHCORE_ACCESS_TOKEN", "DHCORE_PERSONAL_ACCESS_TOKEN", "DHCORE_REFRESH_TOKEN", "DHCORE_USER", "DHCORE_PASSWORD",
)  # fmt: skip
PATCHED = "requests.sessions"
NOTES = "run_operator_sitecustomize"
OK = 200


def prepare(environ):
    # type: (MutableMapping[str, str]) -> str
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


def with_our_token(send, endpoint, environ):
    # type: (Any, str, MutableMapping[str, str]) -> Any
    """`Session.send`, which knows token and authority for requests to the endpoint."""

    def sending(self, request, **kwargs):
        # type: (Any, Any, **Any) -> Any
        if (request.url or "").startswith(endpoint + "/"):
            if request.headers.get("Authorization") == "Bearer " + STAND_IN:
                with open(environ["RUN_METRICS_TOKEN_FILE"]) as file:
                    request.headers["Authorization"] = "Bearer " + file.read().strip()
            if kwargs.get("verify", True) is not False:
                kwargs["verify"] = environ["RUN_METRICS_CA_FILE"]
            kwargs["proxies"] = {}  # those of the environment know no address within the cluster
            answer = send(self, request, **kwargs)
            return with_secrets(answer, environ) if "/secrets/data?" in request.url else answer
        return send(self, request, **kwargs)

    return sending


def with_secrets(answer, environ):
    # type: (Any, MutableMapping[str, str]) -> Any
    """The answer of the operator names secrets that it may not read; here their values are variables."""
    if answer.status_code == OK:
        import json

        values = {name: environ.get(name, "") for name in answer.json()}
        answer._content = json.dumps(values).encode("utf-8")  # noqa: SLF001 - there is no other way in
    return answer


class OnImport:
    """A finder that finds nothing itself: it has `requests` patched when somebody imports it, and is gone then."""

    def __init__(self, patch):
        # type: (Callable[[Any], None]) -> None
        self.patch = patch

    def find_spec(self, name, path=None, target=None):
        # type: (str, Any, Any) -> Any
        """None for any other module: the next finder answers."""
        if name != PATCHED:
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target) if hasattr(finder, "find_spec") else None
            if spec is not None:
                self.wrap(spec.loader)
                return spec
        return None

    def wrap(self, loader):
        # type: (Any) -> None
        """Have the module patched when this very loader has run it. A loader that cannot be patched stays as it is."""
        run = loader.exec_module

        def exec_module(module):
            # type: (Any) -> None
            run(module)
            self.patch(module)

        try:
            loader.exec_module = exec_module
        except AttributeError:
            return


def install(environ):
    # type: (MutableMapping[str, str]) -> None
    """Have `requests` patched, now or when it is imported."""
    if sys.version_info < SDK_NEEDS:
        return
    endpoint = prepare(environ)
    if not endpoint or not environ.get("RUN_METRICS_TOKEN_FILE") or not environ.get("RUN_METRICS_CA_FILE"):
        return

    def patch(module):
        # type: (Any) -> None
        session = getattr(module, "Session", None)
        if session is not None:
            session.send = with_our_token(session.send, endpoint, environ)

    if PATCHED in sys.modules:
        patch(sys.modules[PATCHED])
    else:
        sys.meta_path.insert(0, OnImport(patch))


def notes():
    # type: () -> Any
    """State that outlives this file: another `sitecustomize` may run it a second time."""
    if NOTES not in sys.modules:
        kept = type(sys)(NOTES)
        vars(kept)["ran"] = []
        sys.modules[NOTES] = kept
    return sys.modules[NOTES]


def run_the_other(here, ran):
    # type: (str, list[str]) -> None
    """Run the `sitecustomize` that this one hides, if there is one. Python prints what it raises.

    Those of earlier folders have run: they are the ones that run this file as the next. `ran`: folders of those that run
    from here, and may also look for a next one.
    """
    places = [os.path.abspath(path or os.curdir) for path in sys.path]
    for place in places[places.index(here) + 1 if here in places else 0 :]:
        if place == here or place in ran:
            continue
        run = found_by_imp(place) if sys.version_info < (3, 5) else found(place)
        if run:
            ran.append(place)
            run()
            return


def found(folder):
    # type: (str) -> Callable[[], None] | None
    """The one in that folder, to be run; None: there is none."""
    for finder in sys.meta_path:
        spec = finder.find_spec("sitecustomize", [folder]) if hasattr(finder, "find_spec") else None
        if spec is not None and spec.loader is not None and spec.origin != __file__:
            return lambda: load(spec)
    return None


def load(spec):
    # type: (Any) -> None
    """Run the module as Python would."""
    from _frozen_importlib import module_from_spec  # importlib.util imports much in some Pythons

    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


def found_by_imp(folder):
    # type: (str) -> Callable[[], None] | None
    """The same with what old Pythons have for it."""
    import imp

    try:
        file, path, kind = imp.find_module("sitecustomize", [folder])
    except ImportError:
        return None

    def run():
        # type: () -> None
        notes().ours = sys.modules.pop("sitecustomize")  # a module that nobody holds is emptied while it runs
        try:
            imp.load_module("sitecustomize", file, path, kind)  # type: ignore[arg-type]
        finally:
            if file:
                file.close()

    return run


if __name__ == "sitecustomize":
    if NOTES not in sys.modules:
        try:  # noqa: SIM105 - contextlib is not a cheap import
            install(os.environ)
        except Exception:  # noqa: BLE001, S110 - the program does not know of us, and need not suffer
            pass
    run_the_other(os.path.dirname(os.path.abspath(__file__)), notes().ran)
