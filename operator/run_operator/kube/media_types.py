"""Media types of requests and answers of the API server."""

from __future__ import annotations

from typing import Final

MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
"""The metadata of the objects in a list."""
JWKS_TYPE: Final = "application/jwk-set+json"
"""Public keys; the API server answers 406 to any other type."""
