"""Programs of a user of the DigitalHub SDK, run with the SDK's own Python: `python sdk_programs.py NAME ARGUMENTS...`.

Each prints what it found as one line of JSON. Nothing of ours is imported here.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import digitalhub as dh
import yaml
from digitalhub.stores.client.common.config import reset_client_config
from digitalhub.utils.exceptions import BackendError

try:
    from digitalhub.stores.client.factory import get_client
except ImportError:  # 0.15
    from digitalhub.stores.client.base.factory import get_client

IMAGE = "docker.io/library/busybox:1.36"


def outcome(call):
    """What it returns, or the class and words of its exception."""
    try:
        return call()
    except (BackendError, Exception) as error:  # noqa: BLE001 - the test looks at it
        return f"{type(error).__name__}: {error}"


def change(entity):
    """Send what was changed: `update()` since 0.16, `save(update=True)` before."""
    return entity.update() if hasattr(entity, "update") else entity.save(update=True)


def deleted(answer):
    """Since 0.16 a deletion returns True, before a map."""
    return answer is True or answer == {"deleted": True}


def texts(run):
    """What the program wrote: `logs()` gives texts since 0.16, entities before."""
    return [log if isinstance(log, str) else log.text for log in run.logs()]


def until(question, deadline=60.0):
    end = time.monotonic() + deadline
    while not (answer := question()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.2)
    return answer


def becomes(run, state):
    return until(lambda: run.refresh().status.state == state) and state


def lifecycle(name):
    project = dh.get_or_create_project(name)
    function = dh.new_function(project=name, name="train", kind="container", image=IMAGE, command="sleep")
    run = function.run("job", args=["3600"])
    found = {"project": project.name, "image": run.spec.image, "started": becomes(run, "RUNNING")}
    run.stop()
    found["stopped"] = becomes(run, "STOPPED")
    run.resume()
    found["resumed"] = becomes(run, "RUNNING")
    found["attempt"] = run.status.attempt
    found["same_task"] = function.run("job", args=["1"]).spec.task == run.spec.task
    found["again"] = outcome(run.save)
    run.add_label("mine")
    found["labels"] = change(run).metadata.labels
    run.spec.image = "other"
    found["sealed"] = outcome(lambda: change(run))
    run.refresh()
    found["runs"] = len(dh.list_runs(name))
    found["of_function"] = len(dh.list_runs(name, function=function._get_executable_string(), action="job"))
    found["of_state"] = [one.id for one in dh.list_runs(name, state="ERROR")]
    found["functions"] = [one.id == function.id for one in dh.list_functions(name)]
    found["by_name"] = dh.get_function("train", project=name).id == function.id
    found["others"] = outcome(lambda: dh.list_triggers(name))
    file = run.export()
    dh.delete_run(run.key)
    until(lambda: "EntityNotExistsError" in str(outcome(run.refresh)))
    found["gone"] = outcome(run.stop)
    found["imported"] = outcome(lambda: dh.import_run(file).id) == run.id
    found["twice"] = outcome(lambda: dh.import_run(file))
    found["loaded"] = outcome(lambda: dh.load_run(file).id) == run.id
    found["id"] = run.id
    found["function_gone"] = deleted(dh.delete_function(function.key))
    found["tasks_left"] = len(dh.list_tasks(name))
    return found


def metrics(name, run_id):
    dh.get_project(name)
    run = dh.get_run(run_id, project=name)
    found = {"none": run.metrics, "auth": bool(get_client().get_credentials_and_config())}
    run.log_metric("loss", 0.5)
    run.log_metric("loss", [0.25, float("nan")])
    run.log_metric("acc", 0.5, single_value=True)
    run.log_metric("acc", 0.75, single_value=True)
    found["first"] = run.metrics
    run.log_metric("acc", 0.75, single_value=True, overwrite=True)
    run.log_metric("loss", 9, overwrite=True)
    run.log_metrics({"loss": [8, 7], "epoch": 3})
    found["then"] = run.refresh().metrics
    run.log_metric("loss", [1], overwrite=True)
    found["last"] = run.metrics
    found["state"] = run.status.state
    found["bad"] = outcome(lambda: run.log_metric("n" * 200, 1))
    run.log_metric("train/loss", 1)
    found["slashes"] = run.refresh().metrics["train/loss"]
    found["cut"] = outcome(lambda: run.log_metric("a?b", 1))
    found["nameless"] = outcome(lambda: run.log_metric(".", 1))
    return found


def exported(name, run_id):
    dh.get_project(name)
    run = dh.get_run(run_id, project=name)
    run.log_metric("loss", 0.5)
    if run.status.state == "RUNNING":
        run.refresh()
    run.log_metrics({"loss": [0.25], "acc": 0.75})
    found = {"live": run.metrics}
    if run.status.state == "RUNNING":
        run.stop()
        run.wait(log_info=False)
    found["file"] = yaml.safe_load(Path(run.refresh().export()).read_text())
    run.log_metric("loss", 0.125)
    found["saved"] = change(run).status.state
    found["more"] = run.refresh().metrics
    return found


def append(name, run_id, count, first, at):
    dh.get_project(name)
    run = dh.get_run(run_id, project=name)
    time.sleep(max(0.0, float(at) - time.time()))
    for number in range(int(count)):
        run.log_metric("loss", int(first) + number)
    return run_id


def renewed(name, run_id):
    """Logs until its token was renewed, which the SDK writes to a file, and then again."""
    dh.get_project(name)
    run = dh.get_run(run_id, project=name)
    end, number = time.monotonic() + 90.0, 0
    while not (Path.home() / ".dhcore.ini").exists():
        assert time.monotonic() < end, "waited too long"
        run.log_metric("loss", number)
        number += 1
    run.log_metric("loss", number)
    return number + 1


def by_hand(name, ended, good):
    read = lambda: outcome(lambda: dh.get_project(name).name)  # noqa: E731
    found = {"ended": read()}
    os.environ["DHCORE_ACCESS_TOKEN"] = good
    found["too_late"] = read()
    reset_client_config()
    found["again"] = read()
    os.environ["DHCORE_ACCESS_TOKEN"] = ended
    reset_client_config()
    get_client()
    os.environ["DHCORE_ACCESS_TOKEN"] = good
    found["in_time"] = [read(), read()]
    return found


def begun(name):
    dh.get_or_create_project(name)
    function = dh.new_function(project=name, name="train", kind="container", image=IMAGE, command="sleep")
    run = function.run("job", args=["3600"])
    becomes(run, "RUNNING")
    run.log_metric("loss", 0.5)
    return {"id": run.id, "name": run.metadata.name}


def stopped(name, run_id):
    run = dh.get_run(run_id, project=name)
    becomes(run, "RUNNING")
    run.log_metric("loss", 0.25)
    run.stop()
    return run.wait(log_info=False).status.state


def resumed(name, run_id):
    run = dh.get_run(run_id, project=name)
    run.resume()
    becomes(run, "RUNNING")
    return {"state": run.status.state, "attempt": run.status.attempt, "metrics": run.metrics}


def document(name, run_id):
    run = dh.get_run(run_id, project=name)
    return yaml.safe_load(Path(run.export()).read_text())


def imported(name, file):
    dh.get_project(name)
    run = dh.import_run(file)
    return {"id": run.id, "name": run.metadata.name, "state": becomes(run, "RUNNING")}


def earlier(name, run_id):
    """A Run of a kind of before 0.14, in lists and alone."""
    project = dh.get_project(name)
    return {
        "listed": [[run.id, run.kind] for run in project.list_runs()],
        "of_kind": [len(project.list_runs(kind=f"container+{action}:run")) for action in ("serve", "job")],
        "spec": dh.get_run(run_id, project=name).to_dict()["spec"],
    }


def generic(name, run_id):
    """What the SDK makes of kinds for which it has no plug-in."""
    dh.get_project(name)
    run = dh.get_run(run_id, project=name)
    found = {
        "functions": [one.id for one in dh.list_functions(name)],
        "tasks": [one.id for one in dh.list_tasks(name)],
        "runs": [one.id for one in dh.list_runs(name)],
    }
    file = run.export()
    found["exported"] = yaml.safe_load(Path(file).read_text())
    dh.delete_run(run.key)
    again = dh.import_run(file)
    found["imported"] = [again.kind, again.id, again.to_dict()["spec"]["anything"]]
    return found


def accepted(name, run_id, times):
    """The state right after a stop, a resume and a deletion, several times."""
    dh.get_project(name)
    run = dh.get_run(run_id, project=name)
    file = run.export()
    found = {"after_stop": [], "after_resume": [], "after_delete": []}
    for _ in range(int(times)):
        run.stop()
        found["after_stop"].append(run.refresh().status.state)
        becomes(run, "STOPPED")
        run.resume()
        found["after_resume"].append(run.refresh().status.state)
        becomes(run, "RUNNING")
        dh.delete_run(run.key)
        there = [one.id for one in dh.list_runs(name)]
        found["after_delete"].append(there == [] and "EntityNotExistsError" in str(outcome(run.refresh)))
        run = dh.import_run(file)
        becomes(run, "RUNNING")
    return found


def listing(name):
    dh.get_project(name)
    return [run.id for run in dh.list_runs(name)]


def listing_of(name):
    dh.get_or_create_project(name)
    return [run.id for run in dh.list_runs(name)]


def outcome_of_project(name):
    return outcome(lambda: listing_of(name))


def delete_project(name):
    answer = outcome(lambda: dh.delete_project(name))
    return deleted(answer) or answer


def only_reads(name, run_id):
    found = {"project": dh.get_project(name).name, "runs": listing(name)}
    run = dh.get_run(run_id, project=name)
    found["forbidden"] = {
        "create": outcome(lambda: dh.new_function(project=name, name="f", kind="container", image="i")),
        "stop": outcome(run.stop),
        "resume": outcome(run.resume),
        "metric": outcome(lambda: run.log_metric("loss", 1)),
        "save": outcome(lambda: (run.add_label("x"), change(run))),
        "delete": outcome(lambda: dh.delete_run(run.key)),
        "project": outcome(lambda: dh.new_project(f"{name}-other")),
    }
    found["elsewhere"] = outcome(lambda: dh.get_project("default"))
    return found


def wait(name, run_id):
    dh.get_project(name)
    run = dh.get_run(run_id, project=name)
    print("waiting", flush=True)
    return run.wait(log_info=False).status.state


def logged(name, script):
    dh.get_or_create_project(name)
    function = dh.new_function(project=name, name="say", kind="container", image=IMAGE, command="sh")
    run = function.run("job", args=["-c", script], wait=True, log_info=False)
    run.log_metric("loss", 0.5)
    return {
        "state": run.status.state,
        "logs": texts(run),
        "metrics": run.metrics,
        "stop": outcome(run.stop),
        "resume": outcome(run.resume),
    }


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])), flush=True)
