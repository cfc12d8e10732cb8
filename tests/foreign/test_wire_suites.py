"""Test suites of foreign programs, under the wire and over TCP: what fails by the one fails by the other, and nothing else.

POGSON_WIRE_FULL=1 runs them whole.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import program

FULL = bool(os.environ.get("POGSON_WIRE_FULL"))
PYTHON = "/usr/bin/python3.11"

# Sockets of virtual machines wait for a host that need not be there.
CPYTHON = {
    "test_socket": ["-i", "*Vsock*", "-i", "*VSOCK*"],
    "test_selectors": [],
    "test_ssl": [] if FULL else ["-m", "*ThreadedTests*"],
    "test_asyncio": [] if FULL else ["-m", "*test_streams*", "-m", "*test_sock_lowlevel*", "-m", "*test_sendfile*", "-m", "*test_server*"],
}


def outcomes(text):
    """Names of tests and how each ended, of unittest's verbose output."""
    found = re.findall(r"^(\w+ \([\w.]+\)).*?\.\.\. (?:.*?)(ok|FAIL|ERROR|skipped|expected failure)\b", text, re.MULTILINE | re.DOTALL)
    return {name: how for name, how in found}


def cpython(way, module):
    run = way.run(
        PYTHON, "-m", "test", "-v", "--timeout", "300", *CPYTHON[module], module, code=None, timeout=900,
        env={"TMPDIR": str(way.folder), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    text = run.out.decode(errors="replace") + run.err.decode(errors="replace")
    ran = re.search(r"^Ran (\d+) tests? in", text, re.MULTILINE)
    assert ran, text[-3000:]
    return run.code, int(ran[1]), outcomes(text), text


@pytest.mark.parametrize("module", CPYTHON)
def test_cpythons_own_tests_end_as_by_tcp(tcp, request, module):
    if not os.path.exists(f"/usr/lib/python3.11/test/{module}") and not os.path.exists(f"/usr/lib/python3.11/test/{module}.py"):
        pytest.skip("libpython3.11-testsuite is not installed")
    code, count, by_tcp, _ = cpython(tcp, module)
    assert count > 20 and by_tcp
    wire = request.getfixturevalue("wire")
    other_code, other_count, by_wire, text = cpython(wire, module)
    different = {name: (how, by_wire.get(name)) for name, how in by_tcp.items() if by_wire.get(name) != how}
    assert not different, f"{different}\n{text[-3000:]}"
    assert (other_code, other_count) == (code, count)


REDIS = ["unit/type/string", "unit/pubsub", "unit/multi", "unit/protocol", "unit/networking", "unit/querybuf", "unit/limits"]
REDIS_FULL = REDIS + [
    "unit/type/list", "unit/type/hash", "unit/type/zset", "unit/type/set", "unit/type/stream", "unit/dump", "unit/auth", "unit/acl", "unit/scan",
    "unit/info", "unit/expire", "unit/other", "unit/obuf-limits", "unit/client-eviction", "unit/tracking", "unit/pause", "unit/introspection",
    "unit/keyrange", "unit/scripting", "unit/bitops", "unit/sort", "unit/hyperloglog", "unit/maxmemory", "integration/replication",
    "integration/replication-psync", "integration/block-repl", "integration/redis-cli", "integration/redis-benchmark", "integration/failover",
]


@pytest.fixture(scope="module")
def redis_source(tmp_path_factory):
    """Redis's source with the installed programs in place of built ones, as Debian has it for the installed version."""
    folder = tmp_path_factory.mktemp("redis-source")
    program("tclsh"), program("apt-get"), program("tar"), program("redis-server")
    (folder / "lists/partial").mkdir(parents=True)
    # The sources of the very packages that this machine's programs come from.
    (folder / "parts").mkdir()
    for listed in [Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d/debian.sources")]:
        if listed.exists():
            text = re.sub(r"^(Types:\s*)deb\b.*$", r"\1deb-src", listed.read_text(), flags=re.MULTILINE)
            (folder / "parts" / listed.name.replace("sources.list", "main.list")).write_text(re.sub(r"^deb\b", "deb-src", text, flags=re.MULTILINE))
    apt = [
        "apt-get", "-q", "-o", "Dir::Etc::sourcelist=/dev/null", "-o", f"Dir::Etc::sourceparts={folder}/parts",
        "-o", f"Dir::State::lists={folder}/lists", "-o", "APT::Sandbox::User=root",
    ]
    installed = subprocess.run(["dpkg-query", "-W", "-f", "${source:Version}", "redis-server"], capture_output=True, text=True).stdout
    for command in (["update"], ["source", "--download-only", f"redis={installed}"]):
        run = subprocess.run([*apt, *command], cwd=folder, capture_output=True, text=True, timeout=300)
        if run.returncode:
            pytest.skip(f"redis's source cannot be fetched here: {run.stderr.strip().splitlines()[-1:]}")
    archive = next(folder.glob("redis_*.orig.tar.*"))
    subprocess.run(["tar", "xf", archive], cwd=folder, check=True)
    source = next(path for path in folder.iterdir() if path.is_dir() and path.name.startswith("redis-"))
    for name in ("redis-server", "redis-cli", "redis-benchmark", "redis-check-aof", "redis-check-rdb", "redis-sentinel"):
        if path := shutil.which(name):
            (source / "src" / name).symlink_to(path)
    return source


def redis_suite(way, source):
    """What passed and what failed."""
    singles = [word for unit in (REDIS_FULL if FULL else REDIS) for word in ("--single", unit)]
    run = way.run(
        "tclsh", "tests/test_helper.tcl", "--clients", "2", "--tags", "-slow -needs:debug -large-memory", "--timeout", "300", *singles,
        cwd=source, code=None, timeout=3000,
    )
    text = re.sub(r"\x1b\[[0-9;]*m", "", run.out.decode(errors="replace"))
    passed = re.findall(r"^\[ok\]: (.*?)(?: \(\d+ ms\))?$", text, re.MULTILINE)
    failed = re.findall(r"^\[(?:err|exception)\]: (.*?)(?: in tests/.*)?$", text, re.MULTILINE)
    return sorted(passed), sorted(failed), text


def test_rediss_own_tests_end_as_by_tcp(tcp, request, redis_source):
    passed, failed, text = redis_suite(tcp, redis_source)
    assert len(passed) > 100, text[-3000:]
    wire = request.getfixturevalue("wire")
    also_passed, also_failed, text = redis_suite(wire, redis_source)
    assert set(also_failed) <= set(failed), (set(also_failed) - set(failed), text[-3000:])
    assert set(passed) <= set(also_passed) | set(failed), (set(passed) - set(also_passed), text[-3000:])
    wire.used(bytes_ring=100_000)
