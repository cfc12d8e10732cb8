"""HTTP/2 in front of the gate: curl and nghttp2's programs, and frames written by hand that break the rules of RFC 9113."""

import http.server
import json
import re
import socket
import struct
import subprocess
import threading
import time

import hpack
import pytest
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, RstStreamFrame, SettingsFrame

from conftest import program

SOON_S = 20
STREAMS = 8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
REQUEST = [(":method", "GET"), (":scheme", "http"), (":authority", "sky.example"), (":path", "/a")]
NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM = 0, 1, 3, 5, 6, 7
COMPRESSION_ERROR = 9
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, PADDED, ACK = 1, 4, 8, 1


class Origin(http.server.BaseHTTPRequestHandler):
    """Answers with the request's path, after a while where that is /slow."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/slow":
            time.sleep(1)
        body = self.path.encode() * (20_000 if self.path == "/big" else 1)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Has room for all who come at once."""

    request_queue_size = 128


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), SOON_S).close()
        return True
    except ConnectionRefusedError:
        return False


class Gate:
    """A gate with a plain listener, and one of TLS where openssl can make a certificate."""

    def __init__(self, pogson, folder, origin):
        self.port, self.tls_port, self.cert = free_port(), free_port(), folder / "cert.pem"
        made = subprocess.run(
            [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-keyout", folder / "key.pem", "-out", self.cert], capture_output=True)
        assert made.returncode == 0, made.stderr
        (folder / "gate.toml").write_text(f"""
            workers = 1
            [[listen]]
            address = "127.0.0.1:{self.port}"
            limits = {{ streams = {STREAMS} }}
            [[listen]]
            address = "127.0.0.1:{self.tls_port}"
            tls = {{ cert = {json.dumps(str(self.cert))}, key = {json.dumps(str(folder / "key.pem"))} }}
            [[pool]]
            times = {{ connect = "20s" }}
            [[pool.server]]
            address = "http://127.0.0.1:{origin}"
        """)
        self.process = subprocess.Popen([pogson.path, "gate", "serve", "--config", folder / "gate.toml"], stderr=subprocess.PIPE)
        end = time.monotonic() + SOON_S
        while not answers(self.port):
            assert self.process.poll() is None, self.process.stderr.read().decode()
            assert time.monotonic() < end, "the gate does not listen"
            time.sleep(0.02)

    def end(self):
        self.process.kill()
        self.process.wait(SOON_S)


@pytest.fixture(scope="module")
def gate(pogson, tmp_path_factory):
    server = Server(("127.0.0.1", 0), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    gate = Gate(pogson, tmp_path_factory.mktemp("gate"), server.server_port)
    yield gate
    gate.end()
    server.shutdown()
    server.server_close()


def curl(*args):
    run = subprocess.run([program("curl"), "-sS", "--max-time", str(SOON_S), "-w", "\n%{http_version} %{response_code}", *map(str, args)],
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    body, _, end = run.stdout.rpartition("\n")
    return body, end


def test_curl_is_served_in_the_version_that_it_asks_for(gate):
    plain = f"http://localhost:{gate.port}"
    secure = ["--cacert", gate.cert, f"https://localhost:{gate.tls_port}/a"]
    assert curl("--http2-prior-knowledge", f"{plain}/a") == ("/a", "2 200")
    # An upgrade from HTTP/1.1 is no longer in RFC 9113, and the gate leaves it unanswered.
    assert curl("--http2", f"{plain}/a") == ("/a", "1.1 200")
    assert curl("--http2", *secure) == ("/a", "2 200")
    assert curl("--http1.1", *secure) == ("/a", "1.1 200")
    assert len(curl("--http2", "--cacert", gate.cert, f"https://localhost:{gate.tls_port}/big")[0]) == 80_000
    assert curl("--http2", "--data-binary", "x" * 100_000, *secure) == ("/a", "2 200")
    unknown = subprocess.run([program("curl"), "-sS", f"https://localhost:{gate.tls_port}/a"], capture_output=True)
    assert unknown.returncode == 60, "curl believes no certificate that it does not know"


def test_nghttp_and_h2load_lose_no_request(gate):
    run = subprocess.run([program("nghttp"), "-nv", f"http://localhost:{gate.port}/a", f"http://localhost:{gate.port}/big"],
                         capture_output=True, text=True, timeout=SOON_S)
    assert run.returncode == 0 and len(re.findall(r":status: 200", run.stdout)) == 2, run.stdout
    run = subprocess.run([program("h2load"), "-n", "400", "-c", "4", "-m", str(STREAMS), f"http://localhost:{gate.port}/a"],
                         capture_output=True, text=True, timeout=60)
    assert "400 succeeded, 0 failed, 0 errored, 0 timeout" in run.stdout, run.stdout


def frame(kind, flags, stream, rest=b""):
    return struct.pack(">I", len(rest))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + rest


def block(fields):
    return hpack.Encoder().encode(fields, huffman=False)


def asks(stream=1, fields=REQUEST, flags=END_STREAM | END_HEADERS):
    return frame(HEADERS, flags, stream, block(fields))


class Peer:
    """A client that sends bytes, and reads frames."""

    def __init__(self, gate):
        self.socket = socket.create_connection(("127.0.0.1", gate.port), SOON_S)
        self.decoder = hpack.Decoder()
        self.socket.sendall(PREFACE + SettingsFrame(0).serialize())

    def send(self, sent):
        try:
            self.socket.sendall(sent)
        except (BrokenPipeError, ConnectionResetError):
            pass  # What the gate said before it closed is still there to be read.

    def take(self, count):
        found = b""
        while len(found) < count:
            more = self.socket.recv(count - len(found))
            if not more:
                return None
            found += more
        return found

    def frames(self):
        """Frames until the connection ends."""
        try:
            while head := self.take(9):
                one, length = Frame.parse_frame_header(memoryview(head))
                rest = self.take(length) if length else b""
                if rest is None:
                    return
                one.parse_body(memoryview(rest))
                yield one
        except ConnectionResetError:
            return

    def told(self, *sent):
        """What the gate says to these bytes: ("connection", code), ("stream", code), or ("status", number)."""
        self.send(b"".join(sent))
        for one in self.frames():
            if isinstance(one, GoAwayFrame):
                return "connection", one.error_code
            if isinstance(one, RstStreamFrame):
                return "stream", one.error_code
            if isinstance(one, HeadersFrame):
                return "status", int(dict(self.decoder.decode(one.data))[":status"])
            if isinstance(one, SettingsFrame) and "ACK" not in one.flags:
                self.send(frame(SETTINGS, ACK, 0))
        return "closed", None

    def is_well(self):
        """Whether the connection still answers."""
        self.socket.sendall(frame(PING, 0, 0, b"pogson!!"))
        return any(one.type == PING and "ACK" in one.flags and one.opaque_data == b"pogson!!" for one in self.frames())


def setting(name, value):
    return frame(SETTINGS, 0, 0, struct.pack(">HI", name, value))


def window(stream, more):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", more))


OPEN = asks(fields=[*REQUEST[:3], (":path", "/slow")], flags=END_HEADERS)
HALF_CLOSED = asks(fields=[*REQUEST[:3], (":path", "/slow")])

# What ends the connection, with the section of RFC 9113 and the error that it names.
CONNECTION_ERRORS = {
    "4.2 a frame that is too large": ([OPEN, frame(DATA, 0, 1, bytes(70_000))[:9]], FRAME_SIZE_ERROR),
    "4.3 an index that no table has": ([frame(HEADERS, 5, 1, b"\xff\x80\x01")], COMPRESSION_ERROR),
    "4.3 a string that is cut short": ([frame(HEADERS, 5, 1, b"\x82\x86\x84\x41\x0fsky")], COMPRESSION_ERROR),
    "4.3 the index 0": ([frame(HEADERS, 5, 1, b"\x80")], COMPRESSION_ERROR),
    "4.3 a table larger than was allowed": ([frame(HEADERS, 5, 1, b"\x3f\xe2\x7f" + block(REQUEST))], COMPRESSION_ERROR),
    "5.1 DATA on an idle stream": ([frame(DATA, END_STREAM, 1, b"a")], PROTOCOL_ERROR),
    "5.1 RST_STREAM on an idle stream": ([frame(RST_STREAM, 0, 1, bytes(4))], PROTOCOL_ERROR),
    "5.1 WINDOW_UPDATE on an idle stream": ([window(1, 9)], PROTOCOL_ERROR),
    "5.1 CONTINUATION on an idle stream": ([frame(CONTINUATION, END_HEADERS, 1, block(REQUEST))], PROTOCOL_ERROR),
    "5.1.1 an even stream": ([asks(2)], PROTOCOL_ERROR),
    "6.1 DATA on stream 0": ([frame(DATA, 0, 0, b"a")], PROTOCOL_ERROR),
    "6.1 more padding than frame in DATA": ([OPEN, frame(DATA, PADDED, 1, b"\x05abc")], PROTOCOL_ERROR),
    "6.2 HEADERS on stream 0": ([asks(0)], PROTOCOL_ERROR),
    "6.2 more padding than frame in HEADERS": ([frame(HEADERS, 5 | PADDED, 1, b"\xff" + block(REQUEST))], PROTOCOL_ERROR),
    "6.3 PRIORITY on stream 0": ([frame(PRIORITY, 0, 0, bytes(5))], PROTOCOL_ERROR),
    "6.4 RST_STREAM on stream 0": ([frame(RST_STREAM, 0, 0, bytes(4))], PROTOCOL_ERROR),
    "6.4 RST_STREAM of 3 bytes": ([OPEN, frame(RST_STREAM, 0, 1, bytes(3))], FRAME_SIZE_ERROR),
    "6.5 SETTINGS that agree with more than nothing": ([frame(SETTINGS, ACK, 0, bytes(6))], FRAME_SIZE_ERROR),
    "6.5 SETTINGS of a stream": ([frame(SETTINGS, 0, 1, bytes(6))], PROTOCOL_ERROR),
    "6.5 SETTINGS of 5 bytes": ([frame(SETTINGS, 0, 0, bytes(5))], FRAME_SIZE_ERROR),
    "6.5.2 ENABLE_PUSH 2": ([setting(2, 2)], PROTOCOL_ERROR),
    "6.5.2 a window of 2^31": ([setting(4, 1 << 31)], FLOW_CONTROL_ERROR),
    "6.5.2 frames of 16383 bytes": ([setting(5, 16383)], PROTOCOL_ERROR),
    "6.5.2 frames of 2^24 bytes": ([setting(5, 1 << 24)], PROTOCOL_ERROR),
    "6.6 PUSH_PROMISE of a client": ([frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 2) + block(REQUEST))], PROTOCOL_ERROR),
    "6.7 PING of a stream": ([frame(PING, 0, 1, bytes(8))], PROTOCOL_ERROR),
    "6.7 PING of 7 bytes": ([frame(PING, 0, 0, bytes(7))], FRAME_SIZE_ERROR),
    "6.8 GOAWAY of a stream": ([frame(GOAWAY, 0, 1, bytes(8))], PROTOCOL_ERROR),
    "6.9 WINDOW_UPDATE of 3 bytes": ([frame(WINDOW_UPDATE, 0, 0, bytes(3))], FRAME_SIZE_ERROR),
    "6.9 a window that grows by nothing": ([window(0, 0)], PROTOCOL_ERROR),
    "6.9.1 a window beyond 2^31 - 1": ([window(0, (1 << 31) - 1), window(0, 1)], FLOW_CONTROL_ERROR),
    "6.9.2 a first window that makes one too large": ([OPEN, window(1, (1 << 31) - 1 - 65535), setting(4, 65536)], FLOW_CONTROL_ERROR),
    "6.10 CONTINUATION on stream 0": ([frame(CONTINUATION, END_HEADERS, 0, b"")], PROTOCOL_ERROR),
    "6.10 DATA in the middle of a head": ([asks(flags=0), frame(DATA, END_STREAM, 1, b"a")], PROTOCOL_ERROR),
    "6.10 another head in the middle of a head": ([asks(flags=0), asks(3)], PROTOCOL_ERROR),
    "6.10 an unknown frame in the middle of a head": ([asks(flags=0), frame(0xbe, 0, 1, b"a")], PROTOCOL_ERROR),
    "6.10 the rest of a head on another stream": ([asks(flags=0), frame(CONTINUATION, END_HEADERS, 3, b"")], PROTOCOL_ERROR),
}


# What crate h2 reads the gate's frames with names no more than PROTOCOL_ERROR for these, "for use when a more specific error code is
# not available" (section 7). The connection ends all the same.
UNSPECIFIC = {
    "4.3 an index that no table has",
    "4.3 a string that is cut short",
    "4.3 the index 0",
    "4.3 a table larger than was allowed",
    "6.4 RST_STREAM of 3 bytes",
    "6.5 SETTINGS that agree with more than nothing",
    "6.5 SETTINGS of 5 bytes",
    "6.5.2 a window of 2^31",
    "6.7 PING of 7 bytes",
    "6.9 WINDOW_UPDATE of 3 bytes",
    "5.1 DATA after the end",
    "5.1 HEADERS after the end",
    "6.3 PRIORITY of 4 bytes",
}


def codes(name, code):
    return {code, PROTOCOL_ERROR} if name in UNSPECIFIC else {code}


@pytest.mark.parametrize("name", CONNECTION_ERRORS)
def test_a_connection_that_breaks_the_rules_is_told_so_and_ends(gate, name):
    sent, code = CONNECTION_ERRORS[name]
    peer = Peer(gate)
    kind, told = peer.told(*sent)
    assert kind == "connection" and told in codes(name, code)
    # Nothing that still came matters; the end does.
    assert all(True for _ in peer.frames())


# What ends a stream; a gate may end the connection for it too (section 5.4.2).
STREAM_ERRORS = {
    "5.1 DATA after the end": ([HALF_CLOSED, frame(DATA, END_STREAM, 1, b"a")], STREAM_CLOSED),
    "5.1 HEADERS after the end": ([HALF_CLOSED, asks()], STREAM_CLOSED),
    "6.3 PRIORITY of 4 bytes": ([OPEN, frame(PRIORITY, 0, 1, bytes(4))], FRAME_SIZE_ERROR),
    "6.9 a stream's window that grows by nothing": ([OPEN, window(1, 0)], PROTOCOL_ERROR),
    "6.9.1 a stream's window beyond 2^31 - 1": ([OPEN, window(1, (1 << 31) - 1), window(1, 1)], FLOW_CONTROL_ERROR),
}


@pytest.mark.parametrize("name", STREAM_ERRORS)
def test_a_stream_that_breaks_the_rules_is_told_so(gate, name):
    sent, code = STREAM_ERRORS[name]
    kind, told = Peer(gate).told(*sent)
    assert kind in ("stream", "connection") and told in codes(name, code)


def test_a_stream_of_a_lower_number_than_the_last_is_refused(gate):
    peer = Peer(gate)
    assert peer.told(asks(5)) == ("status", 200)
    assert peer.told(asks(3)) == ("connection", PROTOCOL_ERROR)


def test_streams_beyond_the_limit_are_refused_and_the_others_answered(gate):
    peer = Peer(gate)
    slow = [*REQUEST[:3], (":path", "/slow")]
    kind, code = peer.told(*(asks(1 + 2 * number, slow) for number in range(STREAMS + 1)))
    assert kind in ("stream", "connection") and code in (REFUSED_STREAM, PROTOCOL_ERROR)
    if kind == "stream":
        ended = {one.stream_id for one in zip_until(peer.frames(), STREAMS)}
        assert len(ended) == STREAMS


def zip_until(frames, streams):
    """Frames that end streams, until so many have ended."""
    seen = set()
    for one in frames:
        if "END_STREAM" in getattr(one, "flags", ()):
            seen.add(one.stream_id)
            yield one
        if len(seen) == streams:
            return


def without(name):
    return [field for field in REQUEST if field[0] != name]


# Requests that are malformed (section 8.1.1): their streams end with PROTOCOL_ERROR, or they are answered 400.
MALFORMED = {
    "8.2.1 a name in capitals": [*REQUEST, ("X-A", "1")],
    "8.2.1 a name with a space": [*REQUEST, ("x a", "1")],
    "8.2.1 a value with a line end": [*REQUEST, ("x-a", "1\r\nx-b: 2")],
    "8.2.1 a value with a zero": [*REQUEST, ("x-a", "1\0")],
    "8.2.2 Connection": [*REQUEST, ("connection", "keep-alive")],
    "8.2.2 Transfer-Encoding": [*REQUEST, ("transfer-encoding", "chunked")],
    "8.2.2 TE other than trailers": [*REQUEST, ("te", "gzip")],
    "8.3 a pseudo-field after the others": [("x-a", "1"), *REQUEST],
    "8.3 a pseudo-field that there is not": [*REQUEST, (":sky", "1")],
    "8.3 a pseudo-field of replies": [*REQUEST, (":status", "200")],
    "8.3.1 no method": without(":method"),
    "8.3.1 no scheme": without(":scheme"),
    "8.3.1 no path": without(":path"),
    "8.3.1 an empty path": [*REQUEST[:3], (":path", "")],
    "8.3.1 two methods": [REQUEST[0], *REQUEST],
    "8.3.1 two paths": [REQUEST[3], *REQUEST],
    "8.3.1 another Host than authority": [*REQUEST, ("host", "other.example")],
    "8.1.1 a length without a body": [("content-length", "3")],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_goes_nowhere(gate, name):
    fields = MALFORMED[name]
    fields = fields if len(fields) > 1 else [*REQUEST, *fields]
    assert Peer(gate).told(asks(fields=fields)) in (("stream", PROTOCOL_ERROR), ("status", 400), ("connection", PROTOCOL_ERROR))


def test_a_body_of_another_length_than_was_said_is_malformed(gate):
    said = [(":method", "POST"), *REQUEST[1:], ("content-length", "3")]
    for body in (b"ab", b"abcd"):
        told = Peer(gate).told(asks(fields=said, flags=END_HEADERS), frame(DATA, END_STREAM, 1, body))
        assert told in (("stream", PROTOCOL_ERROR), ("status", 400)), body


def test_a_pseudo_field_among_trailers_changes_no_request(gate):
    peer = Peer(gate)
    head = asks(fields=[(":method", "POST"), *REQUEST[1:]], flags=END_HEADERS)
    told = peer.told(head, frame(DATA, 0, 1, b"a"), asks(fields=[(":path", "/b")]))
    # Such a request is malformed (section 8.1); crate h2 drops the field instead.
    if told not in (("stream", PROTOCOL_ERROR), ("status", 400)):
        assert told == ("status", 200)
        assert next(one.data for one in peer.frames() if isinstance(one, DataFrame)) == b"/a"


# What is unusual, and right.
ALLOWED = {
    "4.1 frames of unknown kinds": [frame(0xbe, 0xff, 0, b"abc"), asks()],
    "5.5 settings that nobody knows": [setting(0xbe, 7), asks()],
    "6.1 padded frames": [frame(HEADERS, 4 | PADDED, 1, b"\x03" + block([(":method", "POST"), *REQUEST[1:]]) + bytes(3)),
                          frame(DATA, END_STREAM | PADDED, 1, b"\x02ab" + bytes(2))],
    "6.1 padding alone": [asks(fields=[(":method", "POST"), *REQUEST[1:]], flags=END_HEADERS),
                          frame(DATA, END_STREAM | PADDED, 1, b"\x02" + bytes(2))],
    "6.2 a priority in a head": [frame(HEADERS, 5 | 0x20, 1, struct.pack(">IB", 0, 15) + block(REQUEST))],
    "6.3 a priority of a stream that is not yet": [frame(PRIORITY, 0, 7, struct.pack(">IB", 0, 15)), asks()],
    "6.10 a head in pieces": [frame(HEADERS, END_STREAM, 1, block(REQUEST)[:3]), frame(CONTINUATION, 0, 1, block(REQUEST)[3:9]),
                              frame(CONTINUATION, END_HEADERS, 1, block(REQUEST)[9:])],
    "8.2.3 cookies in pieces": [asks(fields=[*REQUEST, ("cookie", "a=1"), ("cookie", "b=2")])],
    "8.1 trailers": [asks(fields=[(":method", "POST"), *REQUEST[1:]], flags=END_HEADERS), frame(DATA, 0, 1, b"a"), asks(fields=[("x-sum", "7")])],
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_is_unusual_and_right_is_answered(gate, name):
    peer = Peer(gate)
    assert peer.told(*ALLOWED[name]) == ("status", 200)
    assert peer.is_well()


def test_a_stream_that_depends_on_itself_is_ignored_or_told_so(gate):
    # An error by RFC 7540; RFC 9113 has no priorities any more.
    told = Peer(gate).told(frame(PRIORITY, 0, 1, struct.pack(">IB", 1, 15)), asks())
    assert told in (("status", 200), ("stream", PROTOCOL_ERROR), ("connection", PROTOCOL_ERROR))


def test_a_reply_goes_no_further_than_the_clients_window(gate):
    peer = Peer(gate)
    assert peer.told(setting(4, 10), asks(fields=[*REQUEST[:3], (":path", "/big")])) == ("status", 200)
    peer.socket.sendall(frame(PING, 0, 0, b"pogson!!"))
    came = 0
    for one in peer.frames():
        if isinstance(one, DataFrame):
            came += len(one.data)
        if one.type == PING:
            break
    assert came <= 10
    peer.socket.sendall(window(1, 90_000) + window(0, 90_000))
    for one in peer.frames():
        if isinstance(one, DataFrame):
            came += len(one.data)
            if "END_STREAM" in one.flags:
                break
    assert came == 80_000
