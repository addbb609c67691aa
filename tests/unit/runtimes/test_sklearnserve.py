"""Which file of a model the scikit-learn Runtime hands to MLServer: the command of its pod, run by a real shell."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.runtimes import shipped

SAYS = "#!/bin/sh\necho $MLSERVER_MODEL_URI $@\n"


def start(folder: Path) -> subprocess.CompletedProcess[str]:
    """What the pod's command does; a program that repeats its arguments stands for MLServer."""
    (raw,) = (one for one in shipped() if one["metadata"]["name"] == "sklearnserve")
    spec = raw["spec"]["document"]["spec"]
    model, programs = folder / "model", folder / "bin"
    programs.mkdir()
    (programs / "mlserver").write_text(SAYS)
    (programs / "mlserver").chmod(0o755)
    args = [one.replace("/shared/model", str(model)) for one in spec["args"]]
    variables = {"PATH": f"{programs}:{os.environ['PATH']}"}
    return subprocess.run(
        [spec["command"], *args], env=variables, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (["breast_cancer_classifier.pkl"], "breast_cancer_classifier.pkl"),
        (["a.pkl", "model.joblib"], "model.joblib"),
        (["requirements.txt", "my model.joblib"], "my model.joblib"),
        (["notes.txt", "sub/deep.pickle"], "sub/deep.pickle"),
    ],
)
def test_the_model_is_found_whatever_its_name(tmp_path, files, chosen):
    for name in files:
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert start(tmp_path).stdout == f"{tmp_path}/model/{chosen} start {tmp_path}/model\n"


def test_a_folder_without_a_model_is_told(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "notes.txt").touch()
    done = start(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "there is no .joblib, .pickle or .pkl file in the model\n"
