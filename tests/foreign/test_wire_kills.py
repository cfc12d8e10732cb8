"""Either end or the daemon is killed at random moments: the other sees what TCP would show, and nothing of the dead stays.

POGSON_WIRE_KILLS sets how often (1000 in a full run).
"""

import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from wire import wait_until

KILLS = int(os.environ.get("POGSON_WIRE_KILLS", "40"))


@pytest.mark.parametrize("seed", [1, 2])
def test_who_survives_sees_the_end_and_no_wrong_byte(way, compiled, seed):
    run = way.run(compiled / "survive", seed, KILLS // 2, code=None, timeout=120 + KILLS)
    said = run.out.decode()
    assert run.code == 0 and "WRONG" not in said and said.count("received") == KILLS // 2, said[-3000:] + run.err.decode()
    way.used(bytes_ring=1000)


def test_who_survives_keeps_nothing_of_the_dead(wire, compiled):
    said = wire.run(compiled / "survive", 1, KILLS, timeout=120 + KILLS).out.decode()
    held, held_now, mapped, mapped_now = map(int, re.search(r"held (\d+) then, (\d+) now; mapped (\d+) then, (\d+) now", said).groups())
    # What was the last one's may go with the next call.
    assert held_now <= held + 6 and mapped_now <= mapped + 6, said[-300:]


def test_the_daemon_may_die_and_come_back_while_bytes_flow(wire, compiled):
    dice = random.Random(5)
    busy = wire.start(compiled / "torture", 9, max(100_000, KILLS * 500), 2)
    kills = 0
    while busy.poll() is None and kills < 10 * KILLS:
        time.sleep(dice.uniform(0, 0.1))
        wire.daemon.kill()
        wire.daemon.wait()
        kills += 1
        time.sleep(dice.uniform(0, 0.07))
        wire.serve_wire()
    assert busy.wait(120) == 0 and "wrong" not in busy.log.read_text(), busy.log.read_text()
    assert kills > 0


def test_programs_go_on_without_a_daemon(wire, compiled):
    wire.daemon.kill()
    wire.daemon.wait()
    run = wire.run(compiled / "torture", 3, 5000, 1)
    assert b"wrong" not in run.out


CLOSES = """
import socket, struct, sys
listener = socket.create_server(("127.0.0.1", 0))
def pair():
    ours = socket.create_connection(listener.getsockname())
    theirs = listener.accept()[0]
    for _ in range(200):
        ours.sendall(bytes(1000))
        theirs.recv(1000, socket.MSG_WAITALL)
        theirs.sendall(bytes(1000))
        ours.recv(1000, socket.MSG_WAITALL)
    return ours, theirs
kept = pair()
print("joined", flush=True)
input()
for how in ("in order", "with bytes unread", "without lingering"):
    ours, theirs = pair()
    if how == "with bytes unread":
        theirs.sendall(b"unread")
        ours.recv(1, socket.MSG_PEEK)
    if how == "without lingering":
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    ours.close()
    theirs.settimeout(20)
    try:
        print(how, theirs.recv(1), flush=True)
    except OSError as error:
        print(how, type(error).__name__, flush=True)
"""


def test_a_daemon_that_is_stopped_keeps_no_close_back(wire):
    program = wire.start(sys.executable, "-c", CLOSES, stdin=subprocess.PIPE)
    wait_until("its first connection", lambda: b"joined" in program.log.read_bytes())
    wire.daemon.send_signal(signal.SIGSTOP)
    try:
        program.communicate(b"\n", timeout=90)
    finally:
        wire.daemon.send_signal(signal.SIGCONT)
    said = program.log.read_text().splitlines()[1:]
    assert said == ["in order b''", "with bytes unread ConnectionResetError", "without lingering ConnectionResetError"]
