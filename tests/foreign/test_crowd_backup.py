"""Backups, replicas, and checks that find what is broken, on a project that emulated hosts compute for."""

import json
import shutil
import sqlite3
import subprocess

import pytest

from boinc import Project, wait_for


@pytest.fixture(scope="module")
def worked(pogson, tmp_path_factory):
    """A project of which some units are done, some are out and some wait; it is not served any more."""
    folder = tmp_path_factory.mktemp("crowd")
    project = Project(pogson, folder / "project")
    project.set("scheduler", request_delay=0.0)
    pogson("crowd", "app", "add", project.dir, "toy")
    program = folder / "program"
    program.write_text("#!/bin/sh\nexit 0\n")
    pogson("crowd", "app", "version", project.dir, "toy", program, "--number", "100")
    (folder / "input.txt").write_text("42\n")
    pogson("crowd", "wu", "create", project.dir, "--app", "toy", "--name", "u", "--count", "60", "--flops", "1e12", "--batch", "b",
           "--input", f"in={folder / 'input.txt'}", "--output", "out", "--credit", "3.5")
    project.serve()
    pogson("crowd", "emulate", project.url, "--hosts", "12", "--rate", "20", "--seconds", "3", "--create", "6", "--json")
    wait_for(lambda: project.status()["assimilated"] > 10, 30)
    pogson("crowd", "backup", project.dir, folder / "while-served")
    project.stop()
    yield project, folder
    project.stop()


def test_a_backup_of_a_served_project_is_whole(pogson, worked):
    project, folder = worked
    restored = folder / "restored"
    pogson("crowd", "restore", folder / "while-served", restored)
    pogson("crowd", "check", restored, "--deep")
    then, now = pogson.json("crowd", "status", restored), project.status()
    assert 0 < then["credit"] <= now["credit"]
    assert then["work_units"] == now["work_units"] == 60
    # Account keys are the same.
    user = lambda dir: pogson.json("crowd", "user", "show", dir, "1")["authenticator"]
    assert user(restored) == user(project.dir)


def test_a_backup_does_not_go_over_what_is_there(pogson, worked):
    project, folder = worked
    assert "already" in pogson("crowd", "backup", project.dir, folder / "while-served", code=2).stderr


def test_a_replica_has_the_same_credit_and_other_keys(pogson, worked):
    project, folder = worked
    replica = folder / "replica"
    pogson("crowd", "replica", project.dir, replica, "--url", "http://127.0.0.1:1/replica/")
    pogson("crowd", "check", replica, "--deep")
    assert pogson.json("crowd", "status", replica)["credit"] == project.status()["credit"]
    user = lambda dir: pogson.json("crowd", "user", "show", dir, "1")["authenticator"]
    assert user(replica) != user(project.dir)
    assert (replica / "code_sign_public").read_text() != (project.dir / "code_sign_public").read_text()


BREAKS = [
    ("update hosts set credit = credit + 1 where id = 1", "credit of results is credit of hosts"),
    ("update users set credit = credit + 1 where id = 1", "credit of hosts is credit of users"),
    ("update results set granted = granted * 2 where id = (select min(id) from results where granted > 0)", "credit once"),
    ("update units set canonical = null where id = (select min(id) from units where canonical is not null)", "one canonical result"),
    ("update units set canonical = canonical + 40 where id = (select min(id) from units where canonical is not null)",
     "the canonical result is valid"),
    ("delete from results where id = (select min(id) from results where state = 2)", "no unit is stuck"),
    ("update units set next = null where next is not null", "no unit is stuck"),
    ("delete from units where id = (select max(id) from units)", "results have units"),
    ("update files set uses = uses + 1 where id = (select min(id) from files where signature = '')", "files count their units"),
    ("update files set bytes = bytes + 1", "rows have files"),
    ("update hosts set user_id = 99 where id = 1", "hosts have users"),
    ("update results set host_id = 0 where id = (select min(id) from results where state = 4)", "what is sent has a host"),
    ("update counters set value = 0 where id = 1", "numbers are new"),
    ("update counters set value = value + 1 where id = 40", "counts are kept"),
]


@pytest.mark.parametrize("statement, rule", BREAKS, ids=[rule for _, rule in BREAKS])
def test_check_names_what_is_broken(pogson, worked, tmp_path, statement, rule):
    project, _ = worked
    copy = tmp_path / "broken"
    shutil.copytree(project.dir, copy)
    with sqlite3.connect(copy / "project.db") as database:
        assert database.execute(statement).rowcount > 0
    run = subprocess.run([pogson.path, "crowd", "check", copy, "--json"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1, run.stderr
    assert rule in {problem["rule"] for problem in json.loads(run.stdout)["problems"]}


def test_check_finds_files_that_are_lost_altered_or_of_nobody(pogson, worked, tmp_path):
    project, _ = worked
    copy = tmp_path / "broken"
    shutil.copytree(project.dir, copy)
    (one,) = copy.glob("download/*/input.txt")
    one.write_text("43\n")
    (copy / "download/00").mkdir(exist_ok=True)
    (copy / "download/00/stray").write_text("x")
    run = subprocess.run([pogson.path, "crowd", "check", copy, "--deep", "--json"], capture_output=True, text=True, timeout=60)
    assert {problem["rule"] for problem in json.loads(run.stdout)["problems"]} == {"files are as they were", "files have rows"}
