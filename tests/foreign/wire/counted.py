"""Clients that carry a given number of bytes over one connection, say so, and keep it until they are told to go.

usage: counted.py KIND PORT MEGABYTES     KIND: redis, memcached, http, echo, source, sink
Prints "carried N port P" with the bytes of both directions and the connection's own port.
"""

import socket
import sys

kind, port, bytes_wanted = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) * 1_000_000
one = socket.create_connection(("127.0.0.1", port))
stream = one.makefile("rb", buffering=1 << 16)
carried = 0
value = bytes(range(256)) * 40


def ask(text, answer_bytes):
    """Sends a request whose answer has so many bytes, which it returns."""
    global carried
    one.sendall(text)
    answer = stream.read(answer_bytes)
    assert len(answer) == answer_bytes
    carried += len(text) + len(answer)
    return answer


while carried < bytes_wanted:
    if kind == "redis":
        assert ask(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%s\r\n" % (len(value), value), 5) == b"+OK\r\n"
        assert value in ask(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", len(value) + len(b"$10240\r\n\r\n"))
    elif kind == "memcached":
        assert ask(b"set k 0 0 %d\r\n%s\r\n" % (len(value), value), 8) == b"STORED\r\n"
        assert value in ask(b"get k\r\n", len(value) + len(b"VALUE k 0 10240\r\n\r\nEND\r\n"))
    elif kind == "http":
        one.sendall(b"GET /large HTTP/1.1\r\nHost: here\r\n\r\n")
        length = 0
        while line := stream.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split()[1])
        assert length and len(stream.read(length)) == length
        carried += length
    elif kind == "echo":
        assert ask(value, len(value)) == value
    elif kind == "source":
        one.sendall(value * 30)
        carried += len(value) * 30
    elif kind == "sink":
        carried += len(stream.read1(1 << 16))
print("carried", carried, "port", one.getsockname()[1], flush=True)
sys.stdin.readline()
