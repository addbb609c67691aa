"""What a notebook trusts after the demo's lines: the gateway, and everybody it trusted before."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cluster.demo.trust import write_bundle


def authority(name: str) -> bytes:
    """A new authority's certificate, as PEM."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def names(bundle: Path) -> set[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=bundle)
    return {
        part[0][1] for one in context.get_ca_certs() for part in one["subject"] if part[0][0] == "commonName"
    }


def test_the_gateway_is_trusted_beside_everybody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("system", "company"):
        (tmp_path / name).write_bytes(authority(name))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "company"))
    bundle = tmp_path / "bundle"
    write_bundle(bundle, authority("gateway"))
    assert names(bundle) == {"gateway", "company", "system"}
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    write_bundle(bundle, authority("renewed"))
    assert names(bundle) == {"renewed", "system"}, "the old authority of the gateway does not stay"


def test_a_machine_without_a_list_of_its_own_trusts_what_pip_brings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "empty"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    write_bundle(tmp_path / "bundle", authority("gateway"))
    assert len(names(tmp_path / "bundle")) > 50
