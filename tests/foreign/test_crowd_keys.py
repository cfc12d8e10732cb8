"""Code signing keys change while Debian's boinc-client has tasks: what the old key signed stays good, what the new one signs is taken."""

import json
import re

from boinc import wait_for

APP = """#!/bin/sh
# Copies its input; where that names seconds, it waits so long.
sleep "$(cat in)"
cp in out
echo 0 > boinc_finish_called
"""


def toy(pogson, project, folder):
    """An application whose tasks take as long as their input says."""
    program = folder / "toy_100"
    program.write_text(APP)
    pogson("crowd", "app", "add", project.dir, "toy")
    pogson("crowd", "app", "version", project.dir, "toy", program, "--number", "100")


def work(pogson, project, folder, name, seconds, count=1):
    """Units that are right with one result."""
    (folder / f"{name}.in").write_text(f"{seconds}\n")
    pogson("crowd", "wu", "create", project.dir, "--app", "toy", "--name", name, "--count", count, "--flops", "1e9",
           "--quorum", "1", "--input", f"in={folder / f'{name}.in'}", "--output", "out", "--credit", "1")


def update_until(client, project, what, seconds=90):
    """Has the client ask the project, as a user would who presses the button, until something is so."""
    def asked():
        client.command("--project", project.url, "update")
        return what()
    wait_for(asked, seconds, 4)


def test_clients_take_a_new_key_on_the_old_ones_word(pogson, world):
    project = world.project()
    toy(pogson, project, world.dir)
    work(pogson, project, world.dir, "first", 12, count=2)
    project.serve()
    client = world.client("ada").start(project.url, project.user("ada"), until_idle=False)
    state = lambda: (client.dir / "client_state.xml").read_text()
    held = lambda: re.search(r"<code_sign_key>\s*(.*?)\s*</code_sign_key>", state(), re.S)
    # One runs and one waits for the only processor.
    wait_for(lambda: client.command("--get_tasks").count("active_task_state: EXECUTING") == 1, 60)
    wait_for(held, 30)
    old = held()[1]
    pogson("crowd", "keys", "rotate", project.dir)
    new = (project.dir / "code_sign_public").read_text()
    assert new.split() != old.split()
    update_until(client, project, lambda: held()[1].split() == new.split())
    wait_for(lambda: project.status()["valid"] == 2, 120)
    # The program that the client has, and one that only the new key signed.
    (world.dir / "toy_101").write_text(APP + "# another\n")
    pogson("crowd", "app", "version", project.dir, "toy", world.dir / "toy_101", "--number", "101")
    work(pogson, project, world.dir, "second", 0)
    update_until(client, project, lambda: project.status()["valid"] == 3)
    assert "toy_101" in client.log
    for trouble in ("doesn't validate", "Missing code sign", "signature verification failed", "ERR_RSA"):
        assert trouble not in client.log, client.log[-3000:]
    pogson("crowd", "check", project.dir, "--deep")


def test_two_changes_later_a_client_is_led_step_by_step(pogson, world):
    project = world.project()
    toy(pogson, project, world.dir)
    work(pogson, project, world.dir, "first", 0)
    project.serve()
    key = project.user("ada")
    client = world.client("ada")
    assert client.start(project.url, key).wait(60) == 0, client.log[-3000:]
    assert project.status()["valid"] == 1
    # The private key is on another machine.
    keys, request, answer = world.dir / "offline", world.dir / "request.json", world.dir / "answer.json"
    project.dir.with_name(project.dir.name + ".keys").rename(keys)
    for _ in range(2):
        pogson("crowd", "keys", "request", project.dir, "-o", request)
        pogson("crowd", "keys", "sign", keys, request, "-o", answer)
        pogson("crowd", "keys", "install", project.dir, answer)
    assert "another key" in pogson("crowd", "keys", "install", project.dir, answer, code=1).stderr
    forged = json.loads(answer.read_text())
    forged["old_key"] = json.loads(request.read_text())["key"]
    answer.write_text(json.dumps(forged))
    assert pogson("crowd", "keys", "install", project.dir, answer, code=1).stderr
    project.stop()
    # Also after the server began anew.
    work(pogson, project, world.dir, "second", 0)
    project.serve()
    client.start(until_idle=False)
    update_until(client, project, lambda: project.status()["valid"] == 2)
    assert "code signing key changed" in client.log
    assert "doesn't validate" not in client.log and "signature verification" not in client.log, client.log[-3000:]
