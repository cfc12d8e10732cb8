"""The gate as it runs: two real nginx behind it, curl and wrk in front."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from conftest import program

KEY = b"a key that is long enough"
SOON_S = 20


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(true, what="it did not come to be"):
    end = time.monotonic() + SOON_S
    while not (found := true()):
        assert time.monotonic() < end, what
        time.sleep(0.02)
    return found


def curl(*args):
    run = subprocess.run([program("curl"), "-sS", "--max-time", "20", *map(str, args)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


def status(url, *args):
    return int(curl("-o", os.devnull, "-w", "%{http_code}", *args, url))


class Nginx:
    """One nginx that is two servers, each saying its name and serving a file of 100 kB."""

    def __init__(self, folder):
        self.ports = free_port(), free_port()
        (folder / "big.bin").write_bytes(bytes(range(256)) * 400)
        user = "user root;" if os.geteuid() == 0 else ""
        servers = "".join(
            f"""server {{ listen 127.0.0.1:{port}; root {folder};
                location / {{ return 200 "{name}"; }} location = /big.bin {{ }} location = /health {{ return 200; }} }}"""
            for name, port in zip(("one", "two"), self.ports)
        )
        (folder / "nginx.conf").write_text(f"""
            {user} daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log; worker_processes 1;
            events {{ worker_connections 512; }}
            http {{
                access_log off; keepalive_requests 1000000;
                client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
                fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
                {servers}
            }}
        """)
        self.process = subprocess.Popen([program("nginx"), "-c", folder / "nginx.conf", "-p", folder], stderr=subprocess.DEVNULL)
        for port in self.ports:
            until(lambda: listens(port), "nginx does not listen")


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class World:
    def __init__(self, pogson, folder, nginx):
        self.pogson, self.folder, self.nginx = pogson, folder, nginx
        self.port, self.admin_port = free_port(), free_port()
        self.path, self.socket, self.log = folder / "gate.toml", folder / "gate.sock", folder / "access.log"
        self.url, self.admin = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.admin_port}"
        self.processes = []
        (folder / "report.key").write_bytes(KEY)
        (folder / "token.key").write_bytes(b"another key that is long enough")

    def write(self, servers=("one", "two"), more=""):
        entries = "".join(
            f'[[pool.server]]\nname = "{name}"\naddress = "http://127.0.0.1:{self.nginx.ports[name == "two"]}"\nslow_start = "0s"\n'
            for name in servers
        )
        self.path.write_text(f"""
workers = 2
[[listen]]
address = "127.0.0.1:{self.port}"
[admin]
address = "127.0.0.1:{self.admin_port}"
socket = "gate.sock"
[log]
access = "access.log"
format = "json"
[members]
key_file = "token.key"
[[pool]]
policy = "round-robin"
reports = {{ key_file = "report.key" }}
{entries}{more}""")

    def start(self, *more):
        output = open(self.folder / f"gate-{len(self.processes)}.log", "w+")
        command = [self.pogson.path, "gate", "serve", "--config", self.path, *more]
        process = subprocess.Popen(list(map(str, command)), stderr=output)
        process.output = output
        self.processes.append(process)
        until(lambda: process.poll() is not None or listens(self.port), "the gate does not listen")
        assert process.poll() is None, self.said(process)
        return process

    def said(self, process):
        process.output.seek(0)
        return process.output.read()

    def end(self, process):
        process.send_signal(signal.SIGTERM)
        assert process.wait(SOON_S + 20) == 0, self.said(process)

    def server(self, *args):
        servers = self.pogson.json("gate", "server", "--socket", self.socket, *args)["servers"]
        return {server["name"]: server["state"] for server in servers}


@pytest.fixture
def world(pogson, tmp_path):
    """Two servers, and what is needed for a gate before them."""
    nginx = Nginx(tmp_path)
    world = World(pogson, tmp_path, nginx)
    try:
        yield world
    finally:
        for process in [*world.processes, nginx.process]:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(SOON_S)
            if process.poll() is None:
                process.kill()


def test_what_curl_gets_through_the_gate_is_what_nginx_sends(world):
    world.write()
    gate = world.start()
    direct, through = world.folder / "direct", world.folder / "through"
    curl("-o", direct, f"http://127.0.0.1:{world.nginx.ports[0]}/big.bin")
    for version in ["--http1.1", "--http2-prior-knowledge", "--http1.0"]:
        curl("-o", through, version, f"{world.url}/big.bin")
        assert through.read_bytes() == direct.read_bytes(), version
    part = curl("-r", "300-309", "-o", through, "-w", "%{http_code}", f"{world.url}/big.bin")
    assert part == "206" and through.read_bytes() == direct.read_bytes()[300:310]
    assert {curl(world.url) for _ in range(4)} == {"one", "two"}
    world.end(gate)
    assert not listens(world.port)


def test_a_wrong_configuration_is_refused_by_check_serve_and_reload(world):
    world.write()
    gate = world.start()
    good = world.path.read_text()
    world.path.write_text(good.replace("round-robin", "rund-robin"))
    line = world.path.read_text().splitlines().index('policy = "rund-robin"') + 1
    said = world.pogson("gate", "check", world.path, code=3)
    assert f"gate.toml:{line}:" in said.stdout + said.stderr and "round-robin" in said.stdout + said.stderr
    refused = world.pogson("gate", "serve", "--config", world.path, code=3)
    assert f"gate.toml:{line}:" in refused.stderr
    gate.send_signal(signal.SIGHUP)
    until(lambda: "the old configuration is served on" in world.said(gate), "it does not say so")
    assert {curl(world.url) for _ in range(4)} == {"one", "two"}
    world.write(servers=["two"])
    world.pogson("gate", "check", world.path)
    gate.send_signal(signal.SIGHUP)
    until(lambda: {curl(world.url) for _ in range(4)} == {"two"}, "it is not taken")
    world.end(gate)


def test_servers_are_shown_and_changed_while_the_gate_runs(world):
    world.write(servers=["one"])
    world.start()
    assert world.server("list") == {"one": "up"}
    assert world.server("add", "two", f"http://127.0.0.1:{world.nginx.ports[1]}") == {"one": "up", "two": "up"}
    until(lambda: curl(world.url) == "two")
    assert world.server("drain", "one") == {"one": "drained", "two": "up"}
    assert {curl(world.url) for _ in range(4)} == {"two"}
    assert world.server("up", "one") == {"one": "up", "two": "up"}
    assert world.server("weight", "two", "0") == {"one": "up", "two": "weightless"}
    assert {curl(world.url) for _ in range(4)} == {"one"}
    assert world.server("remove", "two") == {"one": "up"}
    world.pogson("gate", "server", "--socket", world.socket, "drain", "three", code=1)


def test_processes_take_over_from_each_other_under_load_and_no_request_fails(world):
    world.write()
    old = world.start()
    load = subprocess.Popen(
        [program("wrk"), "-t2", "-c16", "-d6s", world.url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    for _ in range(2):
        time.sleep(1.5)
        new = world.start("--take-over")
        # The old one ends by itself, when what was under way has ended.
        assert old.wait(SOON_S + 30) == 0, world.said(old)
        old = new
    said, _ = load.communicate(timeout=60)
    assert "Non-2xx" not in said, said
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    # wrk counts a connection that is closed after a reply that said so as an error of reading; a request that fails is one of the others.
    assert not errors or (errors[1], errors[3], errors[4]) == ("0", "0", "0"), said
    requests = int(re.search(r"(\d+) requests in", said)[1])
    assert requests > 100
    assert status(world.url) == 200
    world.end(old)
