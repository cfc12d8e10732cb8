"""Servers and gates that are killed and replaced while clients ask: no byte is wrong, what is lost is counted."""

import asyncio
import collections
import random
import re
import signal
import subprocess
import sys
import urllib.request

import gate_load
import pytest
from test_gate_serve import SOON_S, free_port, listens, until

CLIENTS = 12


class World:
    """Two servers that keep what was posted to them, and a gate."""

    def __init__(self, pogson, folder):
        self.pogson, self.folder = pogson, folder
        self.backs = {free_port(): None, free_port(): None}
        self.port, self.admin = free_port(), free_port()
        self.processes = []
        self.ends = collections.Counter()
        servers = "".join(f'[[pool.server]]\naddress = "http://127.0.0.1:{port}"\nslow_start = "0s"\n' for port in self.backs)
        (folder / "gate.toml").write_text(f"""
workers = 2
[[listen]]
address = "127.0.0.1:{self.port}"
[admin]
address = "127.0.0.1:{self.admin}"
socket = "gate.sock"
[[pool]]
health = {{ passive = {{ ejection = "200ms" }} }}
{servers}""")
        for port in self.backs:
            self.begin_back(port)

    def spawn(self, *command):
        process = subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def begin_back(self, port):
        self.backs[port] = self.spawn(
            sys.executable, gate_load.__file__, port, "--workers", 8, "--seconds", 0.003, "--service", "exponential",
            "--posts", self.folder / f"posts-{port}",
        )
        until(lambda: listens(port), "a server does not listen")

    def begin_gate(self, *more):
        gate = self.spawn(self.pogson.path, "gate", "serve", "--config", self.folder / "gate.toml", *more)
        until(lambda: gate.poll() is not None or listens(self.port), "the gate does not listen")
        assert gate.poll() is None
        return gate

    def posts(self):
        files = [self.folder / f"posts-{port}" for port in self.backs]
        return collections.Counter(line for path in files if path.exists() for line in path.read_text().split())

    def load(self, seconds, happen):
        """Has clients ask all the time, and `happen` until the end; the clients and what became of their requests."""
        clients, posted = gate_load.Clients(self.port, deadline_s=SOON_S), {}
        dice = random.Random(7)
        over = False

        async def client(which):
            number = 0
            while not over:
                number += 1
                if number % 4 == 0:
                    name = f"{which}-{number}"
                    path = f"/count/{name}"
                    end = await clients.ask("POST", path, body=b"x" * dice.choice([1, 5000]))
                    posted[name] = end[0]
                    self.ends["POST", end[0]] += 1
                else:
                    end = await clients.ask("GET", f"/bytes/{dice.choice([0, 700, 70_000, 700_000])}/{which}/{number}")
                    self.ends["GET", end[0]] += 1
                if end[0] == "refused":
                    await asyncio.sleep(0.02)

        async def run():
            nonlocal over
            tasks = [asyncio.ensure_future(client(which)) for which in range(CLIENTS)]
            loop = asyncio.get_running_loop()
            ends = loop.time() + seconds
            while loop.time() < ends:
                await loop.run_in_executor(None, happen)
                await asyncio.sleep(dice.uniform(0.1, 0.5))
            over = True
            await asyncio.gather(*tasks)
            clients.close()
        asyncio.run(run())
        return clients, posted

    def count(self, how, method=None):
        return sum(count for key, count in self.ends.items() if key[1] == how and method in (None, key[0]))


@pytest.fixture
def world(pogson, tmp_path):
    world = World(pogson, tmp_path)
    try:
        yield world
    finally:
        for process in world.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def is_counted_and_right(world, posted):
    """What holds whatever was killed."""
    assert world.count("wrong") == 0, world.ends
    assert world.count("late") == 0, world.ends
    came = world.posts()
    assert max(came.values(), default=0) <= 1, "something was posted twice"
    missing = [name for name, how in posted.items() if how == 200 and not came[name]]
    assert not missing, f"answered, but never posted: {missing}"


def test_servers_that_are_killed_take_no_request_with_them_but_those_under_way(world):
    world.begin_gate()
    dice, kills = random.Random(3), 0

    def happen():
        nonlocal kills
        port = dice.choice(list(world.backs))
        world.backs[port].send_signal(signal.SIGKILL)
        world.backs[port].wait()
        kills += 1
        world.begin_back(port)
    clients, posted = world.load(6, happen)
    is_counted_and_right(world, posted)
    assert kills > 3 and world.count(200) > 200, world.ends
    # The gate lives: its connections end only in the middle of an answer whose server died.
    assert world.count("lost") == world.count("refused") == 0, world.ends
    assert world.count("cut") <= kills * CLIENTS, world.ends
    # A GET that had no answer yet is asked elsewhere; a POST is not.
    assert world.count(502, "GET") + world.count(503, "GET") <= kills, world.ends
    metrics = urllib.request.urlopen(f"http://127.0.0.1:{world.admin}/metrics").read().decode()
    figures = re.findall(r"^pogson_gate_(\w+)\{(.*)\} ([\d.]+)$", metrics, re.M)
    told = collections.Counter()
    for name, labels, value in figures:
        if name == "requests_total":
            told[re.search(r'code="(\w+)"', labels)[1]] += int(value)
    cut = sum(int(value) for name, _, value in figures if name == "cut_total")
    answered = collections.Counter()
    for (_, how), count in world.ends.items():
        answered[f"{how // 100}xx" if isinstance(how, int) else "2xx"] += count
    assert told == answered and sum(told.values()) == clients.sent, (told, world.ends)
    assert cut == world.count("cut")


def test_a_gate_that_is_reloaded_and_replaced_loses_nothing(world):
    gate, steps = world.begin_gate(), 0

    def happen():
        nonlocal gate, steps
        steps += 1
        if steps % 2:
            gate.send_signal(signal.SIGHUP)
            return
        old, gate = gate, world.begin_gate("--take-over")
        assert old.wait(SOON_S + 30) == 0
    _, posted = world.load(7, happen)
    is_counted_and_right(world, posted)
    assert steps > 3
    assert set(how for _, how in world.ends) == {200}, world.ends


def test_a_gate_that_is_killed_takes_what_is_under_way_with_it_and_the_next_serves(world):
    gate, kills = world.begin_gate(), 0

    def happen():
        nonlocal gate, kills
        gate.send_signal(signal.SIGKILL)
        gate.wait()
        kills += 1
        gate = world.begin_gate()
    _, posted = world.load(6, happen)
    is_counted_and_right(world, posted)
    assert kills > 3 and world.count(200) > 200, world.ends
    # Each client had one request under way.
    assert world.count("lost") + world.count("cut") <= kills * CLIENTS, world.ends
    assert set(how for _, how in world.ends) <= {200, "lost", "cut", "refused"}, world.ends
    assert urllib.request.urlopen(f"http://127.0.0.1:{world.port}/x").read() == gate_load.body_of("/x", 500)
