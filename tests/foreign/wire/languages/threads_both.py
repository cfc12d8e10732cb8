"""http.server with a thread for each connection, and requests with a session; then xmlrpc; then a socketserver that forks."""

import hashlib
import http.server
import os
import random
import socketserver
import threading
import xmlrpc.client
import xmlrpc.server

try:
    import requests
except ImportError:
    requests = None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Sum", hashlib.sha256(data).hexdigest())
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())


class Forking(socketserver.ForkingTCPServer):
    allow_reuse_address = True


def in_child(server):
    """Serves in a process of its own; returns its number and the port."""
    child = os.fork()
    if child == 0:
        server.serve_forever()
    port = server.server_address[1]
    server.server_close()
    return child, port


def post(port):
    random.seed(1)
    bodies = [random.randbytes(random.choice([10, 3000, 70000, 2_000_000 if i % 20 == 19 else 100])) for i in range(120)]
    if requests:
        with requests.Session() as session:
            for body in bodies:
                got = session.post(f"http://127.0.0.1:{port}/", data=body, timeout=60)
                assert got.content == body and got.headers["X-Sum"] == hashlib.sha256(body).hexdigest()
    else:
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for body in bodies:
            connection.request("POST", "/", body)
            assert connection.getresponse().read() == body
    return sum(map(len, bodies))


children = []
try:
    child, port = in_child(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
    children.append(child)
    totals = []
    posts = [threading.Thread(target=lambda: totals.append(post(port))) for _ in range(3)]
    [one.start() for one in posts]
    [one.join() for one in posts]
    assert len(totals) == 3

    rpc = xmlrpc.server.SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False)
    rpc.register_function(lambda a: a[::-1], "turn")
    child, port = in_child(rpc)
    children.append(child)
    with xmlrpc.client.ServerProxy(f"http://127.0.0.1:{port}") as proxy:
        for i in range(100):
            assert proxy.turn("ab" * i) == "ba" * i

    child, port = in_child(Forking(("127.0.0.1", 0), Echo))
    children.append(child)
    import socket

    for _ in range(4):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as one, one.makefile("rwb") as lines:
            for i in range(300):
                lines.write(b"line %d\n" % i)
                lines.flush()
                assert lines.readline() == b"LINE %d\n" % i
    print("right,", sum(totals), "bytes")
finally:
    for child in children:
        os.kill(child, 9)
        os.waitpid(child, 0)
