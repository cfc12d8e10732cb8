"""Rust programs that use the crate `pogson-wire-stream`, with programs under `pogson wire run` at the other end, and among themselves."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import ROOT, program
from wire import PROGRAMS, Tcp, free_port

REDIS = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--daemonize", "no"]


@pytest.fixture(scope="session")
def speaker(tmp_path_factory):
    """A Rust program that speaks redis's protocol as server or client."""
    if not shutil.which("cargo"):
        pytest.skip("cargo is not installed")
    target = os.environ.get("CARGO_TARGET_DIR") or ROOT / "target"
    cargo = ["cargo", "build", "--quiet", "--locked", "--release", "--package", "pogson-wire-stream", "--example", "redis"]
    subprocess.run(cargo, check=True, cwd=PROGRAMS, env={**os.environ, "CARGO_TARGET_DIR": str(target)})
    return ROOT / target / "release/examples/redis"


@pytest.fixture
def linked(wire, tmp_path):
    """Programs that find the wire's daemon themselves."""

    class Linked(Tcp):
        def environment(self, env):
            return {**super().environment(env), "POGSON_WIRE_SOCKET": str(wire.socket)}

    one = Linked(tmp_path)
    yield one
    one.close()


@pytest.mark.parametrize("server", ["serve", "serve-tasks"])
@pytest.mark.parametrize(("clients", "size"), [(1, 64), (20, 300), (4, 60000)])
def test_a_rust_server_answers_a_benchmark_under_the_wire(wire, linked, speaker, server, clients, size):
    port = free_port()
    linked.serve(speaker, server, port, port=port)
    count = 2000 if size > 1000 else 20000
    benchmark = ["-p", port, "-t", "ping,set,get", "-n", count, "-c", clients, "-d", size, "--csv"]
    run = wire.run(program("redis-benchmark"), *benchmark, timeout=300)
    assert len(re.findall(r'^"', run.out.decode(), re.MULTILINE)) >= 4, run.out
    wire.used(bytes_ring=count * size // 2, upgraded=2 * clients)


def test_a_rust_client_goes_on_by_tcp_with_a_program_that_gets_the_descriptor_by_exec(wire, linked, speaker):
    port = free_port()
    echo = f"""if True:
        import os, socket
        listener = socket.create_server(("127.0.0.1", {port}))
        # The first one is the test's, which looks whether somebody listens.
        listener.accept()
        one, _ = listener.accept()
        echoed = 0
        while echoed < 20_000_000:
            some = one.recv(100_000)
            one.sendall(some)
            echoed += len(some)
        os.dup2(one.fileno(), 0)
        os.dup2(one.fileno(), 1)
        os.execv("/bin/cat", ["cat"])
    """
    wire.serve(sys.executable, "-c", echo, port=port)
    assert linked.run(speaker, "echo", port, 60_000_000).out == b"memory, then tcp\n"
    wire.used(bytes_ring=5_000_000, upgraded=1)


@pytest.mark.parametrize("server", ["serve", "serve-tasks"])
def test_a_rust_server_answers_a_benchmark_by_tcp(wire, linked, tcp, speaker, server):
    port = free_port()
    linked.serve(speaker, server, port, port=port)
    tcp.run(program("redis-benchmark"), "-p", port, "-t", "set,get", "-n", 5000, "-c", 5, "-d", 300)
    wire.unused()


def test_a_rust_client_gets_its_values_from_redis_under_the_wire(wire, linked, speaker):
    port = free_port()
    wire.serve(program("redis-server"), "--port", port, *REDIS, port=port)
    assert linked.run(speaker, "ask", port, 20000).out == b"memory\n"
    wire.used(bytes_ring=20000 * 1000, upgraded=2)


def test_a_rust_client_gets_its_values_from_redis_by_tcp(wire, linked, tcp, speaker):
    port = free_port()
    tcp.serve(program("redis-server"), "--port", port, *REDIS, port=port)
    assert linked.run(speaker, "ask", port, 2000).out == b"tcp\n"
    wire.unused()


def test_rust_programs_under_the_wire_leave_it_to_the_library(wire, linked, speaker):
    port = free_port()
    wire.serve(speaker, "serve-tasks", port, port=port)
    # The one under the wire does nothing itself, and what the library does for it meets the other's own.
    assert wire.run(speaker, "ask", port, 5000).out == b"tcp\n"
    assert linked.run(speaker, "ask", port, 5000).out == b"memory\n"
    wire.used(bytes_ring=2 * 5000 * 1000, upgraded=4)
