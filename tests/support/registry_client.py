"""Images put into a registry and looked at, by its HTTP API: what a test needs before there is a builder."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from cluster.images.archive import Config

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def each_once(layer: bytes) -> bytes:
    """The layer with one entry for each path, the last one: buildah takes no other."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(layer)) as source:
        last = {info.name: info for info in source}
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as target:
            for info in last.values():
                target.addfile(info, source.extractfile(info) if info.isreg() else None)
    return out.getvalue()


@dataclass(frozen=True)
class RegistryClient:
    """One registry without TLS, with the login of one user."""

    address: str
    user: str
    password: str

    def put(self, repository: str, tag: str, layers: Sequence[bytes], config: Config) -> str:
        """Push an image; the answer is its digest."""
        packed = [gzip.compress(layer, 1, mtime=0) for layer in layers]
        settings = json.dumps(config.to_json([hashlib.sha256(one).hexdigest() for one in layers])).encode()
        blobs = [(CONFIG, settings), *((LAYER, one) for one in packed)]
        described = [self._blob(repository, kind, data) for kind, data in blobs]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described[0],
            "layers": described[1:],
        }
        body = json.dumps(manifest).encode()
        self._ask("PUT", f"/v2/{repository}/manifests/{tag}", body, {"Content-Type": MANIFEST})
        return f"sha256:{hashlib.sha256(body).hexdigest()}"

    def manifest(self, repository: str, reference: str) -> dict[str, Any]:
        """What the registry has under a tag or a digest."""
        _, body = self._ask("GET", f"/v2/{repository}/manifests/{reference}", headers={"Accept": MANIFEST})
        found: dict[str, Any] = json.loads(body)
        return found

    def config(self, repository: str, reference: str) -> dict[str, Any]:
        """How the image runs, and its history."""
        digest = self.manifest(repository, reference)["config"]["digest"]
        found: dict[str, Any] = json.loads(self._ask("GET", f"/v2/{repository}/blobs/{digest}")[1])
        return found

    def tags(self, repository: str) -> list[str]:
        """Its tags; none where there is no such repository."""
        try:
            found: list[str] = json.loads(self._ask("GET", f"/v2/{repository}/tags/list")[1])["tags"] or []
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return []
            raise
        return found

    def _blob(self, repository: str, kind: str, data: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        headers, _ = self._ask("POST", f"/v2/{repository}/blobs/uploads/")
        place = headers["Location"]
        joined = f"{place}{'&' if '?' in place else '?'}digest={digest}"
        self._ask("PUT", joined, data, {"Content-Type": "application/octet-stream"})
        return {"mediaType": kind, "digest": digest, "size": len(data)}

    def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[dict[str, str], bytes]:
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        request = urllib.request.Request(  # noqa: S310 - the registry of the test
            urljoin(f"http://{self.address}", path), data=body, method=method,
            headers={"Authorization": f"Basic {token}", **(headers or {})},
        )  # fmt: skip
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            return dict(answer.headers), answer.read()
