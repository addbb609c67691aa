# What a person does with a function of their own, with the unmodified SDK.
import json
import os
import time

import digitalhub as dh
import pandas as pd

project = dh.get_or_create_project(os.environ["PROJECT"])
rows = project.log_dataitem(name="rows", kind="table", data=pd.DataFrame({"x": [1, 2, 3]}))
function = project.new_function(
    name="train", kind="python", python_version="PYTHON3_12", code_src="src/functions.py", handler="train"
)


def become(run, state):
    """Until the run has the state, for a minute."""
    until = time.monotonic() + 60
    while run.refresh().status.state != state:
        assert time.monotonic() < until, (state, run.status.state)
        time.sleep(0.5)
    return run


run = function.run("job", inputs={"di": rows.key}, parameters={"epochs": 3}, wait=True)
model = run.output("model")
found = {
    "state": run.status.state,
    "results": run.results(),
    "outputs": [model.kind, model.name],
    "metrics": run.metrics,
    "log": [line for entry in run.logs() for line in entry.text.splitlines() if "epoch" in line][:3],
}

long = function.run("job", inputs={"di": rows.key}, parameters={"epochs": 10_000}, wait=False)


def losses():
    """What the run has logged until now: the SDK asks for metrics once for each object."""
    return project.get_run(long.key).metrics.get("loss", [])


become(long, "RUNNING")
while not losses():
    time.sleep(0.5)
long.stop()
become(long, "STOPPED")
before = len(losses())
long.resume()
become(long, "RUNNING")
while len(losses()) <= before:
    time.sleep(0.5)
found["kept"] = before > 0
long.stop()
become(long, "STOPPED")
print(json.dumps(found))
