"""What data scientists return from functions, in real pods with the SDK: tables, models, files, and what the next function makes of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.e2e.conftest import NAME
from tests.support.harness import REPOSITORY
from tests.support.python_runs import function

pytestmark = pytest.mark.timeout(900)
"""The first test that needs the image of functions makes it, which takes minutes."""
TABLE = """
import polars as pl
from digitalhub_runtime_python import handler

def init(context, rate):
    context.user_data.rate = rate

@handler(outputs=["table", "rows", "share"])
def run(project, context):
    frame = pl.DataFrame({"x": [1.0, 2.0, 3.0]}).with_columns(y=pl.col("x") * context.user_data.rate)
    with open("curve.svg", "w") as file:
        file.write("<svg/>")
    project.log_artifact(name="curve", kind="artifact", source="curve.svg")
    return frame, frame.height, frame["y"].mean()
"""
MODEL = """
import pickle
from digitalhub_runtime_python import handler
from sklearn.linear_model import LinearRegression

@handler(outputs=[{"name": "line", "kind": "sklearn", "spec_kwargs": {"framework": "sklearn"}}, "slope"])
def run(x, y):
    model = LinearRegression().fit([[value] for value in x], y)
    with open("line.pkl", "wb") as file:
        pickle.dump(model, file)
    return "line.pkl", round(float(model.coef_[0]), 6)
"""
OBJECT = """
import numpy as np
from sklearn.linear_model import LinearRegression

async def run():
    return LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), np.float64(0.5)
"""
READS = """
import pickle

def run(project, table, line, output):
    frame = table.as_df()
    with open(line.download(), "rb") as file:
        model = pickle.load(file)
    with open(output.download(), "rb") as file:
        same = pickle.load(file)
    found = model.predict([[frame["x"].sum()]])[0], same.predict([[1.0]])[0]
    return round(float(found[0]), 6), round(float(found[1]), 6), project.get_model("line").key
"""


@pytest.fixture
def store(person, python_runtime) -> str:
    """The project of the namespace has a bucket and credentials of its own; its name."""
    command = [sys.executable, "-m", "cluster", "store", person.namespace, "--name", NAME]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    return person.namespace


def test_tables_models_and_objects_reach_the_next_function(person, store):
    more = {"python_version": "PYTHON3_12", "project": store}
    function(person, "table", TABLE, **more, init_parameters={"rate": 2}, init_function="init")
    function(person, "model", MODEL, **more, parameters={"x": [0, 1], "y": [0, 2]})
    function(person, "object", OBJECT, **more)
    table, model, made = (person.becomes(one, "COMPLETED", 180) for one in ("table", "model", "object"))
    assert table["results"] == {"rows": 3, "share": 4.0}
    assert sorted(table["outputs"]) == ["curve", "table"]
    assert model["results"] == {"slope": 2.0}
    assert model["outputs"]["line"].startswith(f"store://{store}/model/sklearn/line:")
    assert made["results"] == {"output_1": 0.5}
    inputs = {
        "table": table["outputs"]["table"],
        "line": model["outputs"]["line"],
        "output": made["outputs"]["output_0"],
    }
    function(person, "reads", READS, **more, inputs=inputs)
    assert person.becomes("reads", "COMPLETED", 180)["results"] == {
        "output_0": 12.0,
        "output_1": 2.0,
        "output_2": model["outputs"]["line"],
    }
