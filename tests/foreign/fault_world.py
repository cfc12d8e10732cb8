"""A project of its own behind a proxy that can be faulty, and boinc-clients that attach to it."""

import re
import sqlite3
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

from boinc import Client, Project, free_port, wait_for
from faulty import Proxy


class World:
    """A project behind a proxy, and its clients."""

    def __init__(self, pogson, folder):
        self.pogson, self.dir, self.clients, self.keys = pogson, folder, [], {}
        self.dir.mkdir()
        self.project = Project(pogson, folder / "project")
        self.proxy = Proxy(self.project.port)
        self.project.set("scheduler", request_delay=1.0)

    def app(self, script, *more, number=100, api=False):
        """A version of the application: a script of the shell."""
        path = self.dir / f"app_{number}.sh"
        path.write_text(f"#!/bin/sh\n{script}")
        if number == 100:
            self.crowd("app", "add", self.project.dir, "toy")
        words = ["--api", "7.5.0"] if api else []
        self.crowd("app", "version", self.project.dir, "toy", path, "--number", number, *words, *more)

    def crowd(self, *words):
        """Runs a command."""
        return self.pogson("crowd", *words)

    def units(self, name, *more, quorum=1, credit=7):
        """Work."""
        self.crowd("wu", "create", self.project.dir, "--app", "toy", "--name", name, "--output", "out", "--flops", "1e9",
                   "--quorum", quorum, "--credit", credit, *more)

    def serve(self, *more):
        """Serves it, behind the proxy."""
        if self.project.server:
            self.project.stop()
        self.project.port = self.proxy.to = free_port()
        self.project.serve("--listen", f"127.0.0.1:{self.proxy.to}", *more)

    def client(self, name, user=None, until_idle=True):
        """A client of a new user, or of one that there is."""
        user = user or name
        if user not in self.keys:
            self.keys[user] = self.project.user(user)
        client = Client(self.dir / name)
        self.clients.append(client)
        return client.start(self.project.url, self.keys[user], until_idle=until_idle)

    def ended(self, name):
        """Runs a client until it has nothing more to do."""
        client = self.client(name)
        assert client.wait(300) == 0, client.log[-4000:]
        return client

    def result(self, name):
        """What the server knows of a result."""
        return self.pogson.json("crowd", "results", self.project.dir, name)

    def until(self, name, **wanted):
        """Waits until a result is so."""
        def found():
            """a result's state"""
            result = self.result(name)
            return all(result[key] == value for key, value in wanted.items()) and result
        try:
            return wait_for(found, 200)
        except AssertionError:
            raise AssertionError(f"{name} is not {wanted}: {self.result(name)}\n{self.clients[-1].log[-3000:]}") from None

    def failed(self, name, outcome, state, exit_status):
        """That a result failed as it should, and that nobody was paid for it."""
        result = self.result(name)
        told = {key: result[key] for key in ("state", "outcome", "validity", "client_state", "exit_status", "credit")}
        assert told == {"state": "Over", "outcome": outcome, "validity": "Invalid", "client_state": state,
                        "exit_status": exit_status, "credit": 0}, result
        return result

    def done_by_another(self, unit, name="bob"):
        """That the unit's next result goes to another computer, which is paid."""
        client = self.ended(name)
        result = self.until(f"{unit}_1", outcome="Success", validity="Valid")
        assert result["credit"] == 7 and result["host"] != self.result(f"{unit}_0")["host"], result
        self.credited(**{name: 7})
        return client

    def credited(self, **users):
        """What users have."""
        for name in self.keys:
            user = self.pogson.json("crowd", "user", "show", self.project.dir, f"{name}@example.org")
            assert user["credit"] == users.get(name, 0), (name, user)

    def rows(self, query):
        """Rows of the database."""
        base = sqlite3.connect(f"file:{self.project.dir / 'project.db'}?mode=ro", uri=True, timeout=60)
        try:
            return base.execute(query).fetchall()
        finally:
            base.close()

    def page(self, user, page, **fields):
        """A page as its user sees it; with fields, after a form was sent there."""
        jar = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        ask = lambda page, **form: jar.open(
            self.project.url + page, urllib.parse.urlencode(form).encode() if form else None, timeout=30).read().decode()
        ask("login", key=self.keys[user])
        shown = ask(page)
        if not fields:
            return shown
        token = re.search(r'name="token" value="([^"]*)"', shown)[1]
        inputs = dict(re.findall(r'<input type="text"[^>]* name="([a-z_]+)"[^>]* value="([^"]*)"', shown))
        return ask(page, token=token, **{**inputs, **fields})

    def stored(self, output):
        """The output that was kept."""
        def kept():
            """an output"""
            return next((path for path in (self.project.dir / "outputs").rglob(output) if path.is_file()), None)
        return wait_for(kept, 60).read_bytes()

    def close(self):
        """Ends all of it; the server's records agree with each other until then."""
        try:
            self.crowd("check", self.project.dir, "--deep")
        finally:
            for one in [*self.clients, self.project, self.proxy]:
                one.stop()
