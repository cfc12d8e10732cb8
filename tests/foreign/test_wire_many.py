"""Many connections between two processes: all leave TCP, and cost few descriptors and little memory.

POGSON_WIRE_FULL=1 makes 10,000 of them, else 2,000; each process needs as many descriptors.
"""

import os
import re
import resource
import sys
from pathlib import Path

import pytest

from wire import free_port, wait_until

COUNT = 10_000 if os.environ.get("POGSON_WIRE_FULL") else 2_000


def test_many_connections_cost_few_descriptors_and_little_memory(way, compiled):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < COUNT + 1000:
        pytest.skip(f"a process may not have {COUNT + 1000} descriptors here")
    held_before = len(list(Path(f"/proc/{way.daemon.pid}/fd").iterdir())) if way.carries else 0
    both = way.start(compiled / "many", COUNT, 3)
    told = lambda: re.findall(r"connections (\d+) held (\d+) kilobytes (-?\d+)\n", both.log.read_text())
    wait_until("all connections", lambda: both.poll() is not None or len(told()) == 2, 400)
    lines = told()
    assert len(lines) == 2, both.log.read_text()
    if way.carries:
        stats = way.stats()
        assert stats["upgraded"] >= 2 * COUNT * 99 // 100, stats
        assert len(list(Path(f"/proc/{way.daemon.pid}/fd").iterdir())) <= held_before + 10
    for connections, held, kilobytes in lines:
        assert int(connections) == COUNT and int(held) < 200
        assert int(kilobytes) * 1024 / COUNT < 8192, f"{int(kilobytes) * 1024 / COUNT} bytes for each connection"
    assert both.wait(60) == 0, both.log.read_text()


ECHO = """if True:
    import socket, sys, threading
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    def echo(one):
        while some := one.recv(1 << 16):
            one.sendall(some)
    while True:
        threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()
"""

TALKS = """if True:
    import os, resource, socket, sys
    def connect(port):
        return socket.create_connection(("127.0.0.1", port))
    def talk(one):
        for number in range(3000):
            said = b"%06d" % number * 10
            one.sendall(said)
            got = b""
            while len(got) < len(said):
                got += one.recv(100)
            assert got == said
    first, second = map(int, sys.argv[1:])
    one, other = connect(first), connect(second)
    talk(one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    held = []
    try:
        while True:
            held.append(os.dup(0))
    except OSError:
        pass
    talk(other)
    print("without descriptors")
    for fd in held:
        os.close(fd)
    last = connect(second)
    for turn in range(20):
        talk(last)
        talk(other)
        talk(one)
    print("done")
"""


def test_who_had_no_descriptor_left_joins_the_other_process_when_there_are_some_again(wire):
    ports = [free_port(), free_port()]
    for port in ports:
        wire.serve(sys.executable, "-c", ECHO, port, port=port)
    run = wire.run(sys.executable, "-c", TALKS, *ports)
    assert run.out == b"without descriptors\ndone\n", run.err
    # The first server's connection, and those to the second from then on.
    wire.used(upgraded=4, bytes_ring=3 * 20 * 3000 * 60)

DRAINS = """if True:
    import socket, sys, time
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    while True:
        one, _ = listener.accept()
        # The test's own look whether somebody listens sends nothing.
        while (some := one.recv(1 << 16)) not in (b"", b"now"):
            one.sendall(some)
        if not some:
            continue
        one.sendall(b"yes")
        time.sleep(0.05)
        while one.recv(1 << 20):
            pass
"""

FILLS = """if True:
    import select, socket, sys
    for turn in range(8):
        one = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        for said in [b"%d" % number for number in range(3000)] + [b"now"]:
            one.sendall(said)
            one.recv(100)
        one.setblocking(False)
        try:
            while True:
                one.send(bytes(100_000))
        except BlockingIOError:
            pass
        polled = select.epoll()
        polled.register(one, select.EPOLLOUT | select.EPOLLET)
        print(turn, polled.poll(20) == [(one.fileno(), select.EPOLLOUT)])
        polled.close()
        one.close()
"""


def test_room_is_an_edge_on_each_of_the_connections_that_follow_one_another(way):
    port = free_port()
    way.serve(sys.executable, "-c", DRAINS, port, port=port)
    run = way.run(sys.executable, "-c", FILLS, port)
    assert run.out.decode() == "".join(f"{turn} True\n" for turn in range(8)), run.err
    way.used(upgraded=16, bytes_ring=8 * 200_000)
