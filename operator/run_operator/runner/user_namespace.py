"""A program in a user namespace of its own, in which the user of the pod is root and nobody else exists: `in-namespace PROGRAM ...`.

It takes no capability, no setuid program and no range of subordinate users, so the pod may forbid them all. It does take the
system calls `unshare` and `mount`, which the default seccomp profile of most container runtimes refuses.

In such a namespace the kernel allows no `setgroups`, since the groups of the one user could be a reason to deny him things. buildah
calls it before each RUN, and gives up where it fails. So a filter answers the call with success and does nothing: there are no
other groups to leave.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from typing import TYPE_CHECKING

from .errors import BUILD_FAILED, RunnerError

if TYPE_CHECKING:
    from collections.abc import Sequence

ACTION = "in-namespace"
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_SETGROUPS = {"x86_64": (0xC000003E, 116), "aarch64": (0xC00000B7, 159)}
"""By machine: its audit architecture and the number of the call."""
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _SUCCEED = 0x7FFF0000, 0x00050000
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def enter(command: Sequence[str]) -> None:
    """Replace this process by the command, in a user namespace. Raises RunnerError."""
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS):
        raise _refused("make a user namespace")
    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    except OSError as error:
        raise RunnerError(BUILD_FAILED, f"the user namespace cannot be set up: {error}") from error
    _answer_setgroups(libc)
    try:
        os.execvp(command[0], list(command))  # noqa: S606 - the operator's own command
    except OSError as error:
        raise RunnerError(BUILD_FAILED, f"{command[0]} cannot be started: {error}") from error


def _answer_setgroups(libc: ctypes.CDLL) -> None:
    machine = platform.machine()
    if machine not in _SETGROUPS:
        raise RunnerError(BUILD_FAILED, f"images can be built on {', '.join(_SETGROUPS)}, not on {machine}")
    architecture, number = _SETGROUPS[machine]
    steps = (
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 0, 3, architecture),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_EQUAL, 0, 1, number),
        (_RETURN, 0, 0, _SUCCEED),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    held = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(steps), ctypes.addressof(held))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        _PR_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0
    ):
        raise _refused("filter system calls")


def _refused(what: str) -> RunnerError:
    why = os.strerror(ctypes.get_errno())
    return RunnerError(
        BUILD_FAILED,
        f"this pod is not allowed to {what} ({why}): an administrator must set a seccomp profile that allows it (docs/builds.md)",
    )
