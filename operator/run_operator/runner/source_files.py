"""The source of the function, put into the folder it runs in."""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
from typing import TYPE_CHECKING, Any

from .archive import inside, unpack
from .errors import INVALID_SOURCE, RunnerError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAIN = "main.py"
"""The file of code that has no name of its own."""
SCHEMES = "git+https://, git+http://, zip+https://, zip+http://, zip+s3://, https://, http:// and s3://"


def place(source: Mapping[str, Any], folder: str, environ: Mapping[str, str]) -> str | None:
    """Put the source into the folder; the answer is the name of its one file, None for a whole folder.

    Raises RunnerError.
    """
    name = str(source.get("source") or "")
    remote = "://" in name
    code = _inline(source)
    if code is not None:
        file = MAIN if remote or not name else name
        target = inside(folder, file)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as stream:
            stream.write(code)
        return file
    if not name:
        raise RunnerError(
            INVALID_SOURCE, "the document has no source: set spec.source.base64, .code or .source"
        )
    if not remote:
        raise RunnerError(
            INVALID_SOURCE,
            f"the document names the file {name[:120]} but has no content for it (no base64, no code)",
        )
    return _remote(name, folder, environ)


def _inline(source: Mapping[str, Any]) -> bytes | None:
    encoded, code = source.get("base64"), source.get("code")
    if isinstance(encoded, str) and encoded:
        try:
            return base64.b64decode("".join(encoded.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise RunnerError(INVALID_SOURCE, f"spec.source.base64 is not base64: {error}") from error
    return code.encode("utf-8", "surrogatepass") if isinstance(code, str) and code else None


def _remote(url: str, folder: str, environ: Mapping[str, str]) -> str | None:
    import urllib.parse

    from .download import clone, fetch, shown

    scheme = url.partition("://")[0].lower()
    if scheme in ("git+https", "git+http"):
        clone(url[len("git+") :], folder, environ)
        return None
    if scheme in ("zip+https", "zip+http", "zip+s3"):
        handle, path = tempfile.mkstemp(suffix=".zip")
        os.close(handle)
        try:
            fetch(url[len("zip+") :], path, environ)
            unpack(path, folder)
        finally:
            os.unlink(path)
        return None
    if scheme in ("https", "http", "s3"):
        file = urllib.parse.unquote(os.path.basename(urllib.parse.urlsplit(url).path)) or MAIN
        fetch(url, inside(folder, file), environ)
        return file
    raise RunnerError(
        INVALID_SOURCE, f"{shown(url)} has a scheme that cannot be fetched; use one of {SCHEMES}"
    )
