"""What the server does once an hour to its upload store, by a clock that jumps: segments in which little is wanted are emptied, what is
wanted is still there and as it was, also where the server is killed in the middle; old rows go, and credit stays."""

import random
import time

import pytest

from crowd_server import MOST_OUTPUTS, Crowd
from powercut import library, open_folder
from test_crowd_faults import Bench, settle

WANTED, OTHERS = 150, 300
BYTES = 12000


@pytest.fixture(scope="module")
def lib():
    """The power-cut library."""
    with open_folder() as folder:
        yield library(folder)


@pytest.fixture
def place():
    """A folder for one test."""
    with open_folder() as folder:
        yield folder


class Clock:
    """A file that the server takes the time from."""

    def __init__(self, path):
        self.path, self.time = path, int(time.time())
        self.add(0)

    def add(self, seconds):
        """Lets time pass."""
        self.time += seconds
        beside = self.path.with_suffix(".new")
        beside.write_text(f"{self.time}\n")
        beside.rename(self.path)


def until(what, seconds=60, pause=0.01):
    """Waits for something."""
    end = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(pause)
    return value


def work(server, hosts, domain, seconds=36000):
    """Hosts that work without faults."""
    return Crowd(server, "--hosts", hosts, "--rate", 150, "--tasks", 4, "--seconds", seconds, "--create", hosts, "--domain", domain,
                 "--output-bytes", BYTES, "--noise", "--retry", "0.05,0.4")


def segments(server):
    """Bytes of each segment."""
    found = {}
    for path in (server.folder / "upload").glob("*.seg"):
        try:
            found[path.name] = path.stat().st_size
        except FileNotFoundError:
            continue
    return found


def places(server):
    """Where the wanted outputs are."""
    rows = server.rows("select outputs.id, outputs.segment, outputs.place, outputs.md5 from outputs join units "
                       f"on units.id = outputs.id / {64 * MOST_OUTPUTS} where units.name like 'wanted%' order by outputs.id")
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


@pytest.mark.parametrize("base, power", [("sqlite", False), ("sqlite", True), ("postgresql", False)],
                         ids=["sqlite-kill", "sqlite-power-cut", "postgresql-kill"])
def test_sparse_segments_are_emptied_and_nothing_wanted_is_lost_by_kills(pogson, lib, place, base, power):
    draw = random.Random(f"{base} {power}")
    bench = Bench(pogson.path, lib, place, base, units=0, power=power)
    server, clock = bench.server, Clock(place / "clock")
    # Tries come back with time, which stands still.
    server.set({"scheduler.keep_days": 2.0, "server.tries": 1000.0, "server.all_tries": 1000.0})
    start = lambda: server.start(options=["--clock-file", str(clock.path)])
    try:
        # Half of each of these is here, and waits for the other half.
        server.run("app", "add", server.folder, "later")
        server.run("app", "version", server.folder, "later", f"{server.folder.parent / 'program'}=later", "--number", 100)
        make = lambda app, name, count: server.run(
            "wu", "create", server.folder, "--app", app, "--name", name, "--count", count, "--output", "out", "--most", 1_000_000,
            "--flops", "1e12", "--credit", 1)
        make("later", "wanted", WANTED)
        start()
        crowd = work(server, 1, "first.example")
        until(lambda: server.count("results where outcome = 1") == WANTED, pause=0.2)
        crowd.stop()
        server.run("app", "pause", server.folder, "later")
        make("toy", "other", OTHERS)
        crowd = work(server, 20, "others.example")
        until(lambda: server.count("units where assimilation = 2") == OTHERS, 120, 0.2)
        until(lambda: server.count("outputs") == WANTED, pause=0.2)
        crowd.stop()
        # What is open is not emptied: the next process begins another.
        server.stop()
        start()
        before = places(server)
        assert len(before) == WANTED
        full = segments(server)
        assert sum(full.values()) > (WANTED + 2 * OTHERS) * BYTES

        cut_short = 0
        for kill in range(5):
            known = segments(server)
            time.sleep(2.0)
            clock.add(3600)
            until(lambda: any(size > known.get(name, 0) for name, size in segments(server).items() if name not in full), pause=0.001)
            time.sleep(draw.uniform(0, 0.02 * kill))
            bench.cut(torn=draw.randrange(10**6))
            start()
            now = places(server)
            assert {key: value[2] for key, value in now.items()} == {key: value[2] for key, value in before.items()}
            server.run("check", server.folder, "--deep")
            moved = sum(now[key][:2] != before[key][:2] for key in now)
            cut_short += moved < WANTED
            if moved == WANTED:
                break
        assert cut_short >= 1, "no kill came in the middle"

        def empty():
            """a folder with the wanted files alone"""
            clock.add(3600)
            time.sleep(2.2)
            return sum(segments(server).values()) < 2 * WANTED * BYTES
        until(empty)
        assert not set(full) & set(segments(server)), "segments in which nothing is wanted are gone"
        now = places(server)
        assert all(now[key][:2] != before[key][:2] and now[key][2] == before[key][2] for key in before)
        server.run("check", server.folder, "--deep")

        credit = server.rows("select sum(credit) from users")
        clock.add(3 * 86_400)
        until(lambda: server.count("units") == WANTED, pause=0.2)
        assert server.count("results") == 2 * WANTED and server.rows("select sum(credit) from users") == credit
        server.run("check", server.folder, "--deep")

        # The halves that were moved agree with those that come now.
        server.run("app", "resume", server.folder, "later")
        crowd = work(server, 5, "second.example")
        settle(server, crowd, 60)
        crowd.stop()
        assert server.count("units where canonical is not null") == WANTED
        assert server.count("results where validity = 1") == 2 * WANTED
        assert float(server.rows("select sum(credit) from users")[0][0]) == float(credit[0][0]) + 2e6 * WANTED
        server.stop()
        server.run("check", server.folder, "--deep")
    finally:
        bench.end()
