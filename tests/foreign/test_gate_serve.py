"""The gate as it runs: two real nginx behind it, curl, wrk and a reader of Prometheus' own in front."""

import contextlib
import hmac
import json
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


def wrk(url, seconds, connections=16):
    """Requests that were answered, of which none failed."""
    run = subprocess.run(
        [program("wrk"), "-t2", f"-c{connections}", f"-d{seconds}s", url], capture_output=True, text=True, timeout=seconds + 60
    )
    assert run.returncode == 0, run.stderr
    assert "Socket errors" not in run.stdout and "Non-2xx" not in run.stdout, run.stdout
    return int(re.search(r"(\d+) requests in", run.stdout)[1])


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


def test_figures_are_read_by_prometheus_own_reader_and_equal_what_was_sent(world):
    parser = pytest.importorskip("prometheus_client.parser")
    world.write()
    gate = world.start()
    requests = wrk(f"{world.url}/x", 2)
    for _ in range(5):
        assert status(f"{world.url}/big.bin", "--http2-prior-knowledge") == 200

    def figures():
        families = parser.text_string_to_metric_families(curl(f"{world.admin}/metrics"))
        return {family.name: family for family in families}

    def total(name, **labels):
        samples = figures()[f"pogson_gate_{name}"].samples
        named = [s for s in samples if s.name in (f"pogson_gate_{name}", f"pogson_gate_{name}_total")]
        return sum(s.value for s in named if labels.items() <= s.labels.items())

    # wrk leaves what is under way at its end; the gate may have counted those.
    assert requests + 5 <= total("requests", code="2xx") <= requests + 5 + 16
    assert total("requests", code="5xx") == 0
    assert total("requests", server="one") == pytest.approx(total("requests", server="two"), rel=0.02)
    times = figures()["pogson_gate_request_seconds"]
    assert times.type == "histogram"
    buckets = [s.value for s in times.samples if s.name.endswith("_bucket") and s.labels["pool"] == "main"]
    assert buckets == sorted(buckets)
    count = [s.value for s in times.samples if s.name.endswith("_count") and s.labels["pool"] == "main"]
    assert count == [buckets[-1]]
    top = world.pogson.json("gate", "top", "--socket", world.socket)
    assert top == {**world.pogson.json("gate", "top", "--url", world.admin), **{key: top[key] for key in ("uptime_s", "history")}}
    assert top["requests"] == total("requests")
    assert sum(server["requests"] for server in top["pools"][0]["servers"]) == top["requests"]
    said = world.pogson("gate", "top", "--socket", world.socket).stdout
    assert "one" in said and "round-robin" in said
    assert "<title>" in curl(world.admin)
    world.end(gate)


def test_the_log_has_a_line_for_each_request_across_rotations_of_its_file(world):
    world.write()
    gate = world.start()
    requests = 0
    for turn in range(3):
        requests += wrk(f"{world.url}/x", 1)
        os.rename(world.log, world.folder / f"access.log.{turn}")
        gate.send_signal(signal.SIGUSR1)
        until(world.log.exists, "the log is not opened anew")
    world.end(gate)
    lines = [json.loads(line) for path in world.folder.glob("access.log*") for line in path.read_text().splitlines()]
    answered = [line for line in lines if line["status"] == 200 and not line["is_cut"]]
    assert requests <= len(answered) <= requests + 3 * 16
    assert len({line["id"] for line in lines}) == len(lines)
    assert {line["server"] for line in answered} == {"one", "two"}
    assert all(line["whole_ms"] >= line["first_ms"] >= 0 and line["bytes"] == 3 for line in answered)


def test_tokens_of_the_command_are_believed_and_forged_ones_are_counted(world):
    world.write()
    world.start()
    made = world.pogson.json("gate", "token", "--key", world.folder / "token.key", "--level", "high", "--member", "ada", "--for", "1h")
    assert status(world.url, "-H", f"Pogson-Priority: {made['token']}") == 200
    assert status(world.url, "-H", f"Pogson-Priority: {made['token'][:-4]}AAAA") == 200
    state = json.loads(curl(f"{world.admin}/state"))
    classes = {one["name"]: one["requests"] for one in state["pools"][0]["classes"]}
    assert classes == {"token": 1, "other": 1}
    assert sum(count for _, count in state["tokens_refused"]) == 1


def push(world, name, report, sequence, key=KEY):
    """A report, signed as the documentation says, without any code of ours."""
    body = json.dumps(report)
    mark = f"v=1; name={name}; boot=00000000000000aa; sequence={sequence}; time={int(time.time() * 1000)}"
    signature = hmac.new(key, f"{mark}\n{body}".encode(), "sha256").hexdigest()
    return status(f"{world.admin}/reports", "-H", f"pogson-report: {mark}; signature={signature}", "-d", body)


def test_reports_of_another_program_are_taken_and_forged_ones_are_not(world):
    world.write()
    world.path.write_text(world.path.read_text().replace("round-robin", "least-work"))
    world.start()
    report = {"cpu_utilization": 0.9, "named_metrics": {"queue_length": 9, "queue_seconds": 30.0}}
    assert push(world, "one", report, 1, key=b"some other key of that length") == 401
    assert push(world, "three", report, 1) == 401
    # What a forger says of a server keeps nobody from it.
    assert "one" in {curl(f"{world.url}/{at}") for at in range(8)}
    for sequence in range(1, 5):
        assert push(world, "one", report, sequence) == 204
    assert push(world, "one", report, 4) == 409
    assert {curl(f"{world.url}/{at}") for at in range(8)} == {"two"}
    one = json.loads(curl(f"{world.admin}/state"))["pools"][0]["servers"][0]
    assert one["report"]["queue"] == 9 and one["report"]["cpu"] == 0.9 and one["work_s"] > 5
