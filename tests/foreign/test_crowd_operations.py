"""What operators use: metrics, exports, several processes on one PostgreSQL database."""

import csv
import json
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from crowd_server import Crowd, Postgres, Server, end_group, free_port, make_app, make_units


def fetch(url):
    return urllib.request.urlopen(url, timeout=10).read().decode()


def number(text, line):
    """The value of a metric."""
    (value,) = [one.split(" ")[-1] for one in text.splitlines() if one.startswith(line + " ")]
    return float(value)


def wait_for(what, seconds):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)


@pytest.fixture
def hook():
    """A webhook: its address, and the messages that it got."""
    taken = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            # The first try fails.
            self.send_response(200 if len(taken) > 1 else 500)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/secret-hook", taken
    server.shutdown()


def test_metrics_alerts_and_exports_of_a_project_that_is_served(pogson, tmp_path, hook):
    url, messages = hook
    settings = {
        "alerts.url": url, "alerts.every_seconds": 0.2, "alerts.queue_empty_minutes": 0.01, "alerts.disk_free_gb": 0.0,
        "alerts.stage_stopped_minutes": 0.01, "scheduler.request_delay": 0.0, "server.disk_reserve": 0,
    }
    server = Server(pogson.path, tmp_path / "project", settings=settings)
    make_app(server)
    make_units(server, "u", 20)
    metrics = f"http://127.0.0.1:{free_port()}/metrics"
    server.start(options=["--metrics", metrics.split("/")[2]])
    try:
        crowd = Crowd(server, "--hosts", 8, "--rate", 20, "--seconds", 4, "--create", 4, "--output-bytes", 500)
        crowd.wait(120)
        wait_for(lambda: server.count("units where assimilation = 2") > 3, 30)
        text = fetch(metrics)
        assert text.endswith("# EOF\n")
        assert number(text, 'pogson_results_judged_total{validity="valid"}') == server.count("results where validity = 1")
        assert number(text, "pogson_credit_total") == server.count("results where granted > 0")
        assert number(text, 'pogson_uploads_total{answer="done"}') > 0 and number(text, "pogson_rpc_seconds_count") > 0
        with pytest.raises(urllib.error.HTTPError):
            fetch(server.url + "metrics")
        wait_for(lambda: any(one["alert"] == "queue-empty" for one in messages), 30)
        first, again = [one for one in messages if one["alert"] == messages[0]["alert"]][:2]
        assert first == again and first["state"] == "firing" and first["project_url"] == server.url
        assert "queue-empty" in server.json("status", server.folder)["alerts"]
        server.run("stage", server.folder, "purge", "off")
        make_units(server, "more", 5)
        wait_for(lambda: {("queue-empty", "resolved"), ("stage-stopped:purge", "firing")} <= {(m["alert"], m["state"]) for m in messages}, 30)
        assert "secret-hook" not in server.log.read_text()
        out = tmp_path / "out"
        said = server.json("export", server.folder, out)
        with open(out / "results.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == said["results"] == server.count("results")
        assert sum(float(row["granted"]) for row in rows) == server.count("results where granted > 0")
        with open(out / "users.csv", newline="") as file:
            assert {"id", "email", "credit"} <= set(next(csv.DictReader(file)))
        secrets = {row[0] for row in server.rows("select key_hash from users union select password from users where password <> ''")}
        for file in out.rglob("*"):
            if file.is_file() and file.suffix in (".csv", ".jsonl"):
                assert not any(secret in file.read_text() for secret in secrets), file
        assert (out / "stats/tables.xml").exists()
        assert said["outputs"] == server.count("units where assimilation = 2 and canonical is not null")
        assert "not empty" in server.run("export", server.folder, out, code=2).stderr
        said = server.json("export", server.folder, tmp_path / "www", "--public", "--format", "jsonl", "--what", "users,results")
        assert said["users"] == server.count("users where consent = 1")
        lines = [json.loads(line) for line in (tmp_path / "www/results.jsonl").read_text().splitlines()]
        assert len(lines) == said["results"] and all("stderr" not in line for line in lines)
        assert sorted(path.name for path in (tmp_path / "www").iterdir()) == ["results.jsonl", "users.jsonl"]
    finally:
        server.stop()
    server.run("check", server.folder, "--deep")


class Proxy:
    """Hands connections to processes in turn, but uploads to the process that their address names where it lives."""

    def __init__(self, port, backends):
        self.backends, self.turn = backends, 0
        self.listener = socket.create_server(("127.0.0.1", port), backlog=128)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            head = client.recv(65536)
            self.turn += 1
            order = sorted(self.backends, key=lambda name: (f"/upload/{name}/".encode() not in head.split(b"\r\n")[0], (list(self.backends).index(name) + self.turn) % 2))
            for name in order:
                try:
                    backend = socket.create_connection(("127.0.0.1", self.backends[name]), timeout=60)
                    break
                except OSError:
                    continue
            else:
                return client.close()
            backend.sendall(head)
            threading.Thread(target=self.pump, args=(client, backend), daemon=True).start()
            self.pump(backend, client)
        except OSError:
            pass
        finally:
            client.close()

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def test_two_processes_on_one_database_of_which_the_one_that_leads_is_killed(pogson, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared")
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o755)
    base, processes, proxy = Postgres(folder / "postgres"), {}, None
    try:
        settings = {"scheduler.request_delay": 0.0, "server.disk_reserve": 0, "scheduler.daily_quota": 100000}
        server = Server(pogson.path, folder / "project", base, None, settings)
        make_app(server)
        make_units(server, "u", 600)
        ports = {"main": free_port(), "two": free_port()}
        metrics = {name: f"127.0.0.1:{free_port()}" for name in ports}

        def start(name):
            words = ["serve", server.folder, "--process", name, "--listen", f"127.0.0.1:{ports[name]}", "--metrics", metrics[name]]
            with open(folder / f"{name}.log", "ab") as log:
                processes[name] = subprocess.Popen([server.binary, "crowd", *map(str, words)], stdout=log, stderr=log, start_new_session=True)
            wait_for(lambda: _answers(f"http://127.0.0.1:{ports[name]}/test/"), 60)

        start("main")
        start("two")
        proxy = Proxy(int(server.url.split(":")[2].split("/")[0]), ports)

        def crowd(seed, seconds):
            options = ["--hosts", 12, "--rate", 15, "--tasks", 4, "--seconds", seconds, "--create", 6, "--output-bytes", 2000, "--seed", seed]
            options += ["--domain", f"crowd{seed}.example"]
            return Crowd(server, *options).wait(180)

        crowd(1, 8)
        done = lambda: server.count("units where assimilation = 2")
        wait_for(lambda: done() > 5, 60)
        seen = {name: fetch(f"http://{address}/metrics") for name, address in metrics.items()}
        for text in seen.values():
            assert number(text, "pogson_results_sent_total") > 0 and number(text, 'pogson_results_judged_total{validity="valid"}') > 0
        sent = sum(number(text, "pogson_results_sent_total") for text in seen.values())
        assert sent == server.count("results where sent > 0")
        # The one that leads is killed; the other one takes over what it left, and what it held. Then it comes again.
        end_group(processes["main"])
        before = done()
        crowd(2, 6)
        wait_for(lambda: done() > before, 60)
        start("main")
        crowd(3, 4)
        make_units(server, "more", 3)
        wait_for(lambda: server.count("units where assimilation = 1 or validate = 1") == 0, 60)
        server.run("stage", server.folder, "send", "off")
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        assert all(process.wait(60) in (0, 5) for process in processes.values())
        server.run("check", server.folder, "--deep")
        twice = "select unit from (select id / 64 as unit, user_id from results where user_id > 0 group by 1, 2 having count(*) > 1) as t"
        assert server.rows(twice) == []
    finally:
        for process in processes.values():
            end_group(process)
        if proxy:
            proxy.listener.close()
        base.stop()


def test_a_project_goes_on_when_its_database_was_restarted(pogson, tmp_path_factory):
    folder = tmp_path_factory.mktemp("restarted")
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o755)
    base = Postgres(folder / "postgres")
    server = Server(pogson.path, folder / "project", base, None, {"scheduler.request_delay": 0.0, "server.disk_reserve": 0, "scheduler.daily_quota": 100000})
    try:
        make_app(server)
        make_units(server, "u", 400)
        server.start()
        crowd = Crowd(server, "--hosts", 12, "--rate", 20, "--tasks", 4, "--seconds", 12, "--create", 6, "--output-bytes", 2000)
        wait_for(lambda: server.count("units where assimilation = 2") > 5, 60)
        base.stop()
        time.sleep(1)
        assert server.process.poll() is None
        base.start()
        before = server.count("units where assimilation = 2")
        wait_for(lambda: server.count("units where assimilation = 2") > before + 20, 60)
        said = crowd.wait(120)
        # What failed meanwhile was tried again.
        assert said["counts"]["reports"] > 0
        server.run("status", server.folder)
        server.stop()
        server.run("check", server.folder, "--deep")
    finally:
        if server.process:
            server.kill()
        base.stop()


def _answers(url):
    try:
        return bool(fetch(url + "get_project_config.php"))
    except OSError:
        return False
