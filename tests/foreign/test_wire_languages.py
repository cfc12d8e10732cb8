"""Programs of other languages' run times, under the wire and over TCP: CPython, Java, Node.js, Go."""

import os
import re
import subprocess
import sys

import pytest

from conftest import program
from wire import PROGRAMS, wait_until

LANGUAGES = PROGRAMS / "languages"


def right(run):
    """How many bytes a program found right."""
    found = re.search(rb"right, (\d+) bytes", run.out)
    assert found, run.out + run.err
    return int(found[1])


def told(server, what):
    """Numbers that a server tells in its first line."""
    line = wait_until("the server", lambda: re.search(rf"{what} ([\d ]+)\n", server.log.read_text()))
    return line[1].split()


@pytest.mark.parametrize("script", ["asyncio_both.py", "threads_both.py"])
def test_servers_and_clients_of_python_exchange_bytes(way, script):
    total = right(way.run(sys.executable, LANGUAGES / script, timeout=180))
    way.used(bytes_ring=total)


def test_channels_and_streams_of_java_exchange_bytes(way, tmp_path):
    java, javac = program("java"), program("javac")
    subprocess.run([javac, "-d", tmp_path, LANGUAGES / "Nio.java"], check=True)
    server = way.start(java, "-Xmx300m", "-cp", tmp_path, "Nio", "serve", name="server")
    (port,) = told(server, "port")
    total = right(way.run(java, "-Xmx300m", "-cp", tmp_path, "Nio", port, timeout=180))
    way.used(bytes_ring=total, upgraded=8)


def test_servers_and_clients_of_node_exchange_bytes(way):
    node = program("node")
    server = way.start(node, LANGUAGES / "both.js", "serve", name="server")
    total = right(way.run(node, LANGUAGES / "both.js", *told(server, "ports"), timeout=180))
    way.used(bytes_ring=total, upgraded=4)


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    """The program of Go, compiled."""
    folder = tmp_path_factory.mktemp("go")
    env = {**os.environ, "GOCACHE": str(folder / "cache"), "GO111MODULE": "off", "GOFLAGS": "-p=2"}
    subprocess.run([program("go"), "build", "-o", folder / "both", LANGUAGES / "both.go"], check=True, env=env)
    return folder / "both"


def test_programs_of_go_stay_on_tcp_and_work(way, go):
    (port,) = told(way.start(go, "serve", name="server"), "port")
    right(way.run(go, port, timeout=180))
    if way.carries:
        way.unused()


def test_a_program_of_c_talks_to_one_of_go_by_tcp(way, go, tmp_path):
    """One end that cannot use the wire keeps both on TCP."""
    (port,) = told(way.start(go, "serve", name="server"), "port")
    script = tmp_path / "client.py"
    script.write_text(
        "import socket, sys, os\n"
        "one = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=60)\n"
        "for i in range(500):\n"
        "    data = os.urandom(1 + i * 17); one.sendall(data)\n"
        "    assert one.recv(len(data), socket.MSG_WAITALL) == data\n"
        "one.shutdown(socket.SHUT_WR); assert one.recv(1) == b''; print('right, 1 bytes')\n"
    )
    right(way.run(sys.executable, script, port))
    if way.carries:
        way.unused()
