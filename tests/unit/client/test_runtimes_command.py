"""`runctl explain-runtime`: pure, with Runtimes of files."""

from __future__ import annotations

import pytest
import yaml
from click.testing import CliRunner, Result

from run_operator.client.cli.runtimes import explain_runtime_command
from tests.support.runtimes import FOLDER, ROOT, runtime

EXAMPLE = ROOT / "manifests" / "examples" / "runtimes" / "sklearnserve-serve.yaml"


def explain(*arguments: str) -> Result:
    return CliRunner().invoke(explain_runtime_command, list(arguments))


def test_the_fields_of_a_kind():
    done = explain("sklearnserve+serve", "--runtime", str(FOLDER))
    assert done.exit_code == 0
    assert "ClusterRuntime sklearnserve" in done.output
    assert "path\tstring\trequired" in done.output


def test_what_becomes_of_a_document():
    done = explain(
        "sklearnserve+serve:run", "--runtime", str(FOLDER / "sklearnserve.yaml"), "-f", str(EXAMPLE)
    )
    assert done.exit_code == 0, done.output
    service, deployment = yaml.safe_load_all(done.stdout)
    assert (service["kind"], deployment["kind"]) == ("Service", "Deployment")
    program = deployment["spec"]["template"]["spec"]["containers"][0]
    assert "exec mlserver start /shared/model" in program["args"][1]


def test_what_is_not_used_is_noted(tmp_path):
    document = tmp_path / "run.yaml"
    document.write_text(EXAMPLE.read_text().replace("  replicas: 2", "  replicas: 2\n  speed: 3"))
    done = explain("sklearnserve+serve", "--runtime", str(FOLDER / "sklearnserve.yaml"), "-f", str(document))
    assert "runctl: note: spec.spec.speed is not used by sklearnserve+serve" in done.stderr


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("nobody+serve", None, "no Runtime defines nobody+serve"),
        ("container+job", None, "container+job is built in: docs/fields.md lists its fields"),
        ("echo+serve", "a: [", "is not YAML"),
        (
            "echo+serve",
            yaml.safe_dump(runtime(readiness={"path": "${nobody}"})),
            "ClusterRuntime echo: spec.readiness.path: ",
        ),
    ],
)
def test_what_is_wrong_is_said(kind, text, said, tmp_path):
    file = tmp_path / "runtime.yaml"
    file.write_text(yaml.safe_dump(runtime()) if text is None else text)
    done = explain(kind, "--runtime", str(file))
    assert (done.exit_code, said in done.output) == (1, True), done.output
