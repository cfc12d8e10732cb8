"""PostgreSQL, which forks for each connection, and its programs over TCP, under the wire and without it."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from conftest import program
from wire import wait_until, free_port


class Postgres:
    """A server with its data in a folder that its user may enter; programs run as that user too, for PostgreSQL refuses root."""

    def __init__(self, way):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        self.bin = found[0] if found else Path(program("initdb")).parent
        self.way, self.port, self.user = way, free_port(), []
        self.folder = Path(tempfile.mkdtemp(prefix="wire-postgres-"))
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            self.user = [program("setpriv"), f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
            shutil.chown(self.folder, "postgres")
        subprocess.run(
            [*self.user, self.bin / "initdb", "-D", self.folder / "data", "-U", "wire", "--auth=trust", "-E", "UTF8", "--locale=C",
             "--no-sync"],
            check=True, capture_output=True, cwd="/",
        )
        way.serve(
            *self.user, self.bin / "postgres", "-D", self.folder / "data", "-p", self.port, "-k", "", "-h", "127.0.0.1", "-c", "fsync=off",
            port=self.port, cwd="/", name="postgres",
        )
        self.at = ["-h", "127.0.0.1", "-p", self.port, "-U", "wire"]
        # It listens before it answers.
        asks = [str(word) for word in [self.bin / "pg_isready", "-q", *self.at]]
        wait_until("an answer of the server", lambda: subprocess.run(asks).returncode == 0)

    def __call__(self, name, *args, as_server=True, **options):
        """Runs one of its programs against it."""
        return self.way.run(*(self.user if as_server else []), self.bin / name, *self.at, *args, cwd="/", timeout=300, **options)

    def query(self, text, **options):
        return self("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", "postgres", input=text.encode(), **options).out.decode().splitlines()


@pytest.fixture
def postgres(way):
    server = Postgres(way)
    yield server
    way.close()
    shutil.rmtree(server.folder, ignore_errors=True)


def test_pgbench_keeps_its_sums(postgres, way):
    postgres("pgbench", "-i", "-s", "1", "-q", "postgres")
    run = postgres("pgbench", "-c", "4", "-j", "2", "-t", "250", "-n", "postgres").out.decode()
    assert "number of transactions actually processed: 1000/1000" in run, run
    sums = postgres.query(
        "select (select sum(abalance) from pgbench_accounts) = (select sum(bbalance) from pgbench_branches),"
        " (select sum(delta) from pgbench_history) = (select sum(tbalance) from pgbench_tellers), (select count(*) from pgbench_history)"
    )
    assert sums == ["t|t|1000"]
    way.used(bytes_ring=200_000, upgraded=8)


@pytest.mark.parametrize("protocol", ["simple", "extended", "prepared"])
def test_pgbench_reads_by_each_protocol(postgres, way, protocol):
    postgres("pgbench", "-i", "-s", "1", "-q", "postgres")
    run = postgres("pgbench", "-S", "-M", protocol, "-c", "3", "-t", "1500", "-n", "postgres").out.decode()
    assert re.search(r"failed transactions: 0 ", run), run
    way.used(bytes_ring=200_000, upgraded=6)


def test_pgbench_connects_anew_for_each_transaction(postgres, way):
    postgres("pgbench", "-i", "-s", "1", "-q", "postgres")
    run = postgres("pgbench", "-S", "-C", "-c", "2", "-t", "60", "-n", "postgres").out.decode()
    assert re.search(r"failed transactions: 0 ", run), run


def test_psql_copies_large_tables_in_and_out(postgres, way):
    lines = [f"{i}\t{'x' * (i % 300)}-{i * i}" for i in range(60000)]
    text = "\n".join(lines)
    postgres.query("create table t (i int, s text);\n" + "copy t from stdin;\n" + text + "\n\\.\n")
    assert postgres.query("copy (select * from t order by i) to stdout;") == lines
    way.used(bytes_ring=2 * len(text) - 2_000_000, upgraded=4)


def test_notices_and_cancelled_queries_arrive(postgres, way):
    said = postgres.query("""
        select count(*) from generate_series(1, 200000);
        set statement_timeout = '100ms';
        \\set ON_ERROR_STOP off
        select pg_sleep(30);
        set statement_timeout = 0;
        listen news;
        select pg_notify('news', repeat('n', 7000)) from generate_series(1, 1);
        select length(string_agg(i::text, ',')) from generate_series(1, 300000) i;
    """)
    assert said[0] == "200000" and said[-1] == str(sum(len(str(i)) for i in range(1, 300001)) + 299999)


def test_pg_dump_and_restore_carry_a_database_over(postgres, way):
    postgres.query("create table t as select i, md5(i::text) m, repeat(md5(i::text), 20) r from generate_series(1, 20000) i;")
    before = postgres.query("select md5(string_agg(m || r, '' order by i)) from t;")
    dump = postgres("pg_dump", "postgres").out
    assert len(dump) > 10_000_000
    postgres("psql", "-qX", "-c", "create database copy", "postgres")
    postgres("psql", "-qX", "-v", "ON_ERROR_STOP=1", "copy", input=dump)
    after = postgres("psql", "-qAtX", "-c", "select md5(string_agg(m || r, '' order by i)) from t", "copy").out.decode().split()
    assert after == before
    way.used(bytes_ring=2 * len(dump) - 500_000)


@pytest.mark.parametrize("way", ["wire"], indirect=True)
def test_another_user_stays_on_tcp_and_is_served(postgres, way):
    if not postgres.user:
        pytest.skip("only root can be two users")
    # The server's own processes may have used rings among themselves; this connection must not add to them.
    before = way.stats()["bytes_ring"]
    rows = postgres.query("select generate_series(1, 20000);", as_server=False)
    assert rows == [str(i) for i in range(1, 20001)] and way.stats()["bytes_ring"] == before
