"""Programs of one machine that talk by AF_VSOCK: what they see by the wire is what they see by vsock alone.

On this machine where it can connect to itself (the kernel's vsock_loopback), and in a virtual one.
"""

import json
import os
import shutil
import socket

import guests
import pytest

from wire import Tcp, Wire, cases, wait_until, without_wire

MODULES = ["net/vmw_vsock/vsock", "net/vmw_vsock/vmw_vsock_virtio_transport_common", "net/vmw_vsock/vsock_loopback"]

# Of the cases for TCP, some of each kind that mean the same here.
OTHERS = [
    ("calls", "text_by_stdio"), ("calls", "text_by_dprintf"), ("calls", "nothing_is_sent_by_empty_calls"),
    ("waits", "room_comes_back"), ("waits", "epoll_edge_both_ways"), ("waits", "low_water_mark"), ("waits", "epoll_within_epoll"),
    ("ends", "closing_wakes_the_other_end_that_writes"),
    ("holders", "fork_per_connection"), ("handed", "another_program_goes_on"),
]
ALL = [("vsock", case) for case in cases("vsock")] + OTHERS
PROGRAMS = [*dict.fromkeys(name for name, _ in ALL), "goes_on"]


class Here:
    """This machine."""

    name = "here"

    def __init__(self, pogson, compiled, folder):
        self.compiled = compiled
        self.ways = {False: Tcp(folder), True: Wire(pogson, folder)}

    def run(self, program, case, carried, env):
        return self.ways[carried].run(self.compiled / program, case, env=env).out.decode()

    def stats(self):
        return self.ways[True].stats()

    def close(self):
        self.ways[True].close()


class There:
    """A virtual machine with nothing but a loopback."""

    name = "guest"

    def __init__(self, pogson, compiled, folder):
        library = os.environ.get("POGSON_WIRE_PRELOAD")
        files = {"lib/preload.so": library} if library else {}
        image = guests.system(folder, [pogson.path, *(compiled / name for name in PROGRAMS)], files, MODULES)
        self.way = "LD_PRELOAD=/lib/preload.so POGSON_WIRE_SOCKET=/run/wire " if library else "pogson wire run --socket /run/wire -- "
        self.guest = guests.Guest("vsock", folder, image, [])
        try:
            self.guest.do("(pogson wire serve --socket /run/wire) > /run/log 2>&1 < /dev/null & true")
            wait_until("the daemon", self.stats)
        except BaseException:
            self.close()
            raise

    def run(self, program, case, carried, env):
        set_to = "".join(f"{name}={value} " for name, value in env.items())
        # Variables go to what `run` begins.
        return self.guest.do(f"{set_to}{self.way if carried else ''}timeout 60 {program} {case}")

    def stats(self):
        said = self.guest.do("pogson wire stats --socket /run/wire --json 2>/dev/null || true")
        return json.loads(said[said.index("{"):]) if "{" in said else None

    def close(self):
        self.guest.close()


def without_loopback():
    """Why vsock cannot be had here, or None."""
    try:
        with socket.socket(socket.AF_VSOCK) as listens, socket.socket(socket.AF_VSOCK) as connects:
            listens.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY))
            listens.listen()
            connects.settimeout(2)
            connects.connect((1, listens.getsockname()[1]))
    except OSError as why:
        return f"this machine has no vsock_loopback ({why})"
    return None


def without_guest():
    """Why no virtual machine can be had, or None."""
    for name in ["qemu-system-x86_64", "busybox", "cpio", "strip"]:
        if not shutil.which(name):
            return f"{name} is not installed"
    kernel = guests.kernel()
    if not kernel or not (kernel[1] / f"{MODULES[-1]}.ko").exists():
        return "no kernel with vsock_loopback.ko is in /boot and /lib/modules"
    return None


@pytest.fixture(scope="module", params=["here", "guest"])
def machine(request, pogson, compiled, tmp_path_factory):
    """A machine with a daemon."""
    if why := without_wire(pogson) or (without_loopback() if request.param == "here" else without_guest()):
        pytest.skip(why)
    one = (Here if request.param == "here" else There)(pogson, compiled, tmp_path_factory.mktemp("vsock"))
    yield one
    one.close()


def transcript(machine, program, case, carried, **env):
    """What both ends said, and what is told beside it."""
    said = [line for line in machine.run(program, case, carried, {"WIRE_FAMILY": "vsock:1", **env}).splitlines() if line]
    return [line for line in said if not line.startswith("#")], [line for line in said if line.startswith("#")]


@pytest.mark.parametrize(("program", "case"), ALL, ids=[f"{program}-{case}" for program, case in ALL])
def test_a_program_sees_by_the_wire_what_it_sees_by_vsock(machine, program, case):
    plain, _ = transcript(machine, program, case, False)
    wrong = [line for line in plain if "WRONG" in line or "FAILED" in line]
    assert not wrong and plain, plain
    before = machine.stats()["bytes_ring"]
    carried, beside = transcript(machine, program, case, True, WIRE_EXPECT="1")
    assert carried == plain
    assert beside == ["#near upgraded 1"]
    assert machine.stats()["bytes_ring"] >= before + 64


def test_a_stream_leaves_vsock_in_its_midst(machine):
    before = machine.stats()["bytes_ring"]
    plain, _ = transcript(machine, "vsock", "a_stream", False, WIRE_COLD="1")
    assert transcript(machine, "vsock", "a_stream", True, WIRE_COLD="1") == (plain, [])
    carried = machine.stats()["bytes_ring"] - before
    print(f"{carried} of 6000000 bytes by the ring")
    assert carried > 2000000


def test_bytes_that_no_library_has_seen_keep_a_connection_on_vsock(machine):
    plain, _ = transcript(machine, "vsock", "both_ways_at_once", False, WIRE_PAST="1")
    carried, beside = transcript(machine, "vsock", "both_ways_at_once", True, WIRE_PAST="1")
    assert carried == plain
    assert beside == ["#near upgraded 0"]


def test_the_context_of_a_host_is_its_own(machine):
    if machine.name == "here":
        pytest.skip("whether this machine is a host or a guest is not known")
    _, beside = transcript(machine, "vsock", "half_closed", True, WIRE_FAMILY="vsock:2", WIRE_EXPECT="1")
    assert beside == ["#near upgraded 1"]
