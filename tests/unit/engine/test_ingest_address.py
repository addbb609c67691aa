"""An ingest that pods cannot find is reported at the start, with what to change."""

from __future__ import annotations

from run_operator.engine.ingest_address import check_ingest_address


async def test_a_host_that_nobody_knows_is_a_warning_that_names_the_setting(caplog):
    url = "https://run-operator-ingest.elsewhere.invalid:8443"
    assert not await check_ingest_address(url, "ml-system", pause=0.0)
    (record,) = caplog.records
    for words in (url, "namespace ml-system", "RUN_OPERATOR_INGEST_URL", "pods cannot send metrics"):
        assert words in record.getMessage()


async def test_a_host_that_is_known_is_not(caplog):
    assert await check_ingest_address("https://localhost:8443", "ml-system", pause=0.0)
    assert not caplog.records
