"""Guests that the map parts: their connections go back to TCP. Here both guests are daemons on this machine, and the memory a file."""

import os
import re
import subprocess
import sys
import time

import pytest

from test_wire_guests import places
from wire import Wire, free_port, wait_until, without_wire

# A program that talks with a Redis server by one connection, a line of its input at a time, and does nothing else meanwhile.
CALLER = """
import socket, sys
one = socket.socket()
one.bind(("127.0.0.1", 0))
one.connect(("127.0.0.2", int(sys.argv[1])))
for line in sys.stdin:
    for number in range(int(line)):
        said = b"%d" % number
        one.sendall(b"*2\\r\\n$4\\r\\nECHO\\r\\n$%d\\r\\n%s\\r\\n" % (len(said), said))
        wanted, got = b"$%d\\r\\n%s\\r\\n" % (len(said), said), b""
        while len(got) < len(wanted):
            got += one.recv(100)
        assert got == wanted, (got, wanted)
    print(line, end="", flush=True)
"""


# The same, of which a child by fork takes over in the middle.
FORKS = CALLER.replace("import socket, sys", "import os, socket, sys").replace("    print(", """    if int(line) == 1000 and (child := os.fork()):
        os.waitpid(child, 0)
        os._exit(0)
    print(""")


class Parted:
    """The guests red at 127.0.0.1 and blue at 127.0.0.2."""

    def __init__(self, pogson, folder):
        self.map, self.region = folder / "map", folder / "region"
        with self.region.open("wb") as region:
            region.truncate(64 << 20)
        self.write_map()
        self.red, self.blue = (
            Wire(pogson, folder, "--guest", name, "--guests", self.map, "--region", f"{other}={self.region}")
            for name, other in [("red", "blue"), ("blue", "red")]
        )

    def write_map(self, blue="host"):
        text = places([("red", "host", "127.0.0.1"), ("blue", blue, "127.0.0.2")])
        self.map.with_suffix(".new").write_text(text)
        self.map.with_suffix(".new").rename(self.map)

    def guests(self):
        return [one.stats()["guests"][0] for one in (self.red, self.blue)]

    def joined(self, count=1):
        wait_until("rings", lambda: all(one["connections"] >= count for one in self.guests()))

    def left(self):
        """Waits until both daemons have let go of the memory."""
        wait_until("both to leave", lambda: not any(one["open"] for one in self.guests()))

    def take_away(self):
        """As if the device were gone: whoever touches it is killed."""
        os.truncate(self.region, 0)

    def close(self):
        for one in (self.red, self.blue):
            one.close()


@pytest.fixture
def parted(pogson, tmp_path):
    if why := without_wire(pogson):
        pytest.skip(why)
    one = Parted(pogson, tmp_path)
    yield one
    one.close()


def numbers(end):
    """What `drains` has sent and received."""
    assert end.wait(60) == 0, end.log.read_text()
    found = re.search(r"sent (\d+) received (\d+)", end.log.read_text())
    assert found and "nothing" not in end.log.read_text(), end.log.read_text()
    return int(found[1]), int(found[2])


@pytest.mark.parametrize("calls", ["threads", "poll", "epoll"])
def test_a_connection_in_full_flow_goes_on_by_tcp_and_no_byte_is_lost(parted, compiled, tmp_path, calls):
    port, stops = free_port(), [tmp_path / "stop-red", tmp_path / "stop-blue"]
    blue = parted.blue.start(compiled / "drains", calls, "serve", "127.0.0.2", port, stops[1], name="blue")
    wait_until("the server", lambda: f":{port:04X} " in open("/proc/net/tcp").read())
    red = parted.red.start(compiled / "drains", calls, "connect", "127.0.0.2", port, stops[0], "127.0.0.1", name="red")
    wait_until("bytes by rings", lambda: min(one.stats()["bytes_ring"] for one in (parted.red, parted.blue)) > 1_000_000)
    parted.write_map(blue="elsewhere")
    parted.left()
    for one in (red, blue):
        assert "region" not in open(f"/proc/{one.pid}/maps").read()
    parted.take_away()
    before = [one.stats() for one in (parted.red, parted.blue)]
    wait_until("bytes by TCP", lambda: all(
        one.stats()["bytes_tcp"] > then["bytes_tcp"] + 1_000_000 for one, then in zip((parted.red, parted.blue), before, strict=True)
    ))
    assert [one.stats()["bytes_ring"] for one in (parted.red, parted.blue)] == [then["bytes_ring"] for then in before]
    for stop in stops:
        stop.touch()
    (sent, received), (sent_back, received_there) = numbers(red), numbers(blue)
    assert (sent, sent_back) == (received_there, received)


def test_processes_that_sleep_leave_as_soon_as_they_look_and_are_named_until_then(parted, tmp_path):
    port = free_port()
    redis = parted.blue.start("redis-server", "--port", port, "--bind", "127.0.0.2", "--save", "", "--protected-mode", "no")
    wait_until("redis", lambda: "Ready to accept" in redis.log.read_text())
    caller = parted.red.start(sys.executable, "-c", CALLER, port, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def says(count):
        caller.stdin.write(b"%d\n" % count)
        caller.stdin.flush()
        assert caller.stdout.readline() == b"%d\n" % count, caller.log.read_text()

    says(1000)
    parted.joined()
    parted.write_map(blue="elsewhere")
    # Redis looks around ten times a second, but the caller waits for its input.
    wait_until("all but it to leave", lambda: parted.guests()[0].get("users") == [caller.pid])
    assert "region" not in open(f"/proc/{redis.pid}/maps").read()
    time.sleep(1)
    assert parted.guests()[0].get("users") == [caller.pid] and parted.guests()[0]["leaving"]
    says(3)
    parted.left()
    parted.take_away()
    says(1000)
    # Once more, with memory.
    with parted.region.open("r+b") as region:
        region.truncate(64 << 20)
    parted.write_map()
    wait_until("both to join", lambda: all(one["open"] and one["answered"] for one in parted.guests()))
    says(1000)
    assert parted.guests()[0]["connections"] == 0, "who has gone back stays on TCP"
    caller.stdin.close()
    assert caller.wait(20) == 0, caller.log.read_text()
    again = parted.red.run(sys.executable, "-c", CALLER, port, input=b"1000\n")
    assert again.out == b"1000\n"
    assert parted.red.stats()["pairs"] == 2


def test_many_connections_of_a_server_leave_together(parted):
    port = free_port()
    redis = parted.blue.start("redis-server", "--port", port, "--bind", "127.0.0.2", "--save", "", "--protected-mode", "no")
    wait_until("redis", lambda: "Ready to accept" in redis.log.read_text())
    callers = [
        parted.red.start(sys.executable, "-c", CALLER, port, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(6)
    ]
    for caller in callers:
        caller.stdin.write(b"1000\n" * 60)
        caller.stdin.close()
    parted.joined(6)
    parted.write_map(blue="elsewhere")
    parted.left()
    parted.take_away()
    for caller in callers:
        assert caller.stdout.read() == b"1000\n" * 60, caller.log.read_text()
        assert caller.wait(60) == 0


def test_a_child_by_fork_goes_on_while_its_parent_waits_for_it(parted):
    port = free_port()
    redis = parted.blue.start("redis-server", "--port", port, "--bind", "127.0.0.2", "--save", "", "--protected-mode", "no")
    wait_until("redis", lambda: "Ready to accept" in redis.log.read_text())
    parent = parted.red.start(sys.executable, "-c", FORKS, port, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def says(count):
        parent.stdin.write(b"%d\n" % count)
        parent.stdin.flush()
        assert parent.stdout.readline() == b"%d\n" % count, parent.log.read_text()

    says(999)
    parted.joined()
    says(1000)
    says(999)
    parted.write_map(blue="elsewhere")
    wait_until("parent and child to be named", lambda: parent.pid in parted.guests()[0].get("users", []))
    says(500)
    says(999)
    wait_until("all but the parent to leave", lambda: parted.guests()[0].get("users") == [parent.pid])
    says(999)
    parent.stdin.close()
    assert parent.wait(20) == 0, parent.log.read_text()
    parted.left()


def test_a_process_that_is_killed_while_it_leaves_holds_nobody_up(parted):
    port = free_port()
    redis = parted.blue.start("redis-server", "--port", port, "--bind", "127.0.0.2", "--save", "", "--protected-mode", "no")
    wait_until("redis", lambda: "Ready to accept" in redis.log.read_text())
    caller = parted.red.start(sys.executable, "-c", CALLER, port, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    caller.stdin.write(b"1000\n")
    caller.stdin.flush()
    assert caller.stdout.readline() == b"1000\n"
    parted.joined()
    parted.write_map(blue="elsewhere")
    wait_until("all but it to leave", lambda: parted.guests()[0].get("users") == [caller.pid])
    caller.kill()
    caller.wait()
    parted.left()
    parted.take_away()
    assert b"PONG" in parted.red.run("redis-cli", "-h", "127.0.0.2", "-p", port, "ping").out
