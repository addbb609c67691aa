"""Alerts and panels, by Prometheus' own program: each query is understood, each alert fires when it should and not before.

`make promtool`: the program takes minutes to build, so this is no part of `make test`. That every query names a metric which exists
is (`tests/unit/manifests/test_monitoring.py`).
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.build import build
from tests.support.monitoring import panels, rules

REQUESTS = "run_operator_api_requests_total"
RECONCILES = "run_operator_reconciles_total"
MEMORY = 'process_resident_memory_bytes{job="run-operator-metrics"}'
UP = 'up{job="run-operator-metrics"}'
FIRES: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "RunOperatorAway": ({UP: "0x60"}, {UP: "1x60"}, "6m"),
    "RunOperatorNobodyLeads": (
        {'run_operator_leading{pod="a"}': "0x60", 'run_operator_leading{pod="b"}': "0x60"},
        {'run_operator_leading{pod="a"}': "0x60", 'run_operator_leading{pod="b"}': "1x60"},
        "3m",
    ),
    "RunOperatorQueueStands": (
        {"run_operator_queue_oldest_seconds": "0+60x60"},
        {"run_operator_queue_oldest_seconds": "119x60"},
        "10m",
    ),
    "RunOperatorLate": (
        {"run_operator_loop_lag_seconds": "2x60"},
        {"run_operator_loop_lag_seconds": "0.5x60"},
        "12m",
    ),
    "RunOperatorWritesFail": (
        {f'{REQUESTS}{{code="503"}}': "0+90x60", f'{REQUESTS}{{code="error"}}': "0+90x60"},
        {f'{REQUESTS}{{code="200"}}': "0+900x60", f'{REQUESTS}{{code="404"}}': "0+900x60"},
        "15m",
    ),
    "RunOperatorRightsMissing": (
        {f'{REQUESTS}{{code="403"}}': "0 0 1x60"},
        {f'{REQUESTS}{{code="200"}}': "0+9x60"},
        "5m",
    ),
    "RunOperatorPartMissing": (
        {"run_operator_missing_part": "1x60"},
        {"run_operator_missing_part": "0x60"},
        "6m",
    ),
    "RunOperatorFails": (
        {f'{RECONCILES}{{result="bug"}}': "0 0 1x60"},
        {f'{RECONCILES}{{result="ok"}}': "0+9x60"},
        "5m",
    ),
    "RunOperatorStreamsRestart": (
        {'run_operator_watch_restarts_total{resource="runs"}': "0+1x60"},
        {'run_operator_watch_restarts_total{resource="runs"}': "0 0 1x60"},
        "30m",
    ),
    "RunOperatorMetricsLate": (
        {"run_operator_ingest_freshness_seconds": "301x60"},
        {"run_operator_ingest_freshness_seconds": "299x60"},
        "6m",
    ),
    "RunOperatorLogsLost": (
        {'run_operator_logs_lost_total{reason="full"}': "0 0 1x60"},
        {'run_operator_logs_lost_total{reason="full"}': "7x60"},
        "30m",
    ),
    "RunOperatorMemory": ({MEMORY: "500000000x60"}, {MEMORY: "150000000x60"}, "6m"),
}
"""Alert to the samples of a bad night, those of a good one (one a minute), and the time by which the bad one is reported."""


@pytest.fixture(scope="module")
def promtool() -> Path:
    return build("promtool") / "promtool"


def said(
    promtool: Path, folder: Path, verb: str, document: dict[str, Any], *flags: str
) -> subprocess.CompletedProcess[str]:
    file = folder / "given.yaml"
    file.write_text(yaml.safe_dump(document))
    command = [promtool, verb, "rules", *flags, file]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def test_every_alert_is_understood(promtool, tmp_path):
    done = said(
        promtool,
        tmp_path,
        "check",
        {"groups": [{"name": "alerts", "rules": rules()}]},
        "--lint=all",
        "--lint-fatal",
    )
    assert done.returncode == 0, done.stderr
    assert f"SUCCESS: {len(rules())} rules found" in done.stdout


def test_every_panel_is_understood(promtool, tmp_path):
    queries = [target["expr"] for one in panels() for target in one["targets"]]
    recorded = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries)]
    done = said(promtool, tmp_path, "check", {"groups": [{"name": "panels", "rules": recorded}]})
    assert done.returncode == 0, done.stderr


def test_a_query_that_is_no_query_is_seen(promtool, tmp_path):
    done = said(
        promtool, tmp_path, "check", {"groups": [{"name": "x", "rules": [{"record": "x", "expr": "sum(up"}]}]}
    )
    assert "unclosed left parenthesis" in done.stderr


def test_each_alert_has_its_nights():
    assert set(FIRES) == {rule["alert"] for rule in rules()}


@pytest.mark.parametrize("alert", FIRES)
def test_it_fires_in_a_bad_night_and_in_no_good_one(promtool, tmp_path, alert):
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump({"groups": [{"name": "alerts", "rules": rules()}]}))
    bad, good, by = FIRES[alert]
    rule = next(one for one in rules() if one["alert"] == alert)
    expected = {"exp_labels": rule["labels"], "exp_annotations": rule["annotations"]}
    document = {
        "rule_files": ["alerts.yaml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in samples.items()],
                "alert_rule_test": [{"eval_time": by, "alertname": alert, "exp_alerts": alerts}],
            }
            for samples, alerts in ((bad, [expected]), (good, []))
        ],
    }
    done = said(promtool, tmp_path, "test", document)
    assert done.returncode == 0, done.stdout + done.stderr
