"""Reports for a real nginx with a cache, as `pogson gate agent` makes them from its access log and its status page."""

import contextlib
import hmac
import http.client
import http.server
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import program

KEY = b"a key that is long enough"
LOG_FORMAT = '$remote_addr [$time_local] "$request" $status $request_time $upstream_response_time $upstream_cache_status $http_pogson_class'
SOON_S = 20
DELAY_S = 0.05


class Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Origin(Quiet):
    """Takes its time for each answer."""

    def do_GET(self):
        time.sleep(DELAY_S)
        self.say(503 if self.path.startswith("/broken") else 200, self.path.encode())


class Receiver(Quiet):
    """Keeps the reports whose signatures are right."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mark, signature = self.headers["pogson-report"].split("; signature=")
        if hmac.new(KEY, mark.encode() + b"\n" + body, "sha256").hexdigest() != signature:
            return self.say(401, b"wrong key\n")
        fields = dict(field.split("=") for field in mark.split("; "))
        self.server.reports.append((fields, json.loads(body)))
        self.say(204)


@contextlib.contextmanager
def serving(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.reports = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Nginx:
    """nginx with a cache in front of an origin, in a folder of its own."""

    def __init__(self, folder, origin):
        self.folder, self.port, self.log = folder, free_port(), folder / "access.log"
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(f"""
            {user} daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
            events {{ worker_connections 64; }}
            http {{
                log_format gate '{LOG_FORMAT}';
                proxy_cache_path {folder}/cache keys_zone=all:1m;
                client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
                fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
                server {{
                    listen 127.0.0.1:{self.port};
                    access_log {self.log} gate;
                    location = /status {{ stub_status; access_log off; }}
                    location / {{ proxy_pass http://127.0.0.1:{origin}; proxy_cache all; proxy_cache_valid 200 1h; }}
                }}
            }}
        """)
        self.process = subprocess.Popen([program("nginx"), "-c", folder / "nginx.conf", "-p", folder], stderr=subprocess.DEVNULL)
        until(lambda: self.get("/status")[0] == 200)

    def get(self, path, headers={}):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SOON_S)
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except ConnectionError:
            return None, b""

    def end(self):
        self.process.terminate()
        self.process.wait(SOON_S)


def until(true, what="it did not come to be"):
    end = time.monotonic() + SOON_S
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


@pytest.fixture
def world(tmp_path):
    """An nginx, and a receiver of reports."""
    program("nginx")
    (tmp_path / "key").write_bytes(KEY + b"\n")
    with serving(Origin) as origin, serving(Receiver) as receiver:
        nginx = Nginx(tmp_path, origin.server_port)
        try:
            yield nginx, receiver
        finally:
            nginx.end()


@contextlib.contextmanager
def agent(pogson, nginx, receiver, *more):
    url = f"http://127.0.0.1:{receiver.server_port}/reports"
    args = ["gate", "agent", "--log", nginx.log, "--format", LOG_FORMAT, "--report-to", url, "--name", "tiles-1",
            "--key", nginx.folder / "key", "--every", "0.1", *more]
    process = subprocess.Popen([pogson.path, *map(str, args)], stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: receiver.reports, "no report came")
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(SOON_S)


def latest(receiver):
    return receiver.reports[-1][1]


def named(receiver):
    return latest(receiver)["named_metrics"]


def lines(receiver):
    return named(receiver)["log_lines"]


def test_figures_are_those_of_what_was_sent(pogson, world):
    nginx, receiver = world
    status = f"http://127.0.0.1:{nginx.port}/status"
    with agent(pogson, nginx, receiver, "--status", status, "--pid-file", nginx.folder / "nginx.pid", "--product", "/cutout=3"):
        # Four pages, each asked for five times: a miss, then four hits. Two failures, which are not cached.
        for turn in range(5):
            for page in range(4):
                path = f"/tiles/{page}" if page < 2 else f"/cutout/{page}"
                assert nginx.get(path)[0] == 200
        for _ in range(2):
            assert nginx.get("/broken")[0] == 503
        until(lambda: lines(receiver) == 22, "not all lines were read")
        figures = named(receiver)
        assert figures["log_lines_unread"] == 0
        # 4 misses of pages and 2 of failures beside 16 hits.
        assert figures["hit_rate"] == pytest.approx(16 / 22)
        rates = latest(receiver)
        assert rates["eps"] / rates["rps_fractional"] == pytest.approx(2 / 22)
        for product in (0, 3):
            hit, miss = figures[f"cost_hit_seconds.{product}"], figures[f"cost_miss_seconds.{product}"]
            assert miss >= DELAY_S > hit
        # The one who asks for the page is not counted, and nobody else is connected.
        assert (figures["connections"], figures["active_requests"]) == (0, 0)
        until(lambda: "cpu_utilization" in latest(receiver), "the use of the processor did not come")
        # Connections that are held.
        held = [socket.create_connection(("127.0.0.1", nginx.port)) for _ in range(3)]
        until(lambda: named(receiver)["connections"] == 3, "connections were not counted")
        for one in held:
            one.close()
    sequence = [int(mark["sequence"]) for mark, _ in receiver.reports]
    assert sequence == list(range(1, len(sequence) + 1)), "each report is numbered one above the last"
    assert len({mark["boot"] for mark, _ in receiver.reports}) == 1


def test_requests_under_way_are_told_by_class(pogson, world):
    nginx, receiver = world
    over = threading.Event()

    def ask(thread):
        turn = 0
        while not over.is_set():
            turn += 1
            nginx.get(f"/new/{thread}/{turn}", {"Pogson-Class": "7"} if thread < 4 else {})

    with agent(pogson, nginx, receiver, "--class", "/new/=9"):
        threads = [threading.Thread(target=ask, args=[thread]) for thread in range(6)]
        for thread in threads:
            thread.start()
        try:
            # Clients that never rest: four of the class that the header says, two of the class that the path has, but for the
            # time between their requests.
            until(lambda: named(receiver).get("active.7", 0) in (3, 4) and named(receiver).get("active.9", 0) in (1, 2))
        finally:
            over.set()
            for thread in threads:
                thread.join()


def test_no_line_is_lost_or_counted_twice_when_the_log_is_rotated(pogson, world):
    nginx, receiver = world
    sent = 0

    def ask(count):
        nonlocal sent
        for _ in range(count):
            assert nginx.get("/page")[0] == 200
        sent += count

    with agent(pogson, nginx, receiver):
        ask(5)
        # As logrotate does it: nginx writes to the renamed file until it is told.
        nginx.log.rename(nginx.folder / "access.log.1")
        ask(5)
        nginx.process.send_signal(signal.SIGUSR1)
        until(nginx.log.exists)
        ask(5)
        until(lambda: lines(receiver) == sent, "lines were lost when the log was renamed")
        # As its copytruncate does it.
        nginx.log.write_bytes(b"")
        # Lines of the same second, as many as before, would be the same bytes: let it be looked at first.
        time.sleep(0.5)
        ask(5)
        until(lambda: lines(receiver) == sent, "lines were lost when the log was truncated")
        time.sleep(0.5)
        assert lines(receiver) == sent


def test_reports_go_on_when_the_receiver_was_gone(pogson, world):
    nginx, receiver = world
    with agent(pogson, nginx, receiver) as process:
        receiver.reports.clear()
        original, Receiver.do_POST = Receiver.do_POST, lambda self: self.say(500, b"not today\n")
        try:
            warning = next(line for line in process.stderr if "not today" in line)
            assert "answered with status 500" in warning
        finally:
            Receiver.do_POST = original
        assert nginx.get("/page")[0] == 200
        until(lambda: receiver.reports and lines(receiver) == 1, "reports did not come again")


def test_a_log_is_read_once_and_its_report_printed(pogson, world):
    nginx, _ = world
    for _ in range(3):
        nginx.get("/page")
    figures = json.loads(pogson("gate", "agent", "--log", nginx.log, "--format", LOG_FORMAT, "--once").stdout)["named_metrics"]
    assert (figures["log_lines"], figures["log_lines_unread"]) == (3, 0)
    wrong = pogson("gate", "agent", "--log", nginx.log, "--format", "[$status] $request_time", "--once")
    assert json.loads(wrong.stdout)["named_metrics"]["log_lines_unread"] == 3
    assert "not of the format" in wrong.stderr


def test_what_makes_no_sense_is_refused(pogson, tmp_path):
    log, key = tmp_path / "log", tmp_path / "key"
    log.write_text("")
    key.write_text("short")
    common = ["gate", "agent", "--log", log, "--report-to", "http://127.0.0.1:9/", "--name", "a", "--key", key]
    assert "16 to 4096 are needed" in pogson(*common, code=3).stderr
    key.write_bytes(KEY)
    assert "nothing between" in pogson(*common, "--format", "$status$request", code=2).stderr
    assert "no address for reports" in pogson(*common, "--report-to", "gate:80", code=2).stderr
    assert "goes with --format json" in pogson(*common, "--field", "status=s", code=2).stderr
    assert "No such file" in pogson(*common[:-1], tmp_path / "none", code=3).stderr
