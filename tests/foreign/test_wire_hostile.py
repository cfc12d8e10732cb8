"""Programs whose other end breaks the rules: they get a broken connection, as from who sends nonsense by TCP, and live on."""

import sys

import pytest

from wire import PROGRAMS, Tcp, free_port, wait_until

# Tells how its calls on the connection ended; then whether a connection with itself still works.
VICTIM = """
import errno, socket, struct, sys, threading
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listens", flush=True)
one, _ = listening.accept()
got = b""
while len(got) < 40000:
    got += one.recv(1 << 16)
one.sendall(bytes(40000))
one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 300000))
def ends(call):
    late = 0
    while True:
        try:
            if call() == b"":
                return "the end"
        except BlockingIOError:
            late += 1
        except OSError as error:
            return errno.errorcode[error.errno] + (" after a time-out" if late else "")
if sys.argv[2] == "sends":
    print("outcome:", ends(lambda: one.send(bytes(5000))), flush=True)
else:
    print("outcome:", ends(lambda: one.recv(1 << 16)), flush=True)
one.close()
near = socket.create_connection(listening.getsockname())
far, _ = listening.accept()
def echo():
    while data := far.recv(1 << 16):
        far.sendall(data)
    far.close()
threading.Thread(target=echo).start()
for i in range(300):
    near.sendall(bytes([i % 256]) * 900)
    assert near.recv(900, socket.MSG_WAITALL) == bytes([i % 256]) * 900
near.close()
print("lives", flush=True)
"""

BROKEN = {"ECONNRESET"}
GONE = {"ECONNRESET", "EPIPE"}


@pytest.mark.parametrize(("manner", "does", "outcomes"), [
    ("tail from nowhere", "receives", BROKEN),
    ("boundary in the past", "receives", BROKEN),
    ("head from nowhere", "sends", BROKEN),
    ("any words", "receives", BROKEN | {"the end"}),
    ("memory taken away", "receives", BROKEN | {"the end"}),
    ("stops reading", "sends", {f"{error} after a time-out" for error in GONE}),
    ("another version", "receives", {"the end"}),
])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_program_outlives_an_end_that_breaks_the_rules(wire, tmp_path, manner, does, outcomes, seed):
    port = free_port()
    (tmp_path / "victim.py").write_text(VICTIM)
    victim = wire.start(sys.executable, tmp_path / "victim.py", port, does, name="victim")
    wait_until("the victim", lambda: "listens" in victim.log.read_text())
    # Without the library: it is its own.
    hostile = [sys.executable, PROGRAMS / "hostile.py", manner, wire.socket, port, seed]
    said = Tcp(tmp_path).run(*hostile, timeout=60).out.decode()
    assert "shrunk" not in said and "refused False" not in said
    assert victim.wait(60) == 0, victim.log.read_text()
    text = victim.log.read_text()
    outcome = next(line for line in text.splitlines() if line.startswith("outcome: "))
    assert outcome.removeprefix("outcome: ") in outcomes and "lives" in text, text
    if manner == "another version":
        assert "refused True" in said
    # The daemon has heard nothing of it that upset it.
    assert wire.stats()["pairs"] >= 1
