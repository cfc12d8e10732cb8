"""The project of tests/foreign/crowd_project answers as docs/crowd-roles.md says, line by line."""
import json
import os
import subprocess
import sys
from pathlib import Path

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
