"""The certificate authority of the ingest. Pure except for randomness: the caller passes `now`.

Several authorities may be valid at once. Pods trust a new one a day before it signs anything, and an old one until it
has expired, so a rotation interrupts nobody.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE: Final = dt.timedelta(days=730)
AUTHORITY_RENEWED: Final = dt.timedelta(days=240)
"""Renewed this long before its end."""
TRUSTED_BEFORE: Final = dt.timedelta(days=1)
SERVER_LIFE: Final = dt.timedelta(days=7)
SERVER_RENEWED: Final = dt.timedelta(days=3)
SKEW: Final = dt.timedelta(hours=1)
"""Allowed difference between clocks."""
MOST: Final = 4
"""Most authorities at once."""


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """One authority, as PEM."""

    certificate: bytes
    key: bytes

    @property
    def begins(self) -> dt.datetime:
        """Begin of its validity."""
        return self._read.not_valid_before_utc

    @property
    def ends(self) -> dt.datetime:
        """End of its validity."""
        return self._read.not_valid_after_utc

    @property
    def _read(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate)

    @classmethod
    def create(cls, now: dt.datetime) -> CertificateAuthority:
        """Create a new authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "run-operator-ingest-ca")])
        builder = _builder(name, name, key, now, AUTHORITY_LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_signing(), critical=True)
        return cls(_certificate(builder.sign(key, hashes.SHA256())), _key(key))

    def issue(self, hosts: Iterable[str], now: dt.datetime) -> bytes:
        """Key and certificate for a server of these names and addresses, as one PEM text."""
        signer = serialization.load_pem_private_key(self.key, password=None)
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            raise TypeError("the key of the authority is not an elliptic curve key")
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "run-operator-ingest")])
        builder = _builder(subject, self._read.subject, key, now, SERVER_LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_host(one) for one in hosts]), critical=False
        )
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(issuer, critical=False)
        return _key(key) + _certificate(builder.sign(signer, hashes.SHA256()))


def renewed(authorities: Sequence[CertificateAuthority], now: dt.datetime) -> list[CertificateAuthority]:
    """The valid authorities, oldest first, with a new one if the newest ends soon."""
    valid = sorted((one for one in authorities if one.ends > now), key=lambda one: one.begins)
    if not valid or valid[-1].ends - now < AUTHORITY_RENEWED:
        valid.append(CertificateAuthority.create(now))
    return valid[-MOST:]


def signer(authorities: Sequence[CertificateAuthority], now: dt.datetime) -> CertificateAuthority:
    """The newest authority that pods have trusted long enough, else the oldest."""
    trusted = [one for one in authorities if one.begins + SKEW + TRUSTED_BEFORE <= now]
    return trusted[-1] if trusted else authorities[0]


def bundle(authorities: Sequence[CertificateAuthority]) -> str:
    """All authority certificates as PEM, for pods to trust."""
    return b"".join(one.certificate for one in authorities).decode()


def parts(pem: bytes) -> tuple[bytes, bytes]:
    """Split the result of `issue` into key and certificate."""
    key, mark, certificate = pem.partition(b"-----BEGIN CERTIFICATE-----")
    return key, mark + certificate


def fingerprint(certificate: bytes) -> str:
    """A short identity of an authority."""
    return hashlib.sha256(certificate).hexdigest()[:16]


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: dt.datetime,
    life: dt.timedelta,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - SKEW).not_valid_after(now + life)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return builder.add_extension(identifier, critical=False)


def _certificate(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _signing() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
