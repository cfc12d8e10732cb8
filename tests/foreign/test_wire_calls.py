"""Programs that use a connection in every way: what they see by the wire is what they see by TCP."""

import re

import pytest

from wire import Tcp, Wire, cases, without_wire

# What is known to differ still.
NOT_YET = {
    "sending_times_out": "what it counts as sent is not steady on a busy machine, over TCP either",
}

ALL = [(name, case) for name in ("calls", "waits", "ends", "holders", "handed", "signals") for case in cases(name)]


def transcript(way, program, case, **env):
    """What both ends said, and what is told beside it."""
    said = way.run(program, case, env=env, timeout=120).out.decode().splitlines()
    return [line for line in said if not line.startswith("#")], [line for line in said if line.startswith("#")]


def same_both_ways(pogson, tmp_path, program, case, upgrades=True, **env):
    if case in NOT_YET:
        pytest.skip(NOT_YET[case])
    plain, _ = transcript(Tcp(tmp_path), program, case, **env)
    wrong = [line for line in plain if "WRONG" in line or "FAILED" in line]
    assert not wrong and plain, wrong
    if why := without_wire(pogson):
        pytest.skip(f"over TCP it is right, but {why}")
    wire = Wire(pogson, tmp_path)
    try:
        carried, beside = transcript(wire, program, case, **env, **({"WIRE_EXPECT": "1"} if upgrades else {}))
        assert carried == plain
        if upgrades:
            assert beside == ["#near upgraded 1"]
            wire.used(bytes_ring=64)
        else:
            assert beside == ["#near upgraded 0"]
            wire.unused()
    finally:
        wire.close()


@pytest.mark.parametrize(("name", "case"), ALL, ids=[f"{name}-{case}" for name, case in ALL])
def test_a_program_sees_by_the_wire_what_it_sees_by_tcp(pogson, tmp_path, compiled, name, case):
    same_both_ways(pogson, tmp_path, compiled / name, case)


@pytest.mark.parametrize("case", cases("calls"))
def test_programs_with_checked_calls_see_the_same(pogson, tmp_path, compiled, case):
    same_both_ways(pogson, tmp_path, compiled / "calls_fortified", case)


@pytest.mark.parametrize(("name", "case"), [
    ("calls", "every_pair"), ("waits", "epoll_edge_both_ways"), ("ends", "closed_with_bytes_unread"), ("holders", "fork_per_connection"),
])
def test_connections_of_version_6_see_the_same(pogson, tmp_path, compiled, name, case):
    same_both_ways(pogson, tmp_path, compiled / name, case, WIRE_FAMILY="6")


def test_a_signal_is_enough_for_threads_that_look_long_before_they_sleep(wire, compiled):
    env = {"POGSON_WIRE_SPIN_US": "10000", "WIRE_COUNTS": "1", "WIRE_EXPECT": "1"}
    at_the_first = [0]
    # On a busy machine a signal may come before the call, as over TCP.
    while max(at_the_first) < 198 and len(at_the_first) < 4:
        said = wire.run(compiled / "signals", "without_SA_RESTART_one_signal_is_enough", env=env).out.decode()
        at_the_first.append(int(re.search(r"#far at the first (\d+)", said)[1]))
    assert max(at_the_first) >= 198, at_the_first


@pytest.mark.parametrize(("name", "case"), [(name, case) for name in ("calls", "waits", "signals") for case in cases(name)])
def test_programs_of_another_C_library_see_the_same(pogson, tmp_path, monkeypatch, musl, name, case):
    monkeypatch.setenv("POGSON_WIRE_PRELOAD", str(musl / "preload.so"))
    same_both_ways(pogson, tmp_path, musl / name, case)


def test_a_static_program_stays_on_tcp_and_works(pogson, tmp_path, compiled):
    same_both_ways(pogson, tmp_path, compiled / "calls_static", "every_pair", upgrades=False)
