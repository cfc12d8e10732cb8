"""Plan classes for graphics processors through the server: emulated hosts of three makers ask as clients do."""

import json

import pytest

from crowd_server import Crowd, Server, make_units


@pytest.fixture
def server(pogson, tmp_path):
    """A project with a version for processors, one for NVIDIA's cards from compute capability 7.0 on, one for AMD's."""
    server = Server(pogson.path, tmp_path / "project", settings={
        "scheduler.request_delay": 0.0, "scheduler.daily_quota": 100000, "server.disk_reserve": 0})
    server.run("app", "add", server.folder, "toy")
    for number, words in enumerate(([], ["--plan-class", "cuda", "--coprocessor", "NVIDIA", "--least-capability", "7.0", "--least-driver", 45080],
                                    ["--plan-class", "opencl_ati", "--coprocessor", "ATI", "--coprocessors", 0.5, "--least-opencl", "2.0"])):
        program = tmp_path / f"program_{number}"
        program.write_text(f"#!/bin/sh\nexit {number}\n")
        server.run("app", "version", server.folder, "toy", program, "--number", 100, *words)
    yield server
    server.stop()


def sent(server):
    """Kind of accelerator of the version, kinds of the host, of each result that was sent."""
    rows = server.rows(
        "select versions.coprocessor, hosts.coprocessors from results join versions on versions.id = results.version_id "
        "join hosts on hosts.id = results.host_id")
    return [(version, [kind for kind, _ in json.loads(host)]) for version, host in rows]


def test_hosts_that_want_work_for_their_graphics_processor_alone_get_no_other(server):
    make_units(server, "u", 400)
    server.start()
    crowd = Crowd(server, "--hosts", 80, "--rate", 80, "--seconds", 8, "--drain", 5, "--gpus", 0.6, "--gpu-only")
    told = crowd.wait(60)
    assert told["errors"] == {}, told["errors"]
    found = sent(server)
    assert {version for version, _ in found} == {"", "NVIDIA", "ATI"}
    for version, kinds in found:
        assert kinds == ([version] if version else []), (version, kinds)
    told_why = " ".join(told["messages"])
    assert "not for the processors or accelerators" in told_why, told["messages"]
    server.run("check", server.folder)


def test_hosts_that_want_both_get_both(server):
    make_units(server, "u", 400)
    server.start()
    crowd = Crowd(server, "--hosts", 40, "--rate", 80, "--seconds", 6, "--drain", 5, "--gpus", 1, "--tasks", 3)
    told = crowd.wait(60)
    assert told["errors"] == {}, told["errors"]
    found = sent(server)
    assert all(version in kinds or version == "" for version, kinds in found)
    assert {version for version, kinds in found if "NVIDIA" in kinds} == {"", "NVIDIA"}
    assert {version for version, kinds in found if "ATI" in kinds} == {"", "ATI"}
    assert {version for version, kinds in found if "intel_gpu" in kinds} == {""}
    server.run("check", server.folder)
