"""Signed requests to an S3 store (Signature Version 4), by the standard library alone: one object, or the names of many."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

from .errors import INVALID_SOURCE, RunnerError

if TYPE_CHECKING:
    from collections.abc import Mapping

EMPTY = hashlib.sha256(b"").hexdigest()


def listing(url: str, environ: Mapping[str, str], after: str = "") -> urllib.request.Request:
    """GET of the names below `s3://bucket/folder/`; `after`: the token of the page before. Raises RunnerError."""
    parts = urllib.parse.urlsplit(url)
    asked = {"list-type": "2", "prefix": parts.path.lstrip("/")} | (
        {"continuation-token": after} if after else {}
    )
    query = "&".join(
        f"{name}={urllib.parse.quote(value, safe='-_.~')}" for name, value in sorted(asked.items())
    )
    return request(f"s3://{parts.netloc}", environ, query=query)


def request(
    url: str, environ: Mapping[str, str], now: dt.datetime | None = None, query: str = ""
) -> urllib.request.Request:
    """GET of `s3://bucket/key`, with the credentials of the environment. Raises RunnerError.

    AWS_ENDPOINT_URL (or S3_ENDPOINT_URL), AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, as
    everywhere. The bucket is put into the path, which every S3 store understands.
    """
    parts = urllib.parse.urlsplit(url)
    bucket, key = parts.netloc, parts.path.lstrip("/")
    if not bucket or not (key or query):
        raise RunnerError(INVALID_SOURCE, f"{url[:200]} has no bucket or no object")
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    endpoint = (
        environ.get("AWS_ENDPOINT_URL")
        or environ.get("S3_ENDPOINT_URL")
        or f"https://s3.{region}.amazonaws.com"
    )
    access, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not access or not secret:
        raise RunnerError(
            INVALID_SOURCE,
            f"{url[:200]} needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment of the Run",
        )
    path = "/" + urllib.parse.quote(f"{bucket}/{key}" if key else bucket, safe="/-_.~")
    base = urllib.parse.urlsplit(endpoint.rstrip("/"))
    headers = _signed(
        base.netloc, base.path + path, region, access, secret, environ.get("AWS_SESSION_TOKEN", ""),
        now or dt.datetime.now(dt.timezone.utc), query,
    )  # fmt: skip
    address = f"{base.scheme}://{base.netloc}{base.path}{path}" + (f"?{query}" if query else "")
    request = urllib.request.Request(address)  # noqa: S310 - the admin's store
    for name, value in headers.items():
        request.add_unredirected_header(name, value)
    return request


def _signed(
    host: str, path: str, region: str, access: str, secret: str, session: str, now: dt.datetime, query: str
) -> Mapping[str, str]:
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-content-sha256": EMPTY, "x-amz-date": moment}
    if session:
        headers["x-amz-security-token"] = session
    names = ";".join(sorted(headers))
    listed = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"GET\n{path}\n{query}\n{listed}\n{names}\n{EMPTY}"
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    del headers["host"]
    return {
        **headers,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={names}, Signature={signature}",
    }
