"""A proxy between clients and a project server that answers wrongly, breaks connections, and keeps what was said."""

import http.client
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PASSED = ("Content-Type", "Range", "Cookie", "User-Agent", "Accept")
RETURNED = ("Content-Type", "Content-Range", "Accept-Ranges", "Location", "Set-Cookie")


@dataclass
class Answer:
    """What a client is answered."""

    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=lambda: {"Content-Type": "text/xml"})


@dataclass
class Exchange:
    """A request, and what it was answered. `raw` are the bytes of an upload, which are no text."""

    path: str
    raw: bytes
    answer: Answer

    @property
    def text(self):
        """What the client said."""
        return self.raw.decode(errors="replace")

    @property
    def reply(self):
        """What it was told."""
        return self.answer.body.decode(errors="replace")


class Proxy:
    """Listens at a port of the loopback and asks the server at another."""

    def __init__(self, port):
        self.to, self.faults, self.seen = None, [], []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                proxy.serve(self)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fault(self, part, what, times=1, when=lambda text: True):
        """Answers the next `times` requests whose address has `part` in it by `what(request, forward)`."""
        self.faults.append([part, what, times, when])

    def requests(self, part):
        """What was said to addresses that have `part` in them."""
        return [one for one in self.seen if part in one.path]

    def serve(self, handler):
        """Answers a request."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        request = Exchange(handler.path, body, None)
        forward = lambda: self.forward(handler.command, request, handler.headers)
        made = forward
        for fault in self.faults:
            part, what, times, when = fault
            if part in request.path and times > 0 and when(request.text):
                fault[2] -= 1
                made = lambda: what(request, forward)
                break
        try:
            request.answer = made()
        except OSError:
            request.answer = Answer(502)
        self.seen.append(request)
        try:
            handler.send_response(request.answer.status)
            for name, value in request.answer.headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(request.answer.body)))
            handler.end_headers()
            handler.wfile.write(request.answer.body)
        except OSError:
            pass

    def forward(self, method, request, headers):
        """What the server says."""
        connection = http.client.HTTPConnection("127.0.0.1", self.to, timeout=60)
        try:
            kept = {name: headers[name] for name in PASSED if headers.get(name)}
            connection.request(method, request.path, request.raw or None, kept)
            answer = connection.getresponse()
            found = {name: answer.headers[name] for name in RETURNED if answer.headers.get(name)}
            return Answer(answer.status, answer.read(), found)
        finally:
            connection.close()

    def send_part(self, request, bytes_sent):
        """Sends the beginning of a request to the server, and breaks the connection."""
        with socket.create_connection(("127.0.0.1", self.to), timeout=30) as line:
            head = f"POST {request.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(request.raw)}\r\n\r\n"
            line.sendall(head.encode() + request.raw[:bytes_sent])
            time.sleep(0.3)

    def stop(self):
        """Listens no more."""
        self.server.shutdown()
        self.server.server_close()


def says(status, body="", kind="text/html"):
    """A fault: the server is not asked, and this is the answer."""
    return lambda request, forward: Answer(status, body.encode(), {"Content-Type": kind})


def upload_status(number):
    """A fault: an upload handler's answer."""
    return says(200, f"<data_server_reply>\n<status>{number}</status>\n<message>trouble</message>\n</data_server_reply>\n", "text/xml")
