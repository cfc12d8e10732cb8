"""Two gates side by side before the same three portals, which know of each other's work only by the portals' reports; and a client that goes
to one portal past both."""

import contextlib
import http.client
import json
import random
import socket
import subprocess
import threading
import time
import urllib.request

import pytest

pytest.importorskip("astropy")

from test_portal import CENTER, Portal, mosaics  # noqa: E402, F401

SOON_S = 60
GATES, PORTALS, CLIENTS = 2, 3, 3
# Requests that the client past the gates has at its portal all the time, and how many make a phase.
PAST, PHASE = 8, 150


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(true, what):
    end = time.monotonic() + SOON_S
    while not (found := true()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return found


class Gate:
    def __init__(self, pogson, folder, number, admin, portals, policy):
        self.port, self.admin = free_port(), admin
        servers = "".join(f'[[pool.server]]\nname = "p{at}"\naddress = "{portal.url}"\n' for at, portal in enumerate(portals))
        config = folder / f"gate{number}.toml"
        config.write_text(
            f'workers = 1\n[[listen]]\naddress = "127.0.0.1:{self.port}"\n[admin]\naddress = "127.0.0.1:{admin}"\n'
            f'[[pool]]\npolicy = "{policy}"\ntimes = {{ connect = "20s" }}\nqueue = {{ longest = "60s", timeout = "60s" }}\n'
            f'reports = {{ key_file = {json.dumps(str(folder / "key"))} }}\n{servers}'
        )
        self.process = subprocess.Popen([pogson.path, "gate", "serve", "--config", config], stderr=subprocess.DEVNULL)
        until(self.state, "the gate does not serve")

    def state(self):
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/state", timeout=SOON_S) as answer:
                return json.load(answer)["pools"][0]

    def counts(self):
        """Requests that each portal was sent."""
        return [server["requests"] for server in sorted(self.state()["servers"], key=lambda one: one["name"])]

    def end(self):
        self.process.kill()
        self.process.wait(SOON_S)


def paths(seed):
    """Small parts all over the mosaic, in some order."""
    dice = random.Random(seed)
    while True:
        ra, dec = (at + dice.uniform(-0.12, 0.12) for at in (CENTER.ra.deg, CENTER.dec.deg))
        yield f"/sim/cutout?ra={ra:.5f}&dec={dec:.5f}&size=0.02&format=png"


class Client(threading.Thread):
    """Asks one after the other until told to stop, or so many times."""

    def __init__(self, port, seed, times=None):
        super().__init__(daemon=True)
        self.port, self.paths, self.times, self.stops, self.wrong = port, paths(seed), times, False, []
        self.start()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SOON_S)
        while not self.stops and (self.times is None or self.times > 0):
            connection.request("GET", next(self.paths))
            reply = connection.getresponse()
            reply.read()
            if reply.status != 200:
                self.wrong.append(reply.status)
            if self.times is not None:
                self.times -= 1


def shares(gates, seed):
    """What part of a phase's requests each portal was sent by all gates."""
    before = [gate.counts() for gate in gates]
    clients = [Client(gate.port, seed + number, PHASE // CLIENTS) for gate in gates for number in range(CLIENTS)]
    for client in clients:
        client.join(4 * SOON_S)
        assert not client.is_alive() and client.wrong == []
    counts = [sum(after) - sum(first) for after, first in zip(zip(*(gate.counts() for gate in gates)), zip(*before))]
    assert sum(counts) == GATES * PHASE
    return [count / sum(counts) for count in counts]


@pytest.fixture(params=["least-work", "pogson"])
def world(request, pogson, mosaics, tmp_path):  # noqa: F811
    (tmp_path / "key").write_text("a key that is long enough\n")
    admins = [free_port() for _ in range(GATES)]
    tells = [word for admin in admins for word in ("--report-to", f"http://127.0.0.1:{admin}/reports")]
    running = contextlib.ExitStack()
    with running:
        portals = []
        for number in range(PORTALS):
            # One worker and a distant store: what a portal can do does not depend on this machine's processors alone.
            portal = Portal(pogson, mosaics, "--workers", 1, "--store-delay", "30ms", "--cache", "64KiB", "--name", f"p{number}",
                            "--key", tmp_path / "key", *tells)
            running.callback(portal.process.wait, SOON_S)
            running.callback(portal.process.kill)
            portals.append(portal)
        gates = []
        for number, admin in enumerate(admins):
            gates.append(Gate(pogson, tmp_path, number, admin, portals, request.param))
            running.callback(gates[-1].end)
        yield gates, portals, request.param


def test_work_past_the_gates_is_found_by_all_of_them_and_left_room(world):
    gates, portals, policy = world
    even = shares(gates, 100)
    assert min(even) > 0.05, f"each portal has its part: {even}"
    # The busiest one gets a client of its own, which keeps it busy and that both gates hear of by its reports alone.
    busy = even.index(max(even))
    past = [Client(int(portals[busy].url.rsplit(":", 1)[1]), 1000 + number) for number in range(PAST)]

    def heard(gate):
        server = next(one for one in gate.state()["servers"] if one["name"] == f"p{busy}")
        return server["report"] and server["report"]["queue"] and server["report"]["queue"] >= PAST // 2

    try:
        for gate in gates:
            until(lambda: heard(gate), "a gate does not hear of the work past it")
        uneven = shares(gates, 200)
    finally:
        for client in past:
            client.stops = True
    # What is cached there keeps some with the default; where work alone counts little goes there.
    most = even[busy] / 2 if policy == "least-work" else even[busy] - 0.05
    assert uneven[busy] < most, f"from {even} to {uneven}"
    for client in past:
        client.join(SOON_S)
        assert client.wrong == []
