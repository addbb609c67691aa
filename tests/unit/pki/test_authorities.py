"""What pods trust: the authority, its renewal without a gap, and how it comes into every namespace."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from typing import Any

import pytest

from run_operator.ingest.configmap import FRESH, NotOursError, PodFiles
from run_operator.kube.resource import CONFIG_MAPS, SECRETS
from run_operator.pki import ca
from run_operator.pki.ca import CertificateAuthority
from run_operator.pki.rotation import CertificateRotation
from tests.support.ingest_world import FakeApi, utc

HOME = "run-operator"
SECRET = "run-operator-ingest-ca"  # noqa: S105 - a name


class TestAuthorities:
    def test_one_is_made_and_kept(self):
        first = ca.renewed([], utc())
        assert len(first) == 1
        assert ca.renewed(first, utc(100)) == first

    def test_a_new_one_is_reported_a_day_before_it_signs_and_the_old_one_until_it_has_expired(self):
        old = ca.renewed([], utc())
        both = ca.renewed(old, utc(500))
        assert both[0] == old[0]
        assert len(both) == 2
        assert ca.signer(both, utc(500)) == old[0]
        assert ca.signer(both, utc(501.1)) == both[1]
        assert ca.bundle(both).count("BEGIN CERTIFICATE") == 2
        assert ca.renewed(both, utc(729)) == both
        assert ca.renewed(both, utc(731)) == both[1:]

    def test_at_every_moment_of_ten_years_the_signer_is_valid_and_was_published_before(self):
        there = ca.renewed([], utc())
        published = {there[0].certificate: utc(-1)}
        for day in range(0, 3650, 5):
            now = utc(day)
            there = ca.renewed(there, now)
            for one in there:
                published.setdefault(one.certificate, now)
            chosen = ca.signer(there, now)
            assert chosen.begins <= now
            assert chosen.ends > now + ca.SERVER_LIFE
            assert published[chosen.certificate] <= now - ca.TRUSTED_BEFORE
            assert len(there) <= ca.MOST


def certificates(api: FakeApi, now: list[dt.datetime]) -> CertificateRotation:
    return CertificateRotation(api, HOME, SECRET, ["localhost", "127.0.0.1"], lambda: now[0])  # type: ignore[arg-type]


async def shaken_hands(context: ssl.SSLContext, bundle: str, host: str = "localhost") -> bytes:
    """The certificate a client of this bundle gets to see; raises ssl.SSLError when it does not trust it."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    client = ssl.create_default_context(cadata=bundle)
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=host)
        found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return found
    finally:
        server.close()


async def test_pods_trust_the_endpoint_by_name_and_by_address():
    one = certificates(FakeApi(), [dt.datetime.now(dt.UTC)])
    await one.refresh()
    for host in ("localhost", "127.0.0.1"):
        await shaken_hands(one.context, one.bundle, host)
    with pytest.raises(ssl.SSLError):
        await shaken_hands(one.context, one.bundle, "elsewhere")
    stranger = ca.bundle([CertificateAuthority.create(dt.datetime.now(dt.UTC))])
    with pytest.raises(ssl.SSLError):
        await shaken_hands(one.context, stranger)


async def test_the_certificate_is_renewed_without_a_restart():
    now = [dt.datetime.now(dt.UTC) - dt.timedelta(days=4)]
    one = certificates(FakeApi(), now)
    await one.refresh()
    first = await shaken_hands(one.context, one.bundle)
    await one.refresh()
    assert await shaken_hands(one.context, one.bundle) == first
    now[0] += dt.timedelta(days=4, minutes=1)
    await one.refresh()
    assert await shaken_hands(one.context, one.bundle) != first


async def test_the_key_survives_a_restart_and_two_replicas_agree():
    api, now = FakeApi(), [dt.datetime.now(dt.UTC)]
    one, two, later = (certificates(api, now) for _ in range(3))
    await asyncio.gather(one.refresh(), two.refresh())
    await later.refresh()
    await one.refresh()
    assert one.bundle == later.bundle
    await two.refresh()
    assert two.bundle == one.bundle


async def test_the_empty_secret_of_the_manifests_is_filled_and_a_broken_one_is_corrected():
    api, now = FakeApi(), [dt.datetime.now(dt.UTC)]
    raw = {
        "metadata": {"name": SECRET, "namespace": HOME},
        "data": {"ca-0.crt": "bm90aGluZw==", "ca-0.key": "eA=="},
    }
    api.put(SECRETS, raw)
    one = certificates(api, now)
    await one.refresh()
    await shaken_hands(one.context, one.bundle)
    assert "create secrets" not in api.calls


MODULES = {"runmetrics.py": b"module", "sitecustomize.py": b"site", "runner.pyz": b"\x00packed"}


class TestWhatPodsMount:
    def made(self, api: FakeApi, bundle: str = "ca") -> PodFiles:
        self.now, self.bundle, self.said = [0.0], [bundle], []
        anything: Any = api
        return PodFiles(
            anything,
            MODULES,
            lambda: self.bundle[0],
            lambda *what: self.said.append(what),
            lambda: self.now[0],
        )

    def there(self, api: FakeApi, name: str = "run-operator-metrics"):
        return api.objects.get((CONFIG_MAPS.plural, "ml", name))

    async def test_once_a_namespace_and_not_once_a_run(self):
        api = FakeApi()
        files = self.made(api)
        await asyncio.gather(*(files.ensure("ml") for _ in range(50)))
        assert api.calls.count("create configmaps") == 2
        assert self.there(api)["data"] == {"ca.crt": "ca"}
        code = self.there(api, files.module)
        assert code["data"] == {"runmetrics.py": "module", "sitecustomize.py": "site"}
        assert code["binaryData"] == {"runner.pyz": "AHBhY2tlZA=="}
        assert code["immutable"] is True

    async def test_another_code_has_another_name(self):
        api: Any = FakeApi()
        other = PodFiles(api, MODULES | {"runmetrics.py": b"new"}, str, lambda *_: None, lambda: 0.0)
        assert other.module != self.made(api).module

    async def test_it_comes_back_when_it_was_deleted(self):
        api = FakeApi()
        files = self.made(api)
        await files.ensure("ml")
        api.objects.clear()
        self.now[0] = FRESH + 1
        await files.ensure("ml")
        assert self.there(api)
        assert self.there(api, files.module)

    async def test_a_new_authority_is_reported_at_once(self):
        api = FakeApi()
        files = self.made(api)
        await files.ensure("ml")
        self.bundle[0] = "ca and another"
        await files.ensure("ml")
        assert self.there(api)["data"]["ca.crt"] == "ca and another"
        assert self.said == []

    async def test_what_is_right_is_not_written_and_the_code_is_read_once(self):
        api = FakeApi()
        await self.made(api).ensure("ml")
        files, before = self.made(api), len(api.calls)
        for look in range(3):
            self.now[0] = look * (FRESH + 1)
            await files.ensure("ml")
        assert set(api.calls[before:]) == {"get configmaps"}

    async def test_somebody_elses_is_left_alone(self):
        api = FakeApi()
        api.put(
            CONFIG_MAPS, {"metadata": {"name": "run-operator-metrics", "namespace": "ml"}, "data": {"a": "b"}}
        )
        with pytest.raises(NotOursError, match="the operator did not create it"):
            await self.made(api).ensure("ml")
        assert self.there(api)["data"] == {"a": "b"}

    @pytest.mark.parametrize(
        "change",
        [
            {"data": {"runmetrics.py": "evil", "sitecustomize.py": "site"}},
            {"data": {"runmetrics.py": "module", "sitecustomize.py": "site", "numpy.py": "evil"}},
            {"binaryData": {"runner.pyz": "ZXZpbA=="}},
            {"immutable": False},
        ],
        ids=["changed", "one more", "another runner", "changeable"],
    )
    async def test_code_that_somebody_else_wrote_is_never_mounted(self, change):
        api = FakeApi()
        files = self.made(api)
        await files.ensure("ml")
        api.put(CONFIG_MAPS, self.there(api, files.module) | change)
        self.now[0] = FRESH + 1
        with pytest.raises(NotOursError, match="not what the operator wrote"):
            await files.ensure("ml")
        with pytest.raises(NotOursError, match="not what the operator wrote"):
            await self.made(api).ensure("ml")

    async def test_an_authority_that_somebody_changed_is_restored_and_reported(self):
        api = FakeApi()
        files = self.made(api)
        await files.ensure("ml")
        api.put(CONFIG_MAPS, self.there(api) | {"data": {"ca.crt": "evil"}})
        self.now[0] = FRESH + 1
        await files.ensure("ml")
        assert self.there(api)["data"]["ca.crt"] == "ca"
        assert [namespace for namespace, _ in self.said] == ["ml"]
