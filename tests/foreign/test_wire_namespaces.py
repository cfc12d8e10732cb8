"""The two ends of a connection in different network namespaces, as containers have them, with the same addresses elsewhere and
with addresses that are translated between.
"""

import itertools
import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import program
from test_wire_rust import linked, speaker  # noqa: F401 (fixtures)
from wire import PROGRAMS, Wire, wait_until, without_wire

SERVER, CLIENT = "10.213.0.1", "10.213.0.2"
# One that all users may run.
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
NUMBERS = itertools.count()


def ip(*args):
    subprocess.run(["ip", *args], check=True, capture_output=True, text=True)


def become(user):
    return [shutil.which("setpriv"), f"--reuid={user}", f"--regid={user}", "--clear-groups"]


class Link:
    """Two network namespaces, joined by a cable. All links have the same addresses. The client's may be of a user's making."""

    def __init__(self, user=None):
        number = next(NUMBERS)
        self.names = [f"wire-{os.getpid()}-{number}-{side}" for side in "sc"]
        try:
            self.make(user)
        except BaseException:  # pytest's skip is none of Exception's
            self.close()
            raise
        self.server, self.client = ([shutil.which("nsenter"), f"--net=/run/netns/{name}"] for name in self.names)

    def make(self, user):
        ip("netns", "add", self.names[0])
        if user:
            make = ["unshare", "--user", "--map-root-user", "--net", "sleep", "inf"]
            holder = subprocess.Popen([*become(user), *make])
            here = os.stat("/proc/self/ns/net").st_ino
            made = lambda: os.stat(f"/proc/{holder.pid}/ns/net").st_ino != here
            wait_until("the namespaces", lambda: holder.poll() is not None or made())
            if holder.poll() is not None:
                pytest.skip("users may not make namespaces here")
            ip("netns", "attach", self.names[1], str(holder.pid))
            holder.kill()
            holder.wait()
        else:
            ip("netns", "add", self.names[1])
        ip("link", "add", "cable", "netns", self.names[0], "type", "veth", "peer", "name", "cable", "netns", self.names[1])
        for name, address in zip(self.names, [SERVER, CLIENT]):
            for interface in ["lo", "cable"]:
                ip("-n", name, "link", "set", interface, "up")
            ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")

    def close(self):
        for name in self.names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


@pytest.fixture
def new_link():
    """Makes links."""
    if os.geteuid() != 0:
        pytest.skip("only root makes network namespaces")
    for name in ["ip", "ss", "nsenter", "setpriv", "unshare"]:
        program(name)
    links = []

    def make(**options):
        try:
            links.append(Link(**options))
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {(error.stderr or '').strip()}")
        return links[-1]

    yield make
    for link in links:
        link.close()


@pytest.fixture
def proves(tmp_path):
    """Skips where even root may not load the program by which ends are proved."""
    probe = "import ctypes,sys; n=ctypes.CDLL(None,use_errno=True); n.syscall(int(sys.argv[1]),5,None,0); print(ctypes.get_errno())"
    number = {"x86_64": 321, "aarch64": 280}.get(os.uname().machine) or pytest.skip("the number of bpf(2) is not known here")
    errno = int(subprocess.run([sys.executable, "-c", probe, str(number)], capture_output=True, text=True).stdout)
    if errno in (1, 38):
        pytest.skip("bpf(2) is not to be had here: ends in other network namespaces cannot be proved")


def end(way, where, role, name, *more, megabytes=20, address=SERVER, port=7000, script=PROGRAMS / "across.py", **options):
    return way.start(
        *where, PYTHON, script, role, address, port, name, megabytes, *more,
        name=f"{role}-{name}", stdin=subprocess.PIPE, **options,
    )


def listener(way, where, name, **options):
    one = end(way, where, "listen", name, **options)
    listens = [*where, "ss", "-Htln", f"sport = :{options.get('port', 7000)}"]
    wait_until(f"{name}", lambda: one.poll() is not None or subprocess.run(listens, capture_output=True).stdout)
    return one


def heard(one, name):
    """Waits until a program has heard all of another one."""
    said = lambda: one.log.read_text(errors="replace")
    line = lambda: re.search(r"^heard (\S+) reuse (\d) (\d)\n", said(), re.MULTILINE)
    wait_until(f"all of {name}", lambda: one.poll() is not None or line(), 120)
    found = line()
    assert found and found[1] == name and found[2] == found[3], said()


def talk(way, link, *more, **options):
    """Two programs talk; both get what the other sent."""
    server = listener(way, link.server, "alpha", **options)
    client = end(way, link.client, "connect", "beta", *more, **options)
    heard(client, "alpha")
    heard(server, "beta")
    return server, client


def test_redis_in_one_namespace_is_asked_from_another(way, new_link, proves):
    link = new_link()
    redis = program("redis-server")
    way.start(*link.server, redis, "--port", 7000, "--bind", SERVER, "--save", "", "--protected-mode", "no")
    ask = [*link.client, program("redis-cli"), "-h", SERVER, "-p", "7000"]
    answers = lambda: b"PONG" in subprocess.run([*ask, "ping"], capture_output=True).stdout
    wait_until("redis", answers)
    benchmark = [*link.client, program("redis-benchmark"), "-h", SERVER, "-p", "7000"]
    said = way.run(*benchmark, "-t", "set,get", "-n", 20000, "-c", 10, "-d", 1000, "--csv").out.decode()
    assert re.findall(r'^"(SET|GET)","[\d.]+"', said, re.MULTILINE) == ["SET", "GET"], said
    way.used(bytes_ring=20_000_000, upgraded=40)


@pytest.mark.parametrize("server", ["serve", "serve-tasks"])
def test_a_rust_server_in_one_namespace_is_asked_from_another(wire, linked, speaker, new_link, proves, server):
    link = new_link()
    linked.start(*link.server, speaker, server, f"{SERVER}:7000")
    listens = [*link.server, "ss", "-Htln", "sport = :7000"]
    wait_until("the server", lambda: subprocess.run(listens, capture_output=True).stdout)
    benchmark = [*link.client, program("redis-benchmark"), "-h", SERVER, "-p", "7000"]
    said = wire.run(*benchmark, "-t", "set,get", "-n", 20000, "-c", 5, "-d", 1000, "--csv").out.decode()
    assert re.findall(r'^"(SET|GET)","[\d.]+"', said, re.MULTILINE) == ["SET", "GET"], said
    wire.used(bytes_ring=20_000_000, upgraded=20)


def test_every_byte_arrives_in_the_other_namespace_both_ways(way, new_link, proves):
    talk(way, new_link())
    way.used(bytes_ring=30_000_000, upgraded=2)


def test_connections_with_the_same_addresses_and_ports_are_not_mixed_up(way, new_link, proves):
    links = [new_link() for _ in range(3)]
    servers = [listener(way, link.server, f"alpha{at}") for at, link in enumerate(links)]
    clients = [end(way, link.client, "connect", f"beta{at}", 40000) for at, link in enumerate(links)]
    for at, (server, client) in enumerate(zip(servers, clients)):
        heard(server, f"beta{at}")
        heard(client, f"alpha{at}")
    way.used(bytes_ring=90_000_000, upgraded=6)


def test_an_end_is_joined_with_its_own_and_not_with_an_impostor_that_waits_at_its_addresses(wire, tcp, new_link, proves):
    true, other = new_link(), new_link()
    # The other client waits at the true one's addresses: its own server is not under the wire.
    impostor = listener(tcp, other.server, "mallory")
    waits = end(wire, other.client, "connect", "trent", 40000)
    heard(waits, "mallory")
    heard(impostor, "trent")
    wire.unused()
    assert wire.stats()["waiting"] == 1
    server = listener(tcp, true.server, "alpha")
    client = end(wire, true.client, "connect", "beta", 40000)
    heard(client, "alpha")
    heard(server, "beta")
    wire.unused()
    server = listener(wire, true.server, "gamma", port=7001)
    client = end(wire, true.client, "connect", "delta", 40001, port=7001)
    heard(client, "gamma")
    heard(server, "delta")
    wire.used(bytes_ring=30_000_000, upgraded=2)


def test_translated_addresses_are_seen_through(way, new_link, proves):
    link = new_link()
    nft = program("nft")
    rules = {
        0: "chain in { type nat hook prerouting priority -100; tcp dport 8080 dnat to 10.213.0.1:7000; };",
        1: "chain out { type nat hook postrouting priority 100; tcp dport 8080 snat to 10.213.0.2:50000-50010; };",
    }
    for side, where in enumerate([link.server, link.client]):
        made = subprocess.run([*where, nft, f"table ip wire {{ {rules[side]} }}"], capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"no translation of addresses here: {made.stderr.strip()}")
    server = listener(way, link.server, "alpha")
    client = end(way, link.client, "connect", "beta", 40000, port=8080)
    heard(client, "alpha")
    heard(server, "beta")
    way.used(bytes_ring=30_000_000, upgraded=2)


def test_ends_are_joined_in_process_and_user_namespaces_of_their_own(way, new_link, proves):
    if subprocess.run(["unshare", "--user", "--map-root-user", "--pid", "--fork", "true"], capture_output=True).returncode:
        pytest.skip("no namespaces of users or processes here")
    link = new_link()
    apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    server = listener(way, [*link.server, *apart], "alpha")
    client = end(way, [*link.client, "unshare", "--user", "--map-root-user", "--pid", "--fork"], "connect", "beta")
    heard(client, "alpha")
    heard(server, "beta")
    for one in [server, client]:
        one.stdin.close()
        one.wait(60)
    way.used(bytes_ring=30_000_000, upgraded=2)


def test_an_end_that_is_killed_with_its_namespaces_is_seen(way, new_link, proves, tmp_path):
    link = new_link()
    waits = tmp_path / "waits.py"
    waits.write_text(
        "import socket, sys\n"
        "with socket.create_server((sys.argv[1], 7000)) as one: end, _ = one.accept()\n"
        "try:\n"
        "    while said := end.recv(100): end.sendall(said)\n"
        "    print('ended')\n"
        "except OSError as error: print(type(error).__name__)\n"
    )
    asks = tmp_path / "asks.py"
    asks.write_text(
        "import socket, sys, time\n"
        "one = socket.create_connection((sys.argv[1], 7000))\n"
        "for _ in range(400): one.sendall(b'x' * 100); one.recv(100, socket.MSG_WAITALL)\n"
        "print('asked', flush=True)\n"
        "time.sleep(1000)\n"
    )
    server = way.start(*link.server, PYTHON, waits, SERVER)
    listens = [*link.server, "ss", "-Htln", "sport = :7000"]
    wait_until("the server", lambda: subprocess.run(listens, capture_output=True).stdout)
    client = way.start(*link.client, "unshare", "--pid", "--fork", "--kill-child", PYTHON, asks, SERVER)
    wait_until("the client", lambda: "asked\n" in client.log.read_text())
    way.used(bytes_ring=20_000, upgraded=2)
    # All that lives in the process namespace dies with its first process, and the network namespace with the last one in it.
    subprocess.run(["ip", "netns", "delete", link.names[1]], check=True)
    client.kill()
    assert server.wait(60) == 0
    assert server.log.read_text() == "ended\n"


@pytest.mark.parametrize(("server", "joined"), [(1234, True), (1235, False)])
def test_a_users_own_namespace_proves_something_to_that_user_alone(pogson, tmp_path, new_link, proves, server, joined):
    if why := without_wire(pogson):
        pytest.skip(why)
    link = new_link(user=1234)
    wire = Wire(pogson, tmp_path, "--allow-user", "1234:1235")
    try:
        script = shutil.copy(PROGRAMS / "across.py", wire.place)
        link.server, link.client = [*link.server, *become(server)], [*link.client, *become(1234)]
        talk(wire, link, script=script)
        if joined:
            wire.used(bytes_ring=30_000_000, upgraded=2)
        else:
            wire.unused()
            assert wire.stats()["refused"] == {"the other end could not be proved": 2}
    finally:
        wire.close()


class Apart(Wire):
    """A daemon that sees no process but itself."""

    prefix = ("unshare", "--pid", "--fork", "--kill-child")


def test_a_daemon_that_does_not_see_the_processes_joins_them(pogson, tmp_path, new_link, proves):
    if why := without_wire(pogson):
        pytest.skip(why)
    link = new_link()
    wire = Apart(pogson, tmp_path)
    try:
        talk(wire, link)
        wire.used(bytes_ring=30_000_000, upgraded=2)
    finally:
        wire.close()


class Weak(Wire):
    """A daemon of root's without root's rights."""

    prefix = ("setpriv", "--bounding-set", "-net_admin,-sys_admin,-bpf")


def test_a_daemon_without_rights_leaves_namespaces_on_tcp_and_says_why(pogson, tmp_path, new_link):
    if why := without_wire(pogson):
        pytest.skip(why)
    link = new_link()
    wire = Weak(pogson, tmp_path)
    try:
        talk(wire, link)
        wire.unused()
        report = subprocess.run(
            [pogson.path, "wire", "stats", "--socket", str(wire.socket), "--connections"], capture_output=True, text=True, check=True
        ).stdout
        assert len(re.findall(r"by TCP; .*has not the right to prove", report)) == 2, report
        # Within one namespace it joins as ever.
        link = new_link()
        talk(wire, link_within(link))
        wire.used(bytes_ring=30_000_000, upgraded=2)
    finally:
        wire.close()


def link_within(link):
    """The link, with both ends in one of its namespaces."""
    link.client = link.server
    return link
