"""The gate's access log on a disk that is full, and under logrotate."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from conftest import program
from gate_world import SOON_S, World, in_threads, until

LOG = '[log]\naccess = "logs/access.log"\nformat = "json"\n'


@pytest.fixture
def world(pogson, tmp_path):
    one = World(pogson, tmp_path)
    (tmp_path / "logs").mkdir()
    yield one
    one.ends()


def lines(*paths, copied=False):
    """Lines of files, each a whole object. A copy of a file that is written to may end within one."""
    texts = [path.read_text() for path in paths]
    if copied:
        texts = [text[: text.rfind("\n") + 1] for text in texts]
    assert all(text == "" or text.endswith("\n") for text in texts), "a line has no end"
    return [json.loads(line) for text in texts for line in text.splitlines()]


def small_disk(folder, size):
    """A command that runs another with a disk of so many bytes at `folder`, which nobody else sees."""
    mount = f'mount -t tmpfs -o size={size} tmpfs "{folder}" && exec "$@"'
    for flags in (["-m"], ["-r", "-m"]):
        command = [program("unshare"), *flags, "sh", "-c", mount, "sh"]
        if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    pytest.skip("no disk of a given size can be mounted here")


def test_a_gate_serves_on_while_the_disk_of_its_log_is_full_and_writes_again_when_there_is_room(world):
    logs = world.folder / "logs"
    disk = small_disk(logs, "512k")
    one = world.gate({"tiles-1": world.back()}, more=LOG, begins=False)
    process = one.begins(before=disk)
    # The disk as the gate sees it.
    seen = f"/proc/{process.pid}/root{logs}"
    try:
        os.listdir(seen)
    except OSError as error:
        pytest.skip(f"the gate's disk cannot be looked at: {error}")
    with open(f"{seen}/ballast", "wb") as ballast:
        ballast.write(bytes(400_000))
    asked, long = 0, "x" * 3000

    def asks(times, pad=""):
        nonlocal asked
        statuses = [status for number in range(asked, asked + times) for status in one.ask(f"/x{pad}/{number}")]
        asked += times
        assert set(statuses) == {200}, "a request was not served"

    while one.figure("log_lines_lost_total") == 0:
        assert asked < 5000, "the disk was not full"
        asks(20, long)
    until(lambda: "lines of the access log were not written: the disk is full or too slow" in one.said(), one.said)
    written = one.figure("log_lines_total")
    asks(50, long)
    until(lambda: one.figure("requests_total") == asked, "not all is counted")
    assert one.figure("log_lines_total") == written, "the disk had room"
    assert one.state()["log_lines_lost"] == one.figure("log_lines_lost_total") > 0
    os.remove(f"{seen}/ballast")
    asks(1)
    until(lambda: one.figure("log_lines_total") > written, "it is not written again")
    until(lambda: asks(1) or "the access log is written again" in one.said(), one.said)
    until(lambda: one.figure("requests_total") == asked, "not all is counted")
    # Each line is written, or lost and counted; what is written is whole, in its order, and the newest is among it.
    until(lambda: one.figure("log_lines_total") + one.figure("log_lines_lost_total") == asked, "lines are neither written nor lost")
    found = lines(Path(seen, "access.log"))
    assert len(found) == one.figure("log_lines_total")
    numbers = [int(line["target"].rsplit("/", 1)[1]) for line in found]
    assert numbers == sorted(set(numbers)) and numbers[-1] == asked - 1


def rotated(world, one, how, copied=False):
    """Requests go on while logrotate turns the files over: answers by target, and the lines that there are."""
    logs, stop, asked = world.folder / "logs", [], []
    # Root's logrotate wants to be told that others may write into the folder.
    how += "\n    su root root" if os.geteuid() == 0 else ""
    (world.folder / "logrotate.conf").write_text(f'"{logs}/access.log" {{\n    rotate 1000\n    nocompress\n{how}\n}}\n')
    os.chmod(world.folder / "logrotate.conf", 0o644)

    def asks(number):
        at = 0
        while not stop:
            target = f"/{number}/{at}"
            assert one.ask(target) == [200]
            asked.append(target)
            at += 1

    threads = in_threads(3, asks)
    for turn in range(6):
        before = len(asked)
        until(lambda: len(asked) >= before + 60, "nobody is answered")
        run = subprocess.run(
            [logrotate(), "-f", "-s", world.folder / "state", world.folder / "logrotate.conf"],
            capture_output=True, text=True, timeout=SOON_S,
        )
        assert run.returncode == 0, run.stderr
        until(lambda: (logs / f"access.log.{turn + 1}").exists(), "logrotate did nothing")
    before = len(asked)
    until(lambda: len(asked) >= before + 60, "nobody is answered")
    stop.append(True)
    [thread.join(SOON_S) for thread in threads]
    until(lambda: one.figure("requests_total") == len(asked), "not all is counted")
    until(lambda: one.figure("log_lines_total") == len(asked), "not all is written")
    assert one.figure("log_lines_lost_total") == 0
    return asked, lines(*logs.glob("access.log*"), copied=copied)


def logrotate():
    found = shutil.which("logrotate", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return found or pytest.skip("logrotate is not installed")


def test_logrotate_moves_the_log_away_and_no_line_is_lost(world):
    one = world.gate({"tiles-1": world.back()}, more=LOG)
    how = f"    nocreate\n    postrotate\n        kill -USR1 {one.process.pid}\n    endscript"
    asked, found = rotated(world, one, how)
    assert sorted(line["target"] for line in found) == sorted(asked)
    assert len({line["id"] for line in found}) == len(found)
    until(lambda: (world.folder / "logs/access.log").exists(), "the log is not made anew")
    newest = lines(world.folder / "logs/access.log")
    assert newest and newest[-1]["target"] in asked


def test_logrotate_makes_the_new_log_itself_and_the_gate_reloads(world):
    one = world.gate({"tiles-1": world.back()}, more=LOG)
    how = f"    create 0600\n    postrotate\n        kill -HUP {one.process.pid}\n    endscript"
    asked, found = rotated(world, one, how)
    assert sorted(line["target"] for line in found) == sorted(asked)
    assert (world.folder / "logs/access.log").stat().st_mode & 0o777 == 0o600


def test_logrotate_copies_the_log_and_cuts_it_and_each_line_is_whole(world):
    one = world.gate({"tiles-1": world.back()}, more=LOG)
    asked, found = rotated(world, one, "    copytruncate", copied=True)
    # What is written between the copy and the cut is lost with the cut: nobody can help that, and it is little.
    targets = [line["target"] for line in found]
    assert len(set(targets)) == len(targets) and set(targets) <= set(asked)
    assert len(targets) > 0.5 * len(asked)
    one.signals(signal.SIGTERM)
    assert one.process.wait(SOON_S) == 0
