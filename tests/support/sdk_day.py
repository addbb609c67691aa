"""The day of a person with the DigitalHub SDK, call by call: `python sdk_day.py PROJECT` or `python sdk_day.py surface`.

Runs with the SDK's own Python, either line, and prints one line of JSON. Nothing of ours is imported here.
"""

from __future__ import annotations

import inspect
import json
import sys
import time
from pathlib import Path

import digitalhub as dh
from digitalhub.entities.function._base.entity import Function
from digitalhub.entities.project._base.entity import Project
from digitalhub.entities.run._base.entity import Run
from digitalhub.entities.task._base.entity import Task

IMAGE = "docker.io/library/busybox:1.36"
CALLS = {}


def call(label):
    """Add a step to the day; steps go in the order of this file."""

    def add(step):
        CALLS[label] = step
        return step

    return add


def until(question, deadline=60.0):
    end = time.monotonic() + deadline
    while not (answer := question()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.2)
    return answer


def becomes(run, state):
    until(lambda: run.refresh().status.state == state)


class Day:
    """What one call leaves for the next."""

    def __init__(self, name):
        self.name = name
        self.run = self.function = self.project = self.file = None


@call("get_or_create_project")
def _(day):
    day.project = dh.get_or_create_project(day.name)
    assert day.project.name == day.name


@call("new_function")
def _(day):
    day.function = dh.new_function(
        project=day.name, name="train", kind="container", image=IMAGE, command="sleep"
    )


@call("get_function")
def _(day):
    assert dh.get_function("train", project=day.name).id == day.function.id


@call("list_functions")
def _(day):
    assert [one.id for one in dh.list_functions(day.name)] == [day.function.id]


@call("function.run")
def _(day):
    day.run = day.function.run("job", args=["3600"])
    becomes(day.run, "RUNNING")


@call("get_run")
def _(day):
    assert dh.get_run(day.run.key).name == day.run.name


@call("run.log_metric")
def _(day):
    day.run.log_metric("loss", 0.5)
    day.run.log_metric("loss", [0.25])


@call("run.log_metrics")
def _(day):
    day.run.log_metrics({"acc": 0.75})


@call("run.metrics")
def _(day):
    assert day.run.refresh().metrics == {"loss": [0.5, 0.25], "acc": 0.75}


@call("run.logs")
def _(day):
    assert all(isinstance(log, str) or isinstance(log.text, str) for log in day.run.logs())


@call("list_runs")
def _(day):
    for filters in (
        {}, {"name": day.run.name}, {"state": "RUNNING"}, {"kind": "container+job:run"}, {"action": "job"}, {"q": "train"},
        {"function": day.function._get_executable_string()}, {"created": "2020-01-01T00:00:00Z"},
        {"updated": "2020-01-01T00:00:00Z,2100-01-01T00:00:00Z"},
    ):  # fmt: skip
        assert [run.id for run in dh.list_runs(day.name, **filters)] == [day.run.id], filters
    assert dh.list_runs(day.name, created="2100-01-01T00:00:00Z") == []


@call("list_tasks")
def _(day):
    assert [task.id for task in dh.list_tasks(day.name)] == [day.run.spec.task.rpartition("/")[2]]


@call("run.stop")
def _(day):
    day.run.stop()


@call("run.wait")
def _(day):
    assert day.run.wait(log_info=False).status.state == "STOPPED"


@call("run.resume")
def _(day):
    day.run.resume()
    assert day.run.refresh().status.state != "STOPPED", "the state of before"
    becomes(day.run, "RUNNING")
    assert day.run.status.attempt == 2


@call("run.update")
def _(day):
    day.run.add_label("mine")
    changed = day.run.update() if hasattr(day.run, "update") else day.run.save(update=True)
    assert changed.metadata.labels == ["mine"]


@call("run.export")
def _(day):
    day.file = day.run.export()
    assert Path(day.file).exists()


@call("delete_run")
def _(day):
    dh.delete_run(day.run.key)
    assert day.run.id not in [run.id for run in dh.list_runs(day.name)]


@call("import_run")
def _(day):
    def imported():
        try:
            return dh.import_run(day.file)
        except Exception as error:
            if "already exists" not in str(error):
                raise

    found = until(imported)
    assert (found.id, found.name) == (day.run.id, day.run.name)


@call("load_run")
def _(day):
    assert dh.load_run(day.file).id == day.run.id


@call("update_project")
def _(day):
    day.project.set_description("a day")
    changed = day.project.update() if hasattr(day.project, "update") else day.project.save(update=True)
    assert dh.get_project(day.name).metadata.description == changed.metadata.description == "a day"


@call("delete_function")
def _(day):
    dh.delete_function(day.function.key)
    assert dh.list_functions(day.name) == []


def person(name):
    """Each call of the day: "ok", or what it raised. After a failure the day goes on as far as it can."""
    day, found = Day(name), {}
    for label, step in CALLS.items():
        try:
            step(day)
            found[label] = "ok"
        except Exception as error:  # noqa: BLE001 - it is the answer
            found[label] = f"{type(error).__name__}: {error}"[:300]
    return found


def public(thing):
    return sorted(
        name for name, what in inspect.getmembers(thing) if not name.startswith("_") and callable(what)
    )


def surface():
    """What a person may call."""
    classes = {one.__name__: public(one) for one in (Run, Function, Task, Project)}
    return {"digitalhub": public(dh), **classes}


if __name__ == "__main__":
    print(json.dumps(surface() if sys.argv[1] == "surface" else person(sys.argv[1])), flush=True)
