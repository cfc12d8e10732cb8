"""Guests without a network between them: the daemons carry packets through the memory that both have. Here each guest is a network
namespace of this machine, and the memory a file."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import program
from test_wire_guests import places
from wire import Tcp, Wire, wait_until

RED, BLUE, PORT = "10.77.0.1", "10.77.0.2", 7000


@pytest.fixture
def apart(tmp_path):
    """Two network namespaces with nothing between them."""
    if os.geteuid() != 0 or not Path("/dev/net/tun").exists() or not shutil.which("ip"):
        pytest.skip("network devices can only be made by root, with /dev/net/tun and ip")
    names = [f"{name}-{os.getpid()}" for name in ("red", "blue")]
    made = []
    try:
        for name in names:
            run = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
            if run.returncode:
                pytest.skip(f"no network namespaces here: {run.stderr}")
            made.append(name)
            subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield names
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "delete", name])


class Guest(Wire):
    """A daemon in a network namespace, and programs there."""

    def __init__(self, pogson, folder, namespace, *options):
        self.prefix = ("ip", "netns", "exec", namespace)
        super().__init__(pogson, folder, *options)

    def command(self, args):
        return [*self.prefix, *super().command(args)]


class Bare(Tcp):
    """Programs in the same namespace without the wire."""

    def __init__(self, folder, guest):
        super().__init__(folder)
        self.prefix = guest.prefix

    def command(self, args):
        return [*self.prefix, *super().command(args)]


@pytest.fixture
def guests(pogson, apart, tmp_path):
    """The guests red and blue, who have only the region."""
    yield from joined(pogson, apart, tmp_path, RED, BLUE, 24)


def joined(pogson, apart, folder, red, blue, bits):
    region, where = folder / "region", folder / "map"
    with region.open("wb") as file:
        file.truncate(64 << 20)
    where.write_text(places([("red", "host", red), ("blue", "host", blue)]))
    both = []
    try:
        for name, other, address, namespace in zip(("red", "blue"), ("blue", "red"), (red, blue), apart):
            place = folder / name
            place.mkdir()
            options = ["--guest", name, "--guests", where, "--region", f"{other}={region}", "--network", f"{address}/{bits}"]
            both.append(Guest(pogson, place, namespace, *options))
        yield both
    finally:
        for one in both:
            one.close()


def serves(guest, address, *command):
    guest.start(*command, name="server")
    look = [*guest.prefix, "ss", "-Hltn", f"sport = :{PORT}"]
    wait_until("the server", lambda: address in subprocess.run(look, capture_output=True, text=True).stdout)


def test_redis_answers_a_guest_without_a_network(guests):
    red, blue = guests
    redis = ["--port", PORT, "--bind", BLUE, "--protected-mode", "no", "--save", "", "--appendonly", "no"]
    serves(blue, BLUE, program("redis-server"), *redis)
    run = red.run(program("redis-benchmark"), "-h", BLUE, "-p", PORT, "-t", "set,get", "-n", 3000, "-c", 5, "-d", 3000, "--csv")
    assert len(re.findall(r'^"', run.out.decode(), re.MULTILINE)) >= 3
    red.used(upgraded=5, bytes_ring=3000 * 2000)
    blue.used(upgraded=5, bytes_ring=3000 * 2000)


ENDS = """if True:
    import hashlib, random, socket, sys, threading
    from pathlib import Path
    listens, address, port, total = sys.argv[1] == "listens", sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    if listens:
        listener = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        one, _ = listener.accept()
    else:
        one = socket.create_connection((address, port))
    sent, got = hashlib.sha256(), hashlib.sha256()
    def send():
        dice, left = random.Random(port + listens), total
        while left:
            some = dice.randbytes(min(left, dice.choice([1, 100, 5000, 300_000])))
            one.sendall(some)
            sent.update(some)
            left -= len(some)
        one.shutdown(socket.SHUT_WR)
    sender = threading.Thread(target=send)
    sender.start()
    while some := one.recv(200_000):
        got.update(some)
    sender.join()
    print(sent.hexdigest(), got.hexdigest())
"""


def moved(red, blue, address, total):
    """Both ends send at once; each says what it sent and what it got."""
    serves(blue, address, sys.executable, "-c", ENDS, "listens", address, PORT, total)
    server = blue.started[-1]
    sent, got = red.run(sys.executable, "-c", ENDS, "connects", address, PORT, total).out.split()
    assert server.wait(60) == 0
    assert server.log.read_bytes().split() == [got, sent]


def test_each_byte_comes_by_the_ring_or_by_the_regions_network(guests):
    red, blue = guests
    moved(red, blue, BLUE, 30_000_000)
    red.used(upgraded=1, bytes_ring=20_000_000)


def test_programs_without_the_wire_talk_by_the_regions_network(guests, tmp_path):
    red, blue = (Bare(tmp_path / name, guest) for name, guest in zip(("red", "blue"), guests))
    try:
        moved(red, blue, BLUE, 10_000_000)
    finally:
        red.close(), blue.close()
    for guest in guests:
        assert guest.stats()["bytes_ring"] == 0


def test_a_network_of_version_6_carries_too(pogson, apart, tmp_path):
    for red, blue in joined(pogson, apart, tmp_path, "fd00:77::1", "fd00:77::2", 64):
        moved(red, blue, "fd00:77::2", 10_000_000)
        red.used(upgraded=1, bytes_ring=5_000_000)


def test_packets_that_say_they_come_from_elsewhere_are_left_out(guests, apart):
    red, blue = apart
    # Blue's own kernel would answer them: the map gives this address to nobody.
    subprocess.run(["ip", "-n", red, "address", "add", "10.77.0.9/32", "dev", "lo"], check=True)
    subprocess.run(["ip", "-n", blue, "route", "add", "10.77.0.9/32", "dev", "wire0"], check=True)
    talk = """if True:
        import socket, sys
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind((sys.argv[1], 7001))
        if sys.argv[2] == "hear":
            print("ready", flush=True)
            one.settimeout(60)
            print(one.recvfrom(100)[1][0])
        else:
            for _ in range(5):
                one.sendto(b"?", (sys.argv[2], 7001))
    """
    hears = guests[1].start(sys.executable, "-c", talk, BLUE, "hear", name="hears")
    wait_until("who hears", lambda: "ready" in hears.log.read_text())
    for source in ("10.77.0.9", RED):
        subprocess.run(["ip", "netns", "exec", red, sys.executable, "-c", talk, source, BLUE], check=True)
    assert hears.wait(60) == 0
    assert hears.log.read_text().split() == ["ready", RED]


def test_a_network_that_cannot_be_made_is_told(pogson, tmp_path):
    where = tmp_path / "map"
    where.write_text(places([("red", "host", RED)]))
    guest = ["wire", "serve", "--socket", tmp_path / "s", "--guest", "red", "--guests", where]
    for network in ("10.77.0.1", "10.77.0.1/33", "red/24"):
        run = pogson(*guest, "--network", network, code=2)
        assert f"--network {network}" in run.stderr
