"""Who the client is, behind another proxy: lines of the PROXY protocol from a real HAProxy, lines that are none, and `X-Forwarded-For` and
`Forwarded` by HAProxy and by clients that are not believed."""

import contextlib
import http.client
import http.server
import json
import socket
import struct
import subprocess
import threading
import time

import pytest

from conftest import program

SOON_S = 30
CLIENT = "127.0.0.7"
V2 = b"\r\n\r\n\0\r\nQUIT\n"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(true, what):
    end = time.monotonic() + SOON_S
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def answers(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), SOON_S).close()
        return True


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the fields of the request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps({name.lower(): ", ".join(self.headers.get_all(name)) for name in self.headers}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


# Listeners of the gate by their names, with their keys; the last one believes nobody here.
LISTENERS = {
    "v1": 'proxy_protocol = "v1"\ntrusted = ["127.0.0.1"]',
    "v2": 'proxy_protocol = "v2"\ntrusted = ["127.0.0.1"]',
    "any": 'proxy_protocol = "any"\ntrusted = ["127.0.0.1"]',
    "fields": 'trusted = ["127.0.0.1"]',
    "nobody": 'proxy_protocol = "any"\ntrusted = ["192.0.2.0/24"]',
}
# What HAProxy does in front of which listener.
FRONTS = [("v1", "send-proxy", ""), ("v2", "send-proxy-v2", ""), ("any", "send-proxy", ""), ("any", "send-proxy-v2-ssl", ""),
          ("nobody", "send-proxy", ""), ("fields", "", "mode http\noption forwardfor")]


class World:
    def __init__(self, pogson, folder):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.ports = {name: free_port() for name in LISTENERS}
        self.fronts = [free_port() for _ in FRONTS]
        self.log = folder / "access.log"
        listeners = "".join(f'[[listen]]\naddress = "127.0.0.1:{self.ports[name]}"\n{keys}\n' for name, keys in LISTENERS.items())
        (folder / "gate.toml").write_text(
            f'workers = 1\n{listeners}[log]\naccess = {json.dumps(str(self.log))}\nformat = "json"\n'
            f'[[pool]]\ntimes = {{ connect = "20s" }}\n[[pool.server]]\naddress = "http://127.0.0.1:{self.server.server_port}"\n'
        )
        fronts = "".join(
            f"listen front{number}\nbind 127.0.0.1:{port}\n{more or 'mode tcp'}\n"
            f"server gate 127.0.0.1:{self.ports[to]} {how}\n"
            for number, (port, (to, how, more)) in enumerate(zip(self.fronts, FRONTS))
        )
        (folder / "haproxy.cfg").write_text(
            f"global\nmaxconn 100\ndefaults\ntimeout connect 20s\ntimeout client 60s\ntimeout server 60s\n{fronts}"
        )
        self.programs = [
            subprocess.Popen([pogson.path, "gate", "serve", "--config", folder / "gate.toml"], stderr=subprocess.DEVNULL),
            subprocess.Popen([program("haproxy"), "-db", "-f", folder / "haproxy.cfg"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL),
        ]
        for port in [*self.ports.values(), *self.fronts]:
            until(lambda: answers(port), "it does not listen")

    def end(self):
        for one in self.programs:
            one.kill()
            one.wait(SOON_S)
        self.server.shutdown()
        self.server.server_close()

    def front(self, to, how):
        return self.fronts[next(at for at, one in enumerate(FRONTS) if one[:2] == (to, how))]


@pytest.fixture(scope="module")
def world(pogson, tmp_path_factory):
    program("haproxy")
    world = World(pogson, tmp_path_factory.mktemp("proxied"))
    yield world
    world.end()


def ask(port, fields={}, source=CLIENT, path="/a"):
    """Status and what the server saw."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SOON_S, source_address=(source, 0))
    connection.request("GET", path, headers=fields)
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    return reply.status, json.loads(body) if reply.status == 200 else body


def said(port, first):
    """What comes back of a connection that begins with these bytes; nothing if it is closed."""
    with socket.create_connection(("127.0.0.1", port), SOON_S) as one:
        with contextlib.suppress(ConnectionError):
            one.sendall(first + b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        got = b""
        with contextlib.suppress(ConnectionError):
            while more := one.recv(65536):
                got += more
        return got


@pytest.mark.parametrize("to, how", [front[:2] for front in FRONTS if "send-proxy" in front[1] and front[0] != "nobody"])
def test_the_client_of_haproxy_is_the_client_of_the_gate(world, to, how):
    status, seen = ask(world.front(to, how))
    assert status == 200 and seen["x-forwarded-for"] == CLIENT
    # What the client says of itself is not believed for its proxy's sake.
    fields = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X-Forwarded-Proto": "https"}
    _, seen = ask(world.front(to, how), fields)
    assert seen["x-forwarded-for"] == CLIENT and seen["x-forwarded-proto"] == "http" and "forwarded" not in seen


def test_lines_from_elsewhere_are_not_believed(world):
    assert ask(world.ports["nobody"])[1]["x-forwarded-for"] == CLIENT
    # There a line is no line but a request that is wrong.
    assert ask(world.front("nobody", "send-proxy"))[0] in (400, 505)
    assert said(world.ports["nobody"], b"PROXY TCP4 203.0.113.9 127.0.0.1 1 2\r\n")[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 505 ")


def v2(command, family, rest, length=None):
    return V2 + bytes([command, family]) + struct.pack(">H", len(rest) if length is None else length) + rest


V4 = bytes([203, 0, 113, 9, 127, 0, 0, 1]) + struct.pack(">HH", 4000, 80)
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::9") + socket.inet_pton(socket.AF_INET6, "::1") + struct.pack(">HH", 4000, 80)


@pytest.mark.parametrize("first, client", [
    (b"PROXY TCP4 203.0.113.9 127.0.0.1 4000 80\r\n", "203.0.113.9"),
    (b"PROXY TCP6 2001:db8::9 ::1 4000 80\r\n", "2001:db8::9"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "127.0.0.1"),
    (v2(0x21, 0x11, V4), "203.0.113.9"),
    (v2(0x21, 0x21, V6), "2001:db8::9"),
    (v2(0x21, 0x11, V4 + b"\x04\0\x03abc"), "203.0.113.9"),
    (v2(0x20, 0, b""), "127.0.0.1"),
    (v2(0x21, 0, b""), "127.0.0.1"),
], ids=range(9))
def test_lines_are_read_as_they_are_written(world, first, client):
    got = said(world.ports["any"], first)
    assert got.startswith(b"HTTP/1.1 200 "), got
    assert json.loads(got.split(b"\r\n\r\n", 1)[1])["x-forwarded-for"] == client


@pytest.mark.parametrize("first", [
    b"", b"PROXY\r\n", b"PROXY TCP4\r\n", b"PROXY TCP4 203.0.113.9 127.0.0.1 4000\r\n", b"PROXY TCP4 203.0.113.9 127.0.0.1 4000 80 1\r\n",
    b"PROXY TCP4 203.0.113.256 127.0.0.1 4000 80\r\n", b"PROXY TCP4 2001:db8::9 ::1 4000 80\r\n", b"PROXY TCP5 203.0.113.9 127.0.0.1 4000 80\r\n",
    b"PROXY TCP4 203.0.113.9 127.0.0.1 65536 80\r\n", b"PROXY TCP4 203.0.113.9 127.0.0.1 -1 80\r\n", b"PROXY  TCP4 203.0.113.9 127.0.0.1 1 2\r\n",
    b"PROXY TCP4 203.0.113.9 127.0.0.1 4000 80\n", b"proxy TCP4 203.0.113.9 127.0.0.1 4000 80\r\n", b"PROXY TCP4 " + b"1" * 200 + b"\r\n",
    v2(0x11, 0x11, V4), v2(0x22, 0x11, V4), v2(0x21, 0x11, V4[:8]), v2(0x21, 0x21, V4), v2(0x21, 0x41, V6), V2[:5] + b"x" * 20,
    v2(0x21, 0x11, V4, 65535),
], ids=range(21))
def test_what_is_no_line_ends_the_connection(world, first):
    assert said(world.ports["any"], first) == b""
    assert said(world.ports["any"], b"PROXY UNKNOWN\r\n").startswith(b"HTTP/1.1 200 "), "the gate serves on"


def test_each_version_is_taken_where_it_is_wanted(world):
    assert said(world.ports["v1"], v2(0x21, 0x11, V4)) == b"" == said(world.ports["v2"], b"PROXY UNKNOWN\r\n")


def test_fields_of_a_trusted_proxy_go_on_and_name_the_client(world):
    port = world.front("fields", "")
    _, seen = ask(port, path="/by-haproxy")
    assert seen["x-forwarded-for"] == f"{CLIENT}, 127.0.0.1"
    # A client that brings one of its own: HAProxy's is the last, and the one that is believed.
    _, seen = ask(port, {"X-Forwarded-For": "203.0.113.9"}, path="/by-client")
    addresses = [one.strip() for one in seen["x-forwarded-for"].split(",")]
    assert addresses[-1] == "127.0.0.1" and CLIENT in addresses[-2:]
    _, seen = ask(world.ports["fields"], {"Forwarded": "for=203.0.113.9;proto=https"}, "127.0.0.1", "/by-forwarded")
    assert seen["forwarded"].startswith("for=203.0.113.9;proto=https") and "for=127.0.0.1" in seen["forwarded"]
    _, seen = ask(world.ports["fields"], {"Forwarded": "for=203.0.113.9", "X-Forwarded-For": "203.0.113.9"}, CLIENT, "/not-believed")
    assert "forwarded" not in seen and seen["x-forwarded-for"] == CLIENT
    wanted = {"/by-haproxy": CLIENT, "/by-client": CLIENT, "/by-forwarded": "203.0.113.9", "/not-believed": CLIENT}

    def logged():
        lines = [json.loads(line) for line in world.log.read_text().splitlines()]
        return {line["target"]: line["client"] for line in lines}

    until(lambda: wanted.items() <= logged().items(), "the log names other clients")
