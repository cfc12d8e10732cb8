"""The project of tests/foreign/crowd_project, whose roles are programs: line by line as docs/crowd-roles.md says, and with real clients."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from boinc import Client, Project, wait_for

PROJECT = Path(__file__).parent / "crowd_project"


class Role:
    """A role's program, asked line by line."""

    def __init__(self, name, folder):
        environment = {**os.environ, "PRIMES_END": "3000"}
        self.program = subprocess.Popen(
            [sys.executable, str(PROJECT / name)], cwd=folder, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )

    def ask(self, **question):
        self.program.stdin.write(json.dumps(question) + "\n")
        self.program.stdin.flush()
        return self.hear()

    def hear(self):
        return json.loads(self.program.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.stdin.close()
        self.program.wait(10)
        self.program.stdout.close()


def test_units_are_made_worked_compared_and_assimilated(tmp_path):
    units, begin = {}, "0"
    with Role("generator.py", tmp_path) as generator:
        while True:
            line = generator.ask(do="generate", wanted=2, facts={"primes/next": begin})
            made = 0
            while not line.get("done"):
                if "unit" in line:
                    units[line["unit"]["name"]] = line["unit"]
                    made += 1
                line = generator.hear()
            begin = line["fact"]["text"]
            if not made:
                break
    assert sorted(units) == ["primes_0", "primes_1000", "primes_2000"] and begin == "3000"

    outputs = {}
    for name, unit in units.items():
        slot = tmp_path / "slots" / name
        slot.mkdir(parents=True)
        (slot / "in").write_bytes((tmp_path / "work" / unit["inputs"][0]["file"]).read_bytes())
        subprocess.run([sys.executable, str(PROJECT / "primes.py")], cwd=slot, check=True)
        outputs[name] = str(slot / "out")
        assert (slot / "boinc_finish_called").read_text() == "0\n"

    wrong = tmp_path / "wrong"
    wrong.write_text("many\n")
    told = {"app": "primes", "name": "primes_0", "opaque": "", "batch": ""}
    with Role("validator.py", tmp_path) as validator:
        assert validator.ask(do="check", unit=told, outputs=[outputs["primes_0"]]) == {"ok": True}
        assert validator.ask(do="check", unit=told, outputs=[str(wrong)])["ok"] is False
        one, other = outputs["primes_0"], outputs["primes_1000"]
        assert validator.ask(do="agree", unit=told, one=[one], other=[one]) == {"agree": True}
        assert validator.ask(do="agree", unit=told, one=[one], other=[other]) == {"agree": False}

    with Role("assimilator.py", tmp_path) as assimilator:
        for name in [*units, "primes_0"]:
            answer = assimilator.ask(
                do="assimilate", unit={**told, "name": name}, outputs=[outputs[name]], trouble=None,
                users=[{"id": 1, "name": "Ann"}], facts={},
            )
            assert answer["ok"] is True
    # pi(1000) = 168, pi(2000) = 303, pi(3000) = 430 (OEIS A038812 and tables of primes).
    assert (tmp_path / "primes.tsv").read_text() == "primes_0\t168\nprimes_1000\t135\nprimes_2000\t127\n"


def test_two_clients_count_primes_for_a_project_of_programs(pogson, tmp_path):
    if not shutil.which("boinc"):
        pytest.skip("boinc-client is not installed")
    project, clients = Project(pogson, tmp_path / "project"), []
    try:
        project.set("scheduler", request_delay=1.0)
        for file in ("generator.py", "validator.py", "assimilator.py"):
            shutil.copy(PROJECT / file, project.dir)
        settings = (PROJECT / "pogson.toml").read_text().replace('"python3"', json.dumps(sys.executable)).replace("20000", "3000")
        with open(project.dir / "pogson.toml", "a") as file:
            file.write("\n" + settings)
        pogson("crowd", "app", "add", project.dir, "primes")
        pogson("crowd", "app", "version", project.dir, "primes", PROJECT / "primes.py", "--number", "100")
        project.serve()
        wait_for(lambda: project.status()["results_unsent"] == 6, 60)
        clients = [Client(tmp_path / name).start(project.url, project.user(name)) for name in ("ada", "bob")]
        for client in clients:
            assert client.wait(300) == 0, client.log[-4000:]

        def ended():
            """the last unit"""
            status = project.status()
            return status["assimilated"] == 3 and status
        status = wait_for(ended, 60)
        assert (project.dir / "primes.tsv").read_text() == "primes_0\t168\nprimes_1000\t135\nprimes_2000\t127\n"
        assert status["valid"] == 6 and status["credit"] == pytest.approx(3.0)
        page = project.get("wu/primes_0")
        assert page.count("Valid") == 2 and "canonical" in page
        assert "1.50" in project.get("top/users?by=total")
    finally:
        for one in [*clients, project]:
            one.stop()
