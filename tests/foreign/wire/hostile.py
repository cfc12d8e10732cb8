"""One end of a connection that speaks the library's protocol by itself, and then does what no end may.

usage: hostile.py MANNER DAEMON PORT     says what the kernel or the daemon refused it, and goes.
"""

import array
import contextlib
import ctypes
import mmap
import os
import pathlib
import random
import re
import select
import socket
import struct
import sys
import time

manner, daemon, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
FIRST = 40000
LAYOUT = pathlib.Path(__file__).resolve().parents[3] / "grid/ring/src/layout.rs"
VERSION = int(re.search(r"pub const VERSION: u32 = (\d+);", LAYOUT.read_text())[1]) + (manner == "another version")
# Words of a slot, by where they lie in it.
TAIL, FIN, HEAD, GENERATION, OFFER, ENTERED, EPOCH, BEGINS_AT = 0, 8, 64, 192, 196, 200, 204, 208


def until(what, condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.005)


one = socket.create_connection(("127.0.0.1", port))
one.sendall(b"x" * FIRST)
sent, got = FIRST, b""
while len(got) < FIRST:
    got += one.recv(1 << 16)

link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
link.settimeout(30)
link.connect(daemon)


def record(*words):
    return struct.pack("<12Q", *words, *[0] * (12 - len(words)))


def answer():
    """The next answer that is not that the other end waits, and its descriptors."""
    while True:
        data, beside, _, _ = link.recvmsg(96, 1000)
        words = struct.unpack("<12Q", data)
        if words[0] != 104:
            fds = array.array("i")
            for _, _, part in beside:
                fds.frombytes(part)
            return words, list(fds)


link.send(record(1, VERSION))
words, _ = answer()
if manner == "another version":
    print("refused", words[0] == 103 and words[2] == 7, flush=True)
    for _ in range(200):
        one.sendall(b"y" * 1000)
    one.shutdown(socket.SHUT_WR)
    while one.recv(1 << 16):
        pass
    sys.exit()
socket.send_fds(link, [record(2, 77, 0)], [one.fileno()])
# The other end asks too, in its next calls.
one.setblocking(False)


def nudge():
    """Keeps the other end busy by TCP, and takes what it sends."""
    global sent
    with contextlib.suppress(BlockingIOError):
        sent += one.send(b"y")
    with contextlib.suppress(BlockingIOError):
        one.recv(1 << 20)
    return bool(select.select([link], [], [], 0)[0])


told = []
while not told or told[0] != 102:
    until("the pair", nudge)
    told, fds = answer()
_, tag, slab, side, slot, generation, slots, ring_bytes, peer, brings = told[:10]
size = 4096 + (slots * 512 + 4095) // 4096 * 4096 + slots * ring_bytes
own, other = mmap.mmap(fds[0], size), mmap.mmap(fds[1], size, prot=mmap.PROT_READ)
base = 4096 + slot * 512


def put(at, value, kind="<I"):
    struct.pack_into(kind, own, base + at, value)


def seen(at, kind="<I"):
    return struct.unpack_from(kind, other, base + at)[0]


put(GENERATION, generation)
sends = manner in ("head from nowhere", "stops reading")
if sends:
    put(OFFER, 1)
    until("the other to send by the ring", lambda: nudge() or seen(EPOCH) == 1)
else:
    until("the other's offer", lambda: nudge() or seen(OFFER) == 1)
    put(BEGINS_AT, sent - 1000 if manner == "boundary in the past" else sent, "<Q")
    put(EPOCH, 1)

dice = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
if manner == "tail from nowhere":
    put(TAIL, dice.choice([ring_bytes + 1, 1 << 32, 1 << 63, (1 << 64) - 1]), "<Q")
elif manner == "head from nowhere":
    put(HEAD, dice.choice([ring_bytes * 1000, 1 << 63, (1 << 64) - 1]), "<Q")
elif manner == "any words":
    end = time.monotonic() + 1
    while time.monotonic() < end:
        at = dice.randrange(0, 64) * 8
        put(at, dice.choice([0, 1, 2, 3, 100, ring_bytes, ring_bytes + 1, dice.getrandbits(32), dice.getrandbits(64)]), "<Q")
        with contextlib.suppress(OSError):
            one.send(b"z")
elif manner == "memory taken away":
    libc = ctypes.CDLL(None, use_errno=True)
    put(TAIL, 1000, "<Q")
    for fd in fds[:2]:
        with contextlib.suppress(OSError):
            os.ftruncate(fd, 0)
            print("shrunk", flush=True)
    libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
    for _ in range(200):
        # Holes are allowed in what is one's own: zeros lie there then.
        libc.fallocate(fds[0], 3, 0, size)
        assert libc.fallocate(fds[1], 3, 0, size) == -1
        put(TAIL, dice.randrange(100000), "<Q")
        time.sleep(0.002)
elif manner == "stops reading":
    time.sleep(2)


def left():
    """Whether the other end has closed by itself."""
    try:
        return one.recv(1 << 20) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


if manner in ("tail from nowhere", "head from nowhere", "boundary in the past"):
    until("the other to give up", left)
print("done", flush=True)
