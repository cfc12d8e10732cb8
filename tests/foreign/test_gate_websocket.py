"""WebSockets through a real gate to a server of the `websockets` package: by that package's client over HTTP/1.1, and by h2 with wsproto
over HTTP/2 (RFC 8441), plain and over TLS."""

import asyncio
import contextlib
import json
import signal
import socket
import ssl
import subprocess
import threading
import time

import h2.config
import h2.connection
import h2.events
import pytest
import wsproto.connection
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from conftest import program

websockets = pytest.importorskip("websockets")
from websockets.asyncio.server import serve  # noqa: E402
from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402
from websockets.sync.client import connect  # noqa: E402

SOON_S = 30
LARGE = 1 << 20
# Messages that go at once both ways, and their size.
MANY, SIZE = 60, 50_000


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(true, what):
    end = time.monotonic() + SOON_S
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


class Server:
    """Echoes at /echo; at /close/CODE ends with that; at /both sends while it takes; keeps the codes with which clients ended."""

    def __init__(self):
        self.port, self.codes, self.taken = free_port(), [], []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        until(self.answers, "the server does not listen")

    def answers(self):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), SOON_S).close()
            return True

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.create_task(self.serve())
        self.loop.run_forever()

    async def serve(self):
        self.server = await serve(self.handle, "127.0.0.1", self.port, max_size=None, process_request=self.refuse,
                                  select_subprotocol=lambda _, offered: "sky.v1" if "sky.v1" in offered else None)

    @staticmethod
    def refuse(connection, request):
        if request.path == "/forbidden":
            return connection.respond(403, "not you\n")

    async def handle(self, one):
        path = one.request.path
        try:
            if path.startswith("/close/"):
                return await one.close(int(path.split("/")[2]), "so it is")
            if path == "/both":
                await asyncio.gather(self.sends(one), self.takes(one))
                return
            async for message in one:
                await one.send(message)
        finally:
            await one.wait_closed()
            self.codes.append(one.close_code)

    @staticmethod
    async def sends(one):
        for number in range(MANY):
            await one.send(bytes([number]) * SIZE)

    async def takes(self, one):
        self.taken = [await one.recv() for _ in range(MANY)]

    def end(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(SOON_S)


class Gate:
    """A gate with a plain listener and one of TLS."""

    def __init__(self, pogson, folder, server, more=""):
        self.port, self.tls_port, self.config = free_port(), free_port(), folder / "gate.toml"
        cert, key = folder / "cert.pem", folder / "key.pem"
        made = subprocess.run(
            [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-keyout", key, "-out", cert], capture_output=True)
        assert made.returncode == 0, made.stderr
        self.context = ssl.create_default_context(cafile=cert)
        self.config.write_text(f"""
            workers = 1
            [times]
            drain = "3s"
            [[listen]]
            address = "127.0.0.1:{self.port}"
            [[listen]]
            address = "127.0.0.1:{self.tls_port}"
            tls = {{ cert = {json.dumps(str(cert))}, key = {json.dumps(str(key))} }}
            [[pool]]
            times = {{ connect = "20s" }}
            [[pool.server]]
            address = "http://127.0.0.1:{server}"
            {more}
        """)
        self.process = subprocess.Popen([pogson.path, "gate", "serve", "--config", self.config], stderr=subprocess.PIPE, text=True)
        self.said = []
        threading.Thread(target=lambda: self.said.extend(iter(self.process.stderr.readline, "")), daemon=True).start()
        until(lambda: sum("listening on" in line for line in list(self.said)) == 2, "the gate does not listen")

    def socket(self, tls, *alpn):
        one = socket.create_connection(("127.0.0.1", self.tls_port if tls else self.port), SOON_S)
        if not tls:
            return one
        self.context.set_alpn_protocols(list(alpn))
        return self.context.wrap_socket(one, server_hostname="localhost")

    def open(self, tls, path, **options):
        """A WebSocket over HTTP/1.1."""
        return connect(f"ws://localhost{path}", sock=self.socket(tls, "http/1.1"), open_timeout=SOON_S, close_timeout=SOON_S,
                       max_size=None, **options)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SOON_S)


class Framed:
    """A WebSocket on a stream of HTTP/2."""

    def __init__(self, gate, tls, path, protocol=None):
        self.socket = gate.socket(tls, "h2", "http/1.1")
        if tls:
            assert self.socket.selected_alpn_protocol() == "h2"
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.flush()
        self.socket_events, self.pieces, self.messages, self.reset = [], [], [], None
        self.reply, self.has_ended = None, False
        self.web = wsproto.connection.Connection(wsproto.connection.ConnectionType.CLIENT)
        self.wait(lambda: self.h2.remote_settings.enable_connect_protocol == 1, "the gate offers no WebSockets over HTTP/2")
        self.stream = self.h2.get_next_available_stream_id()
        head = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https" if tls else "http"), (":path", path),
                (":authority", "localhost"), ("sec-websocket-version", "13")]
        self.h2.send_headers(self.stream, head + ([("sec-websocket-protocol", protocol)] if protocol else []))
        self.flush()
        self.wait(lambda: self.reply or self.reset is not None, "the gate does not answer")

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def receive(self):
        data = self.socket.recv(65536)
        assert data, "the gate closed the connection"
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                self.reply = dict(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                # What is no reply to the handshake is no WebSocket.
                if self.reply[":status"] == "200" and event.data:
                    self.hears(event.data)
            elif isinstance(event, h2.events.StreamEnded):
                self.has_ended = True
            elif isinstance(event, h2.events.StreamReset):
                self.reset = event.error_code
        self.flush()

    def hears(self, data):
        self.web.receive_data(data)
        for event in self.web.events():
            if isinstance(event, (TextMessage, BytesMessage)):
                self.pieces.append(event.data)
                if event.message_finished:
                    self.messages.append(type(event.data)().join(self.pieces))
                    self.pieces = []
            else:
                if isinstance(event, Ping):
                    self.send(event.response())
                self.socket_events.append(event)

    def wait(self, true, what):
        end = time.monotonic() + SOON_S
        while not true():
            assert time.monotonic() < end, what
            self.receive()

    def send(self, event):
        data = self.web.send(event)
        while data:
            room = min(self.h2.local_flow_control_window(self.stream), self.h2.max_outbound_frame_size, len(data))
            if room:
                self.h2.send_data(self.stream, data[:room])
                data = data[room:]
                self.flush()
            else:
                self.receive()

    def echo(self, message, *fragments):
        """What comes back of a message, whose parts go in fragments."""
        kind = TextMessage if isinstance(message, str) else BytesMessage
        for part in (message, *fragments)[:-1]:
            self.send(kind(part, message_finished=False))
        self.send(kind((message, *fragments)[-1]))
        self.wait(lambda: self.messages, "no message came")
        return self.messages.pop(0)

    def seen(self, kind):
        self.wait(lambda: any(isinstance(event, kind) for event in self.socket_events), f"no {kind} came")
        return next(event for event in self.socket_events if isinstance(event, kind))

    def close(self):
        self.socket.close()


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.end()


@pytest.fixture(scope="module")
def gate(pogson, server, tmp_path_factory):
    gate = Gate(pogson, tmp_path_factory.mktemp("gate"), server.port)
    yield gate
    gate.end()


LARGE_BYTES = bytes(range(256)) * (LARGE // 256)
WAYS = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])


@WAYS
def test_messages_of_any_size_come_back_over_http1(gate, tls):
    with gate.open(tls, "/echo") as one:
        for message in ("", "a", "M 17 \N{GREEK SMALL LETTER ALPHA}", b"", b"\0\xff", LARGE_BYTES, "x" * LARGE):
            one.send(message)
            assert one.recv(SOON_S) == message
        one.send(["frag", "men", "ts"])
        assert one.recv(SOON_S) == "fragments"
        one.send([LARGE_BYTES[:100_000], b"", LARGE_BYTES[100_000:]])
        assert one.recv(SOON_S) == LARGE_BYTES
        assert one.ping(b"there?").wait(SOON_S), "no pong came"


@WAYS
def test_messages_of_any_size_come_back_over_http2(gate, tls):
    one = Framed(gate, tls, "/echo")
    assert one.reply[":status"] == "200" and "sec-websocket-accept" not in one.reply
    for message in ("a", "M 17 \N{GREEK SMALL LETTER ALPHA}", b"\0\xff", LARGE_BYTES, "x" * LARGE):
        assert one.echo(message) == message
    assert one.echo("frag", "men", "ts") == "fragments"
    assert one.echo(LARGE_BYTES[:100_000], b"", LARGE_BYTES[100_000:]) == LARGE_BYTES
    one.send(Ping(b"there?"))
    assert one.seen(Pong).payload == b"there?"
    one.close()


@WAYS
def test_what_both_agree_on_passes_the_gate(gate, tls):
    with gate.open(tls, "/echo", subprotocols=["sky.v1"], compression="deflate") as one:
        assert one.subprotocol == "sky.v1"
        assert one.protocol.extensions, "no compression was agreed on"
    assert Framed(gate, tls, "/echo", "sky.v1").reply["sec-websocket-protocol"] == "sky.v1"


@WAYS
def test_both_ends_may_send_at_once(gate, server, tls):
    mine, others = ([bytes([first + number]) * SIZE for number in range(MANY)] for first in (100, 0))
    with gate.open(tls, "/both", compression=None) as one:
        thread = threading.Thread(target=lambda: [one.send(message) for message in mine])
        thread.start()
        assert [one.recv(SOON_S) for _ in range(MANY)] == others
        thread.join(SOON_S)
        until(lambda: server.taken == mine, "the server does not get all")
    server.taken = []
    one = Framed(gate, tls, "/both")
    for message in mine:
        one.send(BytesMessage(message))
    one.wait(lambda: len(one.messages) == MANY, "not all came")
    assert one.messages == others
    until(lambda: server.taken == mine, "the server does not get all")
    one.close()


@WAYS
def test_a_server_that_opens_none_says_so_itself(gate, tls):
    with pytest.raises(InvalidStatus) as why:
        gate.open(tls, "/forbidden")
    assert why.value.response.status_code == 403
    one = Framed(gate, tls, "/forbidden")
    assert one.reply[":status"] == "403"
    one.close()


def test_open_websockets_outlive_a_reload_and_end_with_the_drain(pogson, server, tmp_path):
    gate = Gate(pogson, tmp_path, server.port)
    try:
        with gate.open(True, "/echo") as one:
            framed = Framed(gate, True, "/echo")
            gate.config.write_text(gate.config.read_text().replace('connect = "20s"', 'connect = "21s"'))
            gate.process.send_signal(signal.SIGHUP)
            until(lambda: any("is served as it is now" in line for line in list(gate.said)), "the gate does not reload")
            one.send("after a reload")
            assert one.recv(SOON_S) == "after a reload" == framed.echo("after a reload")
            gate.process.send_signal(signal.SIGTERM)
            until(lambda: any("no more connections" in line for line in list(gate.said)), "the gate does not end")
            one.send("while it ends")
            assert one.recv(SOON_S) == "while it ends"
            with pytest.raises(ConnectionClosed):
                one.recv(SOON_S)
        assert gate.process.wait(SOON_S) == 0
    finally:
        gate.end()
