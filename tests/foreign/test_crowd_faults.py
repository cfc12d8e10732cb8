"""The project server killed at random moments under load, on disks that lose what was not synced, that fill up, or that may not be
written: what was acknowledged stays, no credit is granted twice, no unit is stuck.

A few kills by default; CROWD_KILLS=200 for a run in earnest, CROWD_SEED for others."""

import os
import random
import time

import pytest

from crowd_server import MOST_OUTPUTS, MOST_RESULTS, Crowd, Postgres, Server, make_app, make_units
from powercut import Disk, library, open_folder

KILLS = int(os.environ.get("CROWD_KILLS", "6"))
SEED = int(os.environ.get("CROWD_SEED", "1"))

SUCCESS, NO_REPLY = 1, 4
FAULTS = ["--error", 0.03, "--wrong", 0.02, "--lost-reply", 0.05, "--lost-upload", 0.05, "--cut-upload", 0.05, "--duplicate", 0.05]


@pytest.fixture(scope="session")
def lib():
    """The power-cut library."""
    with open_folder() as folder:
        yield library(folder)


@pytest.fixture
def place():
    """A folder for one test."""
    with open_folder() as folder:
        yield folder


class Bench:
    """A project on a disk whose power can be cut, with or without PostgreSQL on the same disk."""

    def __init__(self, binary, lib, folder, base, units, power=True, **how):
        self.disk = Disk(lib, folder / "disk")
        self.power = power
        env = self.disk.env(**how) if power or how else None
        self.postgres = Postgres(self.disk.folder / "postgres", env) if base == "postgresql" else None
        settings = {
            "scheduler.request_delay": 0.0, "scheduler.daily_quota": 100000, "scheduler.quarantine_after": 0,
            "scheduler.one_per_user": True, "server.disk_reserve": 0,
        }
        self.server = Server(binary, self.disk.folder / "project", self.postgres, env, settings)
        self.record, self.folder = folder / "record", folder
        make_app(self.server)
        make_units(self.server, "u", units)
        self.units = units
        if power:
            self.disk.settle()

    def cut(self, torn):
        """Kills the server at once, and everything else on the disk if the power goes."""
        self.server.kill()
        if self.power:
            if self.postgres:
                self.postgres.kill()
            done = self.disk.cut(torn, self.postgres and self.postgres.folder)
            assert not done["not_followed"], done
            if self.postgres:
                (self.postgres.data / "postmaster.pid").unlink(missing_ok=True)
                self.postgres.start()

    def end(self):
        """Ends what runs."""
        if self.server.process:
            self.server.kill()
        if self.postgres:
            self.postgres.kill()


def settle(server, crowd, seconds):
    """Waits until each unit is assimilated."""
    end = time.monotonic() + seconds
    left = None
    while time.monotonic() < end:
        left = server.count("units where assimilation <> 2")
        if left == 0:
            return
        assert crowd.process.poll() is None, "the crowd ended"
        time.sleep(0.3)
    stuck = server.rows("select id, name, validate, assimilation, trouble, canonical from units where assimilation <> 2 limit 5")
    of = ",".join(str(int(row[0])) for row in stuck)
    results = server.rows(f"select id, state, outcome, validity, sent, deadline, received from results where id / {MOST_RESULTS} in ({of})")
    raise AssertionError(f"{left} units are stuck: {stuck}\n{results}\n{server.tail()}")


def acknowledged(record):
    """Uploads and reports that the server acknowledged."""
    uploads, reports = {}, {}
    for line in record.read_text().splitlines():
        words = line.split(" ")
        if words[0] == "upload":
            uploads[words[1]] = (int(words[2]), words[3])
        elif words[0] == "report":
            reports[words[1]] = tuple(map(int, words[2:]))
    return uploads, reports


def prove(bench):
    """That nothing acknowledged is lost, that credit was granted once, that the server's own check finds nothing."""
    server = bench.server
    uploads, reports = acknowledged(bench.record)
    units = {row[1]: (int(row[0]), int(row[2]), row[3]) for row in server.rows("select id, name, assimilation, canonical from units")}
    results = {
        int(row[0]): row
        for row in server.rows("select id, state, outcome, validity, host_id, user_id, granted, received, has_files from results")
    }
    outputs = {int(row[0]): row[1] for row in server.rows("select id, md5 from outputs")}

    def result_id(name):
        unit, place = name.rsplit("_", 1)
        return units[unit][0] * MOST_RESULTS + int(place)

    assert len(reports) > 10 and len(uploads) > 10, "the crowd did nothing"
    lost = []
    for name, (state, exit_status, host) in reports.items():
        row = results.get(result_id(name))
        if row is None or int(row[1]) != 5 or int(row[7]) == 0:
            lost.append(f"report of {name}: {row}")
        elif state == 5 and int(row[2]) != SUCCESS:
            lost.append(f"report of {name} as done: {row}")
    for name, (_, md5) in uploads.items():
        result, place = name.rsplit("_", 1)
        number = result_id(result)
        done = units[result.rsplit("_", 1)[0]][1] == 2
        known = outputs.get(number * MOST_OUTPUTS + int(place))
        # Outputs of units that are done may have been deleted.
        if known != md5 and not (known is None and done):
            lost.append(f"upload of {name}: {known} for {md5}")
    assert not lost, f"{len(lost)} acknowledged and lost: {lost[:5]}"

    hosts, users = {}, {}
    for row in results.values():
        hosts[row[4]] = hosts.get(row[4], 0) + int(row[6])
        users[row[5]] = users.get(row[5], 0) + int(row[6])
    credit = {int(row[0]) for row in server.rows("select distinct credit from units")}
    assert {int(row[6]) for row in results.values()} <= credit | {0}
    for row in server.rows("select id, credit from hosts"):
        assert int(row[1]) == hosts.get(row[0], 0), f"host {row[0]} has credit {row[1]}, its results {hosts.get(row[0], 0)}"
    for row in server.rows("select id, credit from users"):
        assert int(row[1]) == users.get(row[0], 0), f"user {row[0]} has credit {row[1]}, its results {users.get(row[0], 0)}"
    for name, (number, assimilation, canonical) in units.items():
        if canonical:
            path = found(server.folder / "outputs", f"{name}_0")
            assert path is not None, f"{name} is assimilated and its output is not there"
    server.run("check", server.folder)


def found(folder, name):
    """A file below a folder."""
    listed = getattr(found, "listed", None)
    if listed is None or listed[0] != folder:
        listed = found.listed = (folder, {})
    if name not in listed[1]:
        listed[1].update({path.name: path for path in folder.rglob("*") if path.is_file()})
    return listed[1].get(name)


def run_with_kills(bench, kills, draw, seconds=(0.15, 1.2)):
    """Load from a crowd, with kills at random moments; then all is brought to its end."""
    server = bench.server
    server.start()
    crowd = Crowd(
        server, "--hosts", 60, "--rate", 120, "--tasks", 3, "--seconds", 36000, "--create", 20, "--seed", SEED,
        "--retry", "0.05,0.4", "--patience", 10, "--output-bytes", 12000, *FAULTS, record=bench.record,
    )
    try:
        crowd.attached(server)
        for kill in range(kills):
            time.sleep(draw.uniform(*seconds))
            bench.cut(torn=draw.randrange(10**6) if kill % 2 else None)
            # Now and then the next kill comes before the server has found its feet.
            if draw.random() < 0.15:
                server.start(wait=False)
                time.sleep(draw.uniform(0, 0.2))
                bench.cut(torn=None)
            server.start()
        settle(server, crowd, 40 + bench.units / 20)
        # A last moment in which reports of units that are done may come.
        time.sleep(1.0)
    finally:
        summary = crowd.stop()
    return summary


@pytest.mark.parametrize("base", ["sqlite", "postgresql"])
@pytest.mark.parametrize("power", [False, True], ids=["kill", "power-cut"])
def test_nothing_acknowledged_is_lost_by_kills(pogson, lib, place, base, power):
    bench = Bench(pogson.path, lib, place, base, units=40 * KILLS + 60, power=power)
    try:
        run_with_kills(bench, KILLS, random.Random(f"{SEED} {base} {power}"))
        bench.server.stop()
        prove(bench)
    finally:
        bench.end()


def test_with_syncs_taken_out_what_was_acknowledged_is_lost(pogson, lib, place):
    """The power cut bites: else the test above would prove nothing."""
    bench = Bench(pogson.path, lib, place, "sqlite", units=200)
    bench.disk.cut()
    bench.server.env = bench.disk.env(ignore_syncs=True)
    try:
        with pytest.raises(AssertionError, match="acknowledged and lost"):
            server = bench.server
            server.start()
            crowd = Crowd(server, "--hosts", 30, "--rate", 60, "--tasks", 2, "--seconds", 3, "--create", 10, record=bench.record)
            crowd.wait(60)
            bench.cut(None)
            server.start()
            server.stop()
            prove(bench)
    finally:
        bench.end()


@pytest.mark.parametrize("fault", ["enospc", "erofs", "eio"])
def test_a_disk_that_fails_for_a_while_loses_nothing(pogson, lib, place, fault):
    bench = Bench(pogson.path, lib, place, "sqlite", units=150, power=False, fault=fault)
    server = bench.server
    try:
        server.start()
        crowd = Crowd(
            server, "--hosts", 40, "--rate", 80, "--tasks", 2, "--seconds", 36000, "--create", 15, "--retry", "0.1,0.5",
            "--output-bytes", 12000, *FAULTS, record=bench.record,
        )
        try:
            crowd.attached(server)
            for _ in range(3):
                time.sleep(0.7)
                bench.disk.flag.touch()
                time.sleep(0.7)
                bench.disk.flag.unlink()
                # A server may end itself where it cannot tell what its disk holds; it has to come back by itself then.
                if server.process.poll() is not None:
                    server.start()
            settle(server, crowd, 60)
            time.sleep(1.0)
        finally:
            summary = crowd.stop()
        assert any("transient" in kind or "HTTP status" in kind for kind in summary["errors"]), summary["errors"]
        server.stop()
        prove(bench)
    finally:
        bench.end()
