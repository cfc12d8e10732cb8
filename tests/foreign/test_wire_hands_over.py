"""Programs that hand a connection to others: what these send and receive is whole, by the wire as over TCP."""

import re
import sys

import pytest

from wire import PROGRAMS, wait_until

SCRIPT = PROGRAMS / "languages" / "hands_over.py"
WAYS = ["subprocess", "spawn", "shell", "exec", "send_handle"]
# At least; how soon it leaves TCP is a matter of chance.
WARM_BYTES = 50_000


@pytest.mark.parametrize("how", WAYS)
def test_another_program_or_process_goes_on(way, how):
    run = way.run(sys.executable, SCRIPT, how)
    assert re.search(rb"right, 800000 bytes", run.out), run.out + run.err
    way.used(bytes_ring=WARM_BYTES)


@pytest.mark.parametrize("how", ["subprocess", "exec", "send_handle"])
def test_a_connection_is_handed_on_without_a_daemon(wire, tmp_path, how):
    file = tmp_path / "go"
    run = wire.start(sys.executable, SCRIPT, how, file)
    wait_until("a warm connection", lambda: "warm" in run.log.read_text())
    wire.used(bytes_ring=WARM_BYTES)
    wire.daemon.kill()
    wire.daemon.wait()
    file.touch()
    assert run.wait(60) == 0 and "right, 800000 bytes" in run.log.read_text(), run.log.read_text()
