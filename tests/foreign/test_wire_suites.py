"""Test suites of foreign programs, under the wire and over TCP: what fails by the one fails by the other, and nothing else.

POGSON_WIRE_FULL=1 runs them whole.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from conftest import program
from test_wire_postgres import Postgres
from wire import Tcp

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
    "unit/scripting", "unit/bitops", "unit/sort", "unit/hyperloglog", "unit/maxmemory", "integration/replication",
    "integration/replication-psync", "integration/block-repl", "integration/redis-cli", "integration/redis-benchmark", "integration/failover",
]


def fetch_source(folder, package, *versions):
    """Unpacks the first version of a Debian source package that can be had, from the sources that this machine's programs come from."""
    program("apt-get"), program("tar")
    (folder / "lists/partial").mkdir(parents=True)
    (folder / "parts").mkdir()
    for listed in [Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d/debian.sources")]:
        if listed.exists():
            text = re.sub(r"^(Types:\s*)deb\b.*$", r"\1deb-src", listed.read_text(), flags=re.MULTILINE)
            (folder / "parts" / listed.name.replace("sources.list", "main.list")).write_text(re.sub(r"^deb\b", "deb-src", text, flags=re.MULTILINE))
    from_sources = ["-q", "-o", "Dir::Etc::sourcelist=/dev/null", "-o", f"Dir::Etc::sourceparts={folder}/parts", "-o", f"Dir::State::lists={folder}/lists"]
    apt = ["apt-get", *from_sources, "-o", "APT::Sandbox::User=root"]
    said = subprocess.run([*apt, "update"], cwd=folder, capture_output=True, text=True, timeout=300).stderr
    offered = subprocess.run(["apt-cache", *from_sources, "showsrc", package], cwd=folder, capture_output=True, text=True).stdout
    for version in dict.fromkeys([*versions, *re.findall(r"^Version: (\S+)", offered, re.MULTILINE)]):
        run = subprocess.run([*apt, "source", "--download-only", f"{package}={version}"], cwd=folder, capture_output=True, text=True, timeout=300)
        if run.returncode == 0:
            archive = next(folder.glob(f"{package}_*.orig.tar.*"))
            subprocess.run(["tar", "xf", archive], cwd=folder, check=True)
            return next(path for path in folder.iterdir() if path.is_dir() and path.name.startswith(package))
        said = run.stderr
    pytest.skip(f"the source of {package} cannot be fetched here: {said.strip().splitlines()[-1:]}")


def installed(package):
    """Version of the source that an installed package comes from."""
    return subprocess.run(["dpkg-query", "-W", "-f", "${source:Version}", package], capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def redis_source(tmp_path_factory):
    """Redis's source with the installed programs in place of built ones, as Debian has it for the installed version."""
    program("tclsh"), program("redis-server")
    source = fetch_source(tmp_path_factory.mktemp("redis-source"), "redis", installed("redis-server"))
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


# What is run without POGSON_WIRE_FULL: what later tests need, and what sends much or much of a kind.
POSTGRES = [
    "test_setup", "boolean", "char", "int4", "int8", "numeric", "text", "date", "timestamp", "strings", "create_index", "copy", "copydml", "insert",
    "create_misc", "create_table", "select", "join", "aggregates", "transactions", "portals", "prepare", "temp", "plpgsql", "json", "jsonb", "largeobject",
    "async",
]


@pytest.fixture(scope="module")
def postgres_source():
    """Folder with PostgreSQL's regression tests, and their library compiled; its server's user may write there."""
    config, gcc = program("pg_config"), program("gcc")
    ask = lambda what: Path(subprocess.run([config, what], capture_output=True, text=True, check=True).stdout.strip())
    runner = ask("--pgxs").parent.parent / "test/regress/pg_regress"
    headers = ask("--includedir-server")
    if not runner.exists() or not headers.exists():
        pytest.skip("PostgreSQL's headers and pg_regress are not installed (postgresql-server-dev)")
    major = re.search(r" (\d+)", subprocess.run([config, "--version"], capture_output=True, text=True).stdout)[1]
    folder = Path(tempfile.mkdtemp(prefix="wire-postgres-source-"))
    folder.chmod(0o755)
    regress = fetch_source(folder, f"postgresql-{major}", installed(f"postgresql-{major}")) / "src/test/regress"
    subprocess.run([gcc, "-O1", "-w", "-fPIC", "-shared", f"-I{headers}", "-o", regress / "regress.so", regress / "regress.c"], check=True)
    for name in ("refint", "autoinc"):
        shutil.copy(ask("--pkglibdir") / f"{name}.so", regress)
    yield runner, regress
    shutil.rmtree(folder, ignore_errors=True)


def postgres_suite(way, runner, regress, name):
    """How each test ended."""
    server = Postgres(way)
    try:
        out = server.folder / f"results-{name}"
        out.mkdir()
        if server.user:
            shutil.chown(out, "postgres")
        tests = ["--schedule", regress / "parallel_schedule"] if FULL else POSTGRES
        run = way.run(
            *server.user, runner, f"--bindir={server.bin}", f"--dlpath={regress}", f"--inputdir={regress}", f"--outputdir={out}",
            "--host=127.0.0.1", f"--port={server.port}", "--user=wire", "--max-concurrent-tests=20", *tests,
            cwd="/", code=None, timeout=1500,
        )
        text = run.out.decode(errors="replace")
        differences = out / "regression.diffs"
        return dict(re.findall(r"^(?:test|    ) +(\w+) +\.\.\. (ok|FAILED|failed)", text, re.MULTILINE)), text + (
            differences.read_text(errors="replace")[:6000] if differences.exists() else ""
        )
    finally:
        way.close() if not way.carries else Tcp.close(way)
        shutil.rmtree(server.folder, ignore_errors=True)


def test_postgresqls_own_tests_end_as_by_tcp(tcp, request, postgres_source):
    by_tcp, text = postgres_suite(tcp, *postgres_source, "tcp")
    assert len(by_tcp) > (180 if FULL else 20) and list(by_tcp.values()).count("ok") > len(by_tcp) * 0.9, text
    wire = request.getfixturevalue("wire")
    by_wire, text = postgres_suite(wire, *postgres_source, "wire")
    different = {name: (how, by_wire.get(name)) for name, how in by_tcp.items() if by_wire.get(name) != how and how == "ok"}
    assert not different and by_wire.keys() == by_tcp.keys(), (different, text)
    wire.used(bytes_ring=100_000, upgraded=20)
