"""A gate over small servers, for tests that look at it from outside. Run as a program it is one of those servers."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SOON_S = 60


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(true, what="it did not come to be"):
    """What `true` says as soon as it says something."""
    end = time.monotonic() + SOON_S
    while not (found := true()):
        assert time.monotonic() < end, what() if callable(what) else what
        time.sleep(0.05)
    return found


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


class Answers(BaseHTTPRequestHandler):
    """Says that all is a hit, but what has `miss` in it; what has `bad` in it fails, and what has `held` in it waits to be let go."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        while "held" in self.path and not Path(sys.argv[2]).exists():
            time.sleep(0.02)
        self.send_response(500 if "bad" in self.path else 200)
        self.send_header("X-Cache", "MISS" if "miss" in self.path else "HIT")
        self.send_header("Content-Length", "2")
        self.end_headers()
        # One of two that were asked the same is left alone.
        with contextlib.suppress(ConnectionError):
            self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Back:
    """A server in a process of its own, which can be killed and begun again."""

    def __init__(self, go):
        self.port, self.go = free_port(), go
        self.begins()

    def begins(self):
        self.process = subprocess.Popen([sys.executable, __file__, str(self.port), str(self.go)])
        until(lambda: listens(self.port), "the server does not listen")

    def dies(self):
        self.process.kill()
        self.process.wait(SOON_S)


class Gate:
    """A gate in `folder` before some servers.

    - `backs`: names of servers and their ports.
    - `first`, `pool`: further lines of the configuration, above all tables and in that of the pool.
    - `more`: further tables.
    """

    def __init__(self, pogson, folder, backs, first="", pool="", more="", admin=""):
        self.pogson, self.folder = pogson, folder
        self.port, self.admin_port = free_port(), free_port()
        self.url, self.admin = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.admin_port}"
        self.config, self.socket, self.log = folder / "gate.toml", folder / "gate.sock", folder / "gate.log"
        self.processes = []
        self.writes(backs, first, pool, more, admin)

    def writes(self, backs, first="", pool="", more="", admin=""):
        servers = "".join(
            f'[[pool.server]]\nname = {json.dumps(name)}\naddress = "http://{at}"\nslow_start = "0s"\n' for name, at in backs.items()
        )
        self.config.write_text(
            f'workers = 1\n{first}\n[[listen]]\naddress = "127.0.0.1:{self.port}"\n'
            f'[admin]\naddress = "127.0.0.1:{self.admin_port}"\nsocket = "gate.sock"\n{admin}\n[[pool]]\n{pool}\n{servers}{more}\n'
        )

    def begins(self, *more, before=()):
        """Starts it, and waits until it answers. `before`: a command that runs it."""
        command = [*before, self.pogson.path, "gate", "serve", "--config", self.config, *more]
        with open(self.log, "a") as log:
            process = subprocess.Popen(list(map(str, command)), stderr=log)
        self.processes.append(process)
        until(lambda: process.poll() is not None or self.read("/state") and listens(self.port), "the gate does not answer")
        assert process.poll() is None, self.said()
        return process

    @property
    def process(self):
        return self.processes[-1]

    def said(self):
        return self.log.read_text()

    def signals(self, number):
        self.process.send_signal(number)

    def read(self, path):
        with contextlib.suppress(OSError, http.client.HTTPException), urllib.request.urlopen(self.admin + path, timeout=30) as answer:
            return answer.read().decode()

    def state(self):
        return json.loads(until(lambda: self.read("/state"), "the gate does not say how it is"))

    def ask(self, path, times=1, **fields):
        """Statuses of answers."""
        statuses = []
        for _ in range(times):
            request = urllib.request.Request(self.url + path, headers={name.replace("_", "-"): value for name, value in fields.items()})
            try:
                with urllib.request.urlopen(request, timeout=SOON_S) as answer:
                    answer.read()
                    statuses.append(answer.status)
            except urllib.error.HTTPError as error:
                error.read()
                statuses.append(error.code)
        return statuses

    def figures(self):
        """All of /metrics, by names with labels."""
        lines = [line for line in self.read("/metrics").splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}

    def figure(self, name, *labels):
        """Sum of those of a family that have all these labels, each written as NAME="VALUE"."""
        name = "pogson_gate_" + name
        return sum(
            value for key, value in self.figures().items()
            if (key == name or key.startswith(name + "{")) and all(label in key for label in labels)
        )

    def orders(self, *order):
        self.pogson("gate", "server", "--socket", self.socket, *order)

    def kill(self):
        self.process.kill()
        self.process.wait(SOON_S)

    def ends(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(SOON_S)
            if process.poll() is None:
                process.kill()
                process.wait(SOON_S)


class World:
    """Makes servers and gates, and ends them."""

    def __init__(self, pogson, folder):
        self.pogson, self.folder, self.made = pogson, folder, []
        self.go = folder / "go"

    def back(self):
        self.made.append(Back(self.go))
        return self.made[-1]

    def gate(self, backs, begins=True, **lines):
        at = {name: back if isinstance(back, str) else f"127.0.0.1:{back.port}" for name, back in backs.items()}
        gate = Gate(self.pogson, self.folder, at, **lines)
        self.made.append(gate)
        if begins:
            gate.begins()
        return gate

    def ends(self):
        self.go.touch()
        for one in reversed(self.made):
            one.ends() if isinstance(one, Gate) else one.dies()


def in_threads(count, work):
    """Does work in so many threads; returns them."""
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


if __name__ == "__main__":
    ThreadingHTTPServer.request_queue_size = 128
    # Who began it may be killed without a word.
    parent = os.getppid()
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while os.getppid() == parent:
        time.sleep(0.5)
