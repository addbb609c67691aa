"""Watches that stay open and say nothing, as behind a proxy that keeps what it should pass on: Runs go on by lists."""

from __future__ import annotations

from tests.support.harness import OperatorProcess

IMPATIENT = "from run_operator.kube import client; client.SILENCE = 4.0; from run_operator.__main__ import main; main()"
"""The operator, with four seconds in the place of one and a half minutes."""


def test_runs_start_and_end_long_before_the_next_resync(alone, proxy, person, tmp_path):
    operator = OperatorProcess(proxy.kubeconfig, tmp_path / "log", sweep_interval="600")
    operator.program = ("-c", IMPATIENT)
    try:
        operator.start()
        proxy.silence()
        person.apply_run("ends", "kwok-complete")
        person.apply_run("stops", "sleep")
        assert person.becomes("ends", "COMPLETED")["attempt"] == 1
        person.becomes("stops", "RUNNING")
        person.patch_run("stops", {"spec": {"suspend": True}})
        person.becomes("stops", "STOPPED")
    finally:
        operator.kill()
