"""Files that a program finds in its pod when it starts: a model, as its init container fetches it."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from . import s3
from .archive import inside
from .download import SECONDS, fetch, shown
from .errors import INVALID_SOURCE, RunnerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_BYTES = 1 << 40
"""The most of one file, in bytes. The size of the volume is reached before, as a rule."""
MAX_SECONDS = 24 * 3600.0
MAX_FILES = 10_000
MAX_LISTING = 8 << 20
"""Bytes of one page of names."""
_SPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def provide(pairs: Sequence[str], environ: Mapping[str, str]) -> None:
    """`pairs`: source, folder, source, folder... Raises RunnerError."""
    for source, folder in zip(pairs[::2], pairs[1::2]):
        os.makedirs(folder, exist_ok=True)
        count = 0
        for url, name in _files(_address(source, environ), environ):
            target = inside(folder, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            fetch(url, target, environ, MAX_BYTES, MAX_SECONDS)
            count += 1
        if not count:
            raise RunnerError(INVALID_SOURCE, f"there is no file below {shown(source)}")
        print(f"{shown(source)}: {count} files in {folder}", flush=True)


def _address(source: str, environ: Mapping[str, str]) -> str:
    """Where the files are: of a key, as the entity says."""
    if not source.startswith("store://"):
        return source
    project, kind, _, name = [*source[len("store://") :].split("/"), "", "", "", ""][:4]
    entity = _entity(project, f"{kind}s", name, environ)
    path = entity.get("spec", {}).get("path") if isinstance(entity.get("spec"), dict) else None
    if not isinstance(path, str) or "://" not in path or path.startswith("store://"):
        raise RunnerError(INVALID_SOURCE, f"{source[:200]} has no path to fetch")
    return path


def _entity(project: str, plural: str, name: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """The entity of a key, from the operator, with the token of this pod."""
    endpoint, title, entity_id = environ.get("RUN_SDK_ENDPOINT", ""), *name.partition(":")[::2]
    if not endpoint:
        raise RunnerError(
            INVALID_SOURCE, "the operator serves no entities to pods: its flag --pod-api-url is not set"
        )
    base = f"{endpoint}/api/v1/-/{urllib.parse.quote(project)}/{urllib.parse.quote(plural)}"
    url = (
        f"{base}/{urllib.parse.quote(entity_id)}" if entity_id else f"{base}?name={urllib.parse.quote(title)}"
    )
    try:
        with open(environ["RUN_METRICS_TOKEN_FILE"], encoding="utf-8") as file:
            token = file.read().strip()
        context = ssl.create_default_context(cafile=environ["RUN_METRICS_CA_FILE"])
        request = urllib.request.Request(url)  # noqa: S310
        request.add_unredirected_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=SECONDS, context=context) as answer:  # noqa: S310
            found = json.load(answer)
    except (http.client.HTTPException, OSError, ValueError, KeyError) as error:
        raise RunnerError(INVALID_SOURCE, f"the {plural} of {name[:120]} cannot be read: {error}") from error
    if "content" in found:
        found = next(iter(found["content"]), {})
    return found if isinstance(found, dict) else {}


def _files(url: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Addresses and names below the folder."""
    scheme = url.partition("://")[0].lower()
    if scheme == "s3" and url.endswith("/"):
        yield from _listed(url, environ)
    elif scheme in ("s3", "http", "https"):
        yield url, urllib.parse.unquote(os.path.basename(urllib.parse.urlsplit(url).path)) or "file"
    else:
        raise RunnerError(
            INVALID_SOURCE,
            f"{shown(url)} has a scheme that cannot be fetched; use store://, s3://, https:// and http://",
        )


def _listed(url: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    parts = urllib.parse.urlsplit(url)
    prefix, after, seen = parts.path.lstrip("/"), "", 0
    for _ in range(MAX_FILES):
        try:
            with urllib.request.urlopen(s3.listing(url, environ, after), timeout=SECONDS) as answer:  # noqa: S310
                page = ET.fromstring(answer.read(MAX_LISTING))  # noqa: S314 - the admin's store
        except (http.client.HTTPException, OSError, ET.ParseError) as error:
            raise RunnerError(INVALID_SOURCE, f"{shown(url)} cannot be listed: {error}") from error
        for key in (one.text or "" for one in page.iter(f"{_SPACE}Key")):
            if key.endswith("/"):
                continue
            seen += 1
            if seen > MAX_FILES:
                raise RunnerError(INVALID_SOURCE, f"{shown(url)} holds more than {MAX_FILES} files")
            yield f"s3://{parts.netloc}/{key}", key[len(prefix) :]
        after = page.findtext(f"{_SPACE}NextContinuationToken") or ""
        if not after:
            return
    raise RunnerError(INVALID_SOURCE, f"{shown(url)} has more than {MAX_FILES} pages of names")
