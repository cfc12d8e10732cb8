"""Programs that measure networks, under the wire and over TCP: iperf3, NetPIPE, sockperf, OpenMPI's TCP."""

import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import program
from wire import free_port, wait_until


@pytest.mark.parametrize("options", [[], ["-R"], ["--bidir"], ["-P", "3"], ["-Z"], ["-l", "1K"]], ids=lambda o: " ".join(o) or "plain")
def test_iperf3_moves_bytes(way, options):
    port = free_port()
    server = way.start(program("iperf3"), "-s", "-1", "-p", port, "-B", "127.0.0.1", name="server")
    wait_until("the server", lambda: "listening" in server.log.read_text() or listens_in_table(port))
    run = way.run("iperf3", "-c", "127.0.0.1", "-p", port, "-n", "80M", "-J", *options, timeout=120)
    figures = json.loads(run.out)
    assert "error" not in figures, figures["error"]
    # With both directions at once, the client ends when either has sent its bytes: how they share is the scheduler's.
    assert sum(figures["end"].get(end, {"bytes": 0})["bytes"] for end in ("sum_received", "sum_received_bidir_reverse")) >= 50_000_000
    assert server.wait(30) == 0
    way.used(bytes_ring=20_000_000, upgraded=2)


def listens_in_table(port):
    """Whether the port is listened on, without connecting to it: the server takes one test only."""
    run = subprocess.run(["ss", "-Hltn", f"sport = :{port}"], capture_output=True, text=True)
    return str(port) in run.stdout


def test_netpipe_finds_its_bytes_right(way):
    port = free_port()
    receiver = way.start(program("NPtcp"), "-P", port, "-i", "-u", "300000", name="receiver")
    wait_until("the receiver", lambda: listens_in_table(port))
    # -i compares each byte instead of measuring.
    run = way.run("NPtcp", "-h", "127.0.0.1", "-P", port, "-i", "-u", "300000", timeout=300)
    said = (run.out + run.err).decode()
    assert "Integrity check passed" in said and "failed" not in said, said
    wait_until("the receiver's end", lambda: receiver.poll() is not None)
    way.used(bytes_ring=1_000_000, upgraded=2)


@pytest.mark.parametrize("mode", ["ping-pong", "throughput", "under-load"])
def test_sockperf_loses_no_message(way, mode):
    port = free_port()
    # On one core, for it has room for the figures of 600,000 round trips a second at most.
    core = [program("taskset"), "-c", str(min(os.sched_getaffinity(0)))]
    way.serve(*core, program("sockperf"), "server", "--tcp", "-i", "127.0.0.1", "-p", port, port=port, name="server")
    size = "1400" if mode == "throughput" else "64"
    run = way.run(*core, "sockperf", mode, "--tcp", "-i", "127.0.0.1", "-p", port, "-t", "1", "-m", size, timeout=60)
    said = (run.out + run.err).decode()
    assert "Test ended" in said or "Summary" in said, said
    if mode != "throughput":
        assert re.search(r"dropped messages = 0.*duplicated messages = 0.*out-of-order messages = 0", said), said
    way.used(bytes_ring=10_000, upgraded=2)


MPI = r"""
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static unsigned char byte(long i, int rank) { return (unsigned char)((i * 2654435761u >> 7) ^ rank * 77); }
int main(int argc, char **argv) {
    int rank, size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank), MPI_Comm_size(MPI_COMM_WORLD, &size);
    int to = (rank + 1) % size, from = (rank + size - 1) % size;
    long total = 0;
    for (int round = 0; round < 400; round++) {
        long n = round % 40 == 39 ? 2000000 : 1 + round * 37L;
        unsigned char *a = malloc(n), *b = malloc(n);
        for (long i = 0; i < n; i++) a[i] = byte(i + round, rank);
        MPI_Sendrecv(a, n, MPI_BYTE, to, round, b, n, MPI_BYTE, from, round, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        for (long i = 0; i < n; i++)
            if (b[i] != byte(i + round, from)) { printf("wrong at %ld of %d\n", i, round); MPI_Abort(MPI_COMM_WORLD, 1); }
        total += n;
        free(a), free(b);
    }
    long sum = 0;
    MPI_Allreduce(&total, &sum, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
    if (rank == 0) printf("right, %ld bytes\n", sum);
    MPI_Finalize();
}
"""


def test_openmpi_passes_messages_by_its_tcp(way, tmp_path):
    mpirun, mpicc = program("mpirun"), program("mpicc")
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    (tmp_path / "ring.c").write_text(MPI)
    subprocess.run([mpicc, "-O1", "-o", tmp_path / "ring", tmp_path / "ring.c"], check=True)
    run = way.run(
        mpirun, "--allow-run-as-root", "--oversubscribe", "-np", 3, "--mca", "btl", "tcp,self", "--mca", "pml", "ob1", "--mca", "btl_tcp_if_include", "lo",
        "--mca", "oob_tcp_if_include", "lo", tmp_path / "ring", timeout=180,
    )
    assert b"right, " in run.out, run.out + run.err
    way.used(bytes_ring=20_000_000, upgraded=6)
