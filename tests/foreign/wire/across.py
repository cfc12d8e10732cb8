"""One end of a connection: messages there and back, then many bytes both ways at once, each stream known by its sender's name.

usage: across.py listen|connect ADDRESS PORT NAME MEGABYTES [OWN_PORT]
Prints "heard NAME reuse N" with the other's name when all its bytes were right, and SO_REUSEADDR of its own socket before the
first byte and now; keeps the connection until its input ends.
"""

import random
import socket
import sys
import threading

role, address, port, name, blocks = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5]) * 16
BLOCK = 1 << 16

if role == "listen":
    listener = socket.create_server((address, port))
    one, _ = listener.accept()
else:
    one = socket.create_connection((address, port), source_address=("", int(sys.argv[6])) if len(sys.argv) > 6 else None)
reuse = one.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
stream = one.makefile("rb")


def send_all():
    own = random.Random(name)
    for _ in range(blocks):
        one.sendall(own.randbytes(BLOCK))


other = None
for turn in range(400):
    one.sendall(b"%-32s" % name.encode())
    said = stream.read(32).decode().strip()
    assert said and said == (other or said), f"{name} heard {other} and then {said}"
    other = said
sender = threading.Thread(target=send_all)
sender.start()
theirs = random.Random(other)
for block in range(blocks):
    assert stream.read(BLOCK) == theirs.randbytes(BLOCK), f"{name}: block {block} of {other}"
sender.join()
print("heard", other, "reuse", reuse, one.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR), flush=True)
sys.stdin.readline()
