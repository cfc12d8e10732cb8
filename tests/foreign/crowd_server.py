"""A project server under test: made, served, killed, looked into; with SQLite, or with a PostgreSQL server of its own."""

import json
import os
import pwd
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

MOST_RESULTS, MOST_OUTPUTS = 64, 16


def free_port():
    """A port of the loopback that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def end_group(process):
    """Ends a process and all that it started, as a power cut does."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()


class Postgres:
    """A PostgreSQL server for one test, on a port of its own; as another user where the test runs as root, which it refuses. That
    user has to be able to enter the folder: pytest's own are closed to others."""

    def __init__(self, folder, env=None):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        self.bin = found[0] if found else None
        initdb = shutil.which("initdb") or (self.bin and str(self.bin / "initdb"))
        if not initdb:
            pytest.skip("PostgreSQL is not installed")
        self.bin = Path(initdb).resolve().parent
        self.folder, self.env, self.port, self.process = Path(folder), env or dict(os.environ), free_port(), None
        self.user = []
        if os.geteuid() == 0:
            name = next((n for n in ("postgres", "nobody") if any(p.pw_name == n for p in pwd.getpwall())), None)
            self.user = ["setpriv", f"--reuid={name}", f"--regid={pwd.getpwnam(name).pw_gid}", "--clear-groups"]
            self.folder.mkdir(parents=True)
            shutil.chown(self.folder, name)
        self.data = self.folder / "data"
        subprocess.run(
            [*self.user, self.bin / "initdb", "-D", self.data, "-U", "pogson", "--auth=trust", "-E", "UTF8", "--locale=C"],
            check=True, capture_output=True, cwd="/",
        )
        self.start()
        self.psql("create database crowd", "postgres")

    @property
    def url(self):
        """Address of the project's database."""
        return f"postgres://pogson@127.0.0.1:{self.port}/crowd"

    def start(self):
        """Starts the server, and waits until it answers."""
        with open(self.folder.parent / "postgres.log", "ab") as log:
            self.process = subprocess.Popen(
                [*self.user, self.bin / "postgres", "-D", self.data, "-p", str(self.port), "-k", "", "-h", "127.0.0.1"]
                + ["-c", "max_connections=60"],
                env=self.env, stdout=log, stderr=log, start_new_session=True, cwd="/",
            )
        for _ in range(600):
            ready = subprocess.run([self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)])
            if ready.returncode == 0:
                return
            assert self.process.poll() is None, "PostgreSQL ended at its start"
            time.sleep(0.05)
        raise AssertionError("PostgreSQL does not answer")

    def kill(self):
        """Ends it as a power cut does: all its processes at once. Children of other groups die as their postmaster does."""
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        for pid in [self.process.pid, *map(int, children)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self):
        """Ends it in order."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)

    def psql(self, query, base="crowd"):
        """Rows of a query, as texts."""
        run = subprocess.run(
            [self.bin / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "pogson", "-d", base, "-qAtX", "-F", "\x1f", "-c", query],
            capture_output=True, text=True, timeout=1200,
        )
        assert run.returncode == 0, run.stderr
        return [line.split("\x1f") for line in run.stdout.splitlines()]


class Server:
    """A project in a folder, and its server."""

    def __init__(self, binary, folder, database=None, env=None, settings=None):
        self.binary, self.folder = str(binary), Path(folder)
        self.database, self.env, self.process = database, env or dict(os.environ), None
        self.log = self.folder.parent / f"{self.folder.name}.log"
        self.url = f"http://127.0.0.1:{free_port()}/test/"
        options = ["--database", database.url] if database else []
        self.run("init", self.folder, "--url", self.url, *options)
        self.set(settings or {})

    def run(self, *words, code=0, stdin=None, env=None):
        """Runs `pogson crowd ...`."""
        run = subprocess.run(
            [self.binary, "crowd", *map(str, words)], capture_output=True, text=True, timeout=1800, input=stdin, env=env or self.env,
        )
        assert code is None or run.returncode == code, f"{words}: exit {run.returncode}\n{run.stdout}\n{run.stderr}"
        return run

    def json(self, *words, **options):
        """What a command says as JSON."""
        return json.loads(self.run(*words, "--json", **options).stdout)

    def set(self, settings):
        """Changes pogson.toml: values by `section.key`."""
        path = self.folder / "pogson.toml"
        text = path.read_text()
        for name, value in settings.items():
            section, key = name.split(".")
            line = f"{key} = {json.dumps(value)}"
            body = re.search(rf"^\[{section}\]\n((?:(?!\[).*\n?)*)", text, re.M)
            if body is None:
                text += f"\n[{section}]\n{line}\n"
            elif re.search(rf"^{key} *=.*$", body[1], re.M):
                text = text[: body.start(1)] + re.sub(rf"^{key} *=.*$", line, body[1], flags=re.M) + text[body.end(1) :]
            else:
                text = text[: body.start(1)] + line + "\n" + text[body.start(1) :]
        path.write_text(text)

    def start(self, wait=True, options=()):
        """Starts the server, and waits until it answers."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "crowd", "serve", str(self.folder), *options], env=self.env, stdout=log, stderr=log, start_new_session=True,
            )
        return self.answers() if wait else None

    def answers(self, seconds=60):
        """Waits until it answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, f"the server ended: {self.tail()}"
            try:
                urllib.request.urlopen(self.url + "get_project_config.php", timeout=5).read()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"the server does not answer: {self.tail()}")

    def tail(self):
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:]

    def kill(self):
        """Kills it and what it started."""
        end_group(self.process)

    def stop(self):
        """Ends it in order."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            assert self.process.returncode in (0, 5), f"the server ended with {self.process.returncode}: {self.tail()}"

    def rows(self, query):
        """Rows of a query, as texts."""
        if self.database:
            return self.database.psql(query)
        base = sqlite3.connect(f"file:{self.folder / 'project.db'}?mode=ro", uri=True, timeout=60)
        try:
            return [[str(value) if value is not None else "" for value in row] for row in base.execute(query)]
        finally:
            base.close()

    def count(self, what):
        """The number that a query counts."""
        return int(float(self.rows(f"select count(*) from {what}")[0][0]))


def make_app(server):
    """An application that any file will do for, with roles that come with the server."""
    program = server.folder.parent / "program"
    program.write_text("#!/bin/sh\nexit 0\n")
    server.run("app", "add", server.folder, "toy")
    server.run("app", "version", server.folder, "toy", program, "--number", 100, "--platform", "x86_64-pc-linux-gnu")


def make_units(server, prefix, count, flops="1e12"):
    """Units of the application: `prefix`_1 and on."""
    options = ["--output", "out", "--most", 1_000_000, "--flops", flops, "--credit", 1]
    server.run("wu", "create", server.folder, "--app", "toy", "--name", prefix, "--count", count, *options)


class Crowd:
    """An emulator in the background."""

    def __init__(self, server, *options, record=None):
        words = [server.binary, "crowd", "emulate", server.url, "--json", *map(str, options)]
        if record:
            words += ["--record", str(record)]
        env = {name: value for name, value in os.environ.items() if not name.startswith(("POWERCUT", "LD_PRELOAD"))}
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)

    def attached(self, server, seconds=120):
        """Waits until its first hosts are known."""
        end = time.monotonic() + seconds
        while server.count("hosts") == 0:
            assert self.process.poll() is None, f"the crowd ended: {self.process.stderr.read()}"
            assert time.monotonic() < end, "the crowd did not attach"
            time.sleep(0.1)

    def wait(self, seconds=None):
        """What it says in the end."""
        out, err = self.process.communicate(timeout=seconds)
        assert self.process.returncode in (0, 5), f"exit {self.process.returncode}: {err}"
        return json.loads(out)

    def stop(self):
        """Ends it in order; what it says."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait(30)
