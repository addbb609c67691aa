"""The arguments of a handler and of an init function, composed as the platform does it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Callable

from .errors import INIT_FAILED, INVALID_ARGUMENTS, RunnerError

if TYPE_CHECKING:
    from collections.abc import Mapping


def compose(
    handler: Callable[..., Any],
    parameters: Mapping[str, Any],
    inputs: Mapping[str, Any],
    reserved: Mapping[str, Callable[[], Any]],
) -> dict[str, Any]:
    """Parameters, then inputs, then the reserved names the handler has. Raises RunnerError where they do not fit.

    `reserved`: name to what makes its value, called only for names that the handler has.
    """
    signature = _signature(handler)
    given = {**parameters, **inputs}
    given.update({name: make() for name, make in reserved.items() if name in signature.parameters})
    try:
        signature.bind(**given)
    except TypeError as error:
        name = getattr(handler, "__name__", "handler")
        raise RunnerError(
            INVALID_ARGUMENTS,
            f"{name}{signature} cannot be called with {', '.join(sorted(given)) or 'nothing'}: {error}{_hint(signature)}",
        ) from error
    return given


def _hint(signature: inspect.Signature) -> str:
    """Advice for a method that was named by its class; empty for others."""
    if next(iter(signature.parameters), "") != "self":
        return ""
    return "; it is a method: create an object of its class in the module (model = Model()) and use model.method as the handler"


def compose_init(init: Callable[..., Any], parameters: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """`init_parameters` and the context. Raises RunnerError where they do not fit."""
    signature = _signature(init)
    name = getattr(init, "__name__", "the init function")
    if "context" not in signature.parameters:
        raise RunnerError(INIT_FAILED, f"{name}{signature} has no parameter context")
    given = {**parameters, "context": context}
    try:
        signature.bind(**given)
    except TypeError as error:
        raise RunnerError(
            INIT_FAILED, f"{name}{signature} cannot be called with {', '.join(sorted(given))}: {error}"
        ) from error
    return given


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # a builtin without one takes what it takes
        return inspect.Signature([inspect.Parameter("given", inspect.Parameter.VAR_KEYWORD)])
