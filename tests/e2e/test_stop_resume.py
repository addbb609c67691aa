"""Stop and resume with real pods: signals, grace periods, files that stay, a service at its address."""

from __future__ import annotations

from typing import Any

from tests.support.harness import REPOSITORY, Person, condition, wait_for

COUNTER = REPOSITORY / "manifests" / "examples" / "counter.yaml"
ECHO = "docker.io/hashicorp/http-echo:1.0"


def suspend(person: Person, name: str, desired: bool = True) -> None:
    done = person.patch_run(name, {"spec": {"suspend": desired}})
    assert done.returncode == 0, done.stderr


def writers(person: Person) -> list[str]:
    """Pods that can still write; one whose containers have ended may be there for a moment more."""
    return [
        p["metadata"]["name"] for p in person.items("pods") if p["status"]["phase"] in ("Pending", "Running")
    ]


def logs_of(person: Person, name: str) -> list[str]:
    found = person.kubectl("logs", f"job/{name}", check=False)
    return found.stdout.splitlines() if found.returncode == 0 else []


def test_the_program_sees_sigterm_and_goes_on_with_its_files_after_the_resume(person):
    person.kubectl("apply", "-f", str(COUNTER))
    person.becomes("counter", "RUNNING")
    wait_for("two lines", lambda: "2" in logs_of(person, "counter"))
    suspend(person, "counter")
    status = person.becomes("counter", "STOPPED")
    ended = status["attempts"][0]
    assert (ended["reason"], ended["exitCode"]) == ("Suspended", 0)  # it caught SIGTERM and left in order
    assert writers(person) == []
    assert person.items("pvc") != []
    suspend(person, "counter", False)
    person.becomes("counter", "RUNNING")
    first = wait_for("its first line", lambda: logs_of(person, "counter"))[0]
    assert first.startswith("attempt 2 begins at ")
    assert int(first.split()[-1]) >= 2


def test_a_program_that_ignores_sigterm_gets_its_grace_period_and_no_more(person):
    program = "trap '' TERM; echo ready; while true; do sleep 1; done"
    person.apply_run("stubborn", "sh", "-c", program, policy={"terminationGracePeriodSeconds": 4})
    person.becomes("stubborn", "RUNNING")
    wait_for("the trap is set", lambda: logs_of(person, "stubborn"))
    suspend(person, "stubborn")
    status = person.becomes("stubborn", "STOP")
    assert condition(status, "Suspended")["reason"] == "Suspending"
    (pod,) = person.items("pods")
    assert pod["metadata"]["deletionGracePeriodSeconds"] == 4
    status = person.becomes("stubborn", "STOPPED")
    assert status["attempts"][0]["exitCode"] == 137
    assert "SIGKILL" in status["attempts"][0]["message"]


def test_a_stop_while_the_image_cannot_be_pulled_and_a_resume_with_another_one(person):
    person.apply_run("nowhere", "sh", "-c", "echo found", image="registry.invalid/none:1")
    reason = lambda: condition(person.status("nowhere"), "Running").get("reason")  # noqa: E731 - a question
    wait_for("the reason", lambda: reason() == "ImagePullFailed")
    suspend(person, "nowhere")
    person.becomes("nowhere", "STOPPED")
    edit = {"spec": {"suspend": False, "spec": {"image": "docker.io/library/busybox:1.36"}}}
    assert person.patch_run("nowhere", edit).returncode == 0
    status = person.becomes("nowhere", "COMPLETED")
    assert [a["reason"] for a in status["attempts"]] == ["Suspended", "CompletionsReached"]


def test_a_stop_while_no_node_has_room(person):
    person.apply_run("huge", "true", spec={"resources": {"cpu": "1000"}})
    wait_for(
        "the report", lambda: condition(person.status("huge"), "Running").get("reason") == "Unschedulable"
    )
    suspend(person, "huge")
    person.becomes("huge", "STOPPED")
    assert writers(person) == []


def answer(person: Person, name: str) -> str:
    path = f"/api/v1/namespaces/{person.namespace}/services/{name}:port80/proxy/"
    return person.kubectl("get", "--raw", path, check=False).stdout.strip()


def echo(person: Person, name: str, **top: Any) -> None:
    spec = {"args": ["-text=hi"], "service_ports": [{"port": 80, "target_port": 5678}]}
    person.apply_run(name, image=ECHO, kind="container+serve", **({"spec": spec} | top))


def test_a_service_answers_again_at_the_same_address(person):
    echo(person, "echo")
    before = person.becomes("echo", "RUNNING")["service"]
    wait_for("an answer", lambda: answer(person, "echo") == "hi")
    suspend(person, "echo")
    assert person.becomes("echo", "STOPPED")["service"] == before
    assert writers(person) == []
    assert answer(person, "echo") != "hi"
    suspend(person, "echo", False)
    assert person.becomes("echo", "RUNNING")["service"] == before
    wait_for("an answer again", lambda: answer(person, "echo") == "hi")


def test_a_service_that_crashes_shows_it_and_is_not_torn_down(person):
    spec = {"args": ["-c", "exit 7"], "command": "sh", "service_ports": [{"port": 80}]}
    person.apply_run("crash", kind="container+serve", spec=spec)
    reported = wait_for(
        "the crash",
        lambda: (s := person.status("crash")) and "exited with code 7" in s.get("message", "") and s,
    )
    assert (reported["state"], condition(reported, "Running")["reason"]) == ("PENDING", "CrashLoopBackOff")
    assert person.items("deployments") != []
    suspend(person, "crash")
    person.becomes("crash", "STOPPED")


def test_replicas_change_while_the_service_runs(person):
    echo(person, "echo")
    person.becomes("echo", "RUNNING")
    assert person.patch_run("echo", {"spec": {"spec": {"replicas": 2}}}).returncode == 0
    ready = lambda: person.items("deployments")[0]["status"].get("readyReplicas")  # noqa: E731 - a question
    wait_for("both ready", lambda: ready() == 2)
    assert person.status("echo")["attempt"] == 1
