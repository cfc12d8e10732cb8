"""The power-cut library itself: what was synced stays, what was not is lost, in files, folders and SQLite."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap

import pytest

from crowd_server import Postgres
from powercut import Disk, library, open_folder


@pytest.fixture(scope="session")
def lib():
    """The compiled library."""
    with open_folder() as folder:
        yield library(folder)


@pytest.fixture
def disk(lib):
    """A folder of its own."""
    with open_folder() as folder:
        yield Disk(lib, folder / "disk")


def program(disk, text, code=0, **how):
    """Runs Python under the library, in the disk's folder, until it dies by its own `cut()`."""
    head = "import os, signal\ndef cut(): os.kill(os.getpid(), signal.SIGKILL)\n"
    run = subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(text)], cwd=disk.folder, env=disk.env(**how), capture_output=True, text=True, timeout=60,
    )
    assert run.returncode == code, run.stderr
    return run.stdout


DIES = -signal.SIGKILL


def files(disk):
    """Contents of all files, by path below the folder."""
    return {str(path.relative_to(disk.folder)): path.read_bytes() for path in disk.folder.rglob("*") if path.is_file()}


def test_a_file_is_there_once_it_and_its_folder_were_synced(disk):
    program(disk, """
        def make(name, file, folder):
            fd = os.open(name, os.O_CREAT | os.O_WRONLY)
            os.write(fd, b"hello")
            if file: os.fsync(fd)
            if folder:
                top = os.open(".", os.O_RDONLY)
                os.fsync(top)
        make("bytes-and-entry", True, True)
        make("bytes", True, False)
        make("neither", False, False)
        cut()
    """, DIES)
    assert files(disk).keys() == {"bytes-and-entry", "bytes", "neither"}
    disk.cut()
    assert files(disk) == {"bytes-and-entry": b"hello"}


def test_an_entry_without_bytes_is_an_empty_file(disk):
    program(disk, """
        fd = os.open("a", os.O_CREAT | os.O_WRONLY)
        os.write(fd, b"hello")
        os.fsync(os.open(".", os.O_RDONLY))
        cut()
    """, DIES)
    disk.cut()
    assert files(disk) == {"a": b""}


def test_overwritten_and_cut_bytes_come_back(disk):
    (disk.folder / "a").write_bytes(b"0123456789")
    (disk.folder / "b").write_bytes(b"0123456789")
    (disk.folder / "c").write_bytes(b"0123456789")
    program(disk, """
        fd = os.open("a", os.O_RDWR)
        os.pwrite(fd, b"abc", 2)
        os.fdatasync(fd)
        os.pwrite(fd, b"XYZW", 1)
        os.ftruncate(fd, 4)
        os.pwritev(fd, [b"long", b"er"], 8)
        open("b", "w").write("new")
        fd = os.open("c", os.O_WRONLY | os.O_APPEND)
        os.write(fd, b"tail")
        os.truncate("c", 3)
        cut()
    """, DIES)
    disk.cut()
    assert files(disk) == {"a": b"01abc56789", "b": b"0123456789", "c": b"0123456789"}


def test_renames_links_and_removals_are_undone_unless_the_folder_was_synced(disk):
    for name in ("old", "target", "gone", "stays-gone"):
        (disk.folder / name).write_text(name)
    (disk.folder / "empty").mkdir()
    program(disk, """
        os.unlink("stays-gone")
        os.mkdir("made")
        os.fsync(os.open(".", os.O_RDONLY))
        os.rename("old", "target")
        os.unlink("gone")
        os.link("target", "linked")
        os.mkdir("lost")
        open("lost/inside", "w").write("x")
        open("made/inside", "w").write("x")
        os.fsync(os.open("lost", os.O_RDONLY))
        os.rmdir("empty")
        cut()
    """, DIES)
    disk.cut()
    assert files(disk) == {"old": b"old", "target": b"target", "gone": b"gone"}
    assert {path.name for path in disk.folder.iterdir() if path.is_dir()} == {"made", "empty"}


def test_a_replaced_file_comes_back_or_stays_replaced(disk):
    for name, synced in (("one", False), ("two", True)):
        (disk.folder / name).write_text("before")
        program(disk, f"""
            fd = os.open("{name}.new", os.O_CREAT | os.O_WRONLY)
            os.write(fd, b"after")
            os.fsync(fd)
            os.rename("{name}.new", "{name}")
            if {synced}: os.fsync(os.open(".", os.O_RDONLY))
            cut()
        """, DIES)
        disk.cut()
    assert files(disk) == {"one": b"before", "two": b"after"}


def test_syncs_through_other_descriptors_processes_and_o_dsync_count(disk):
    program(disk, """
        import subprocess
        one = os.open("a", os.O_CREAT | os.O_WRONLY)
        os.write(one, b"hello")
        os.fsync(os.open(".", os.O_RDONLY))
        subprocess.run(["sync", "a"], check=True)
        os.write(os.dup(one), b" lost")
        two = os.open("b", os.O_CREAT | os.O_WRONLY | os.O_DSYNC)
        os.write(two, b"at once")
        os.fsync(os.open(".", os.O_RDONLY))
        cut()
    """, DIES)
    disk.cut()
    assert files(disk) == {"a": b"hello", "b": b"at once"}


def test_with_syncs_taken_out_all_is_lost(disk):
    program(disk, """
        fd = os.open("a", os.O_CREAT | os.O_WRONLY)
        os.write(fd, b"hello")
        os.fsync(fd)
        os.fsync(os.open(".", os.O_RDONLY))
        cut()
    """, DIES, ignore_syncs=True)
    disk.cut()
    assert files(disk) == {}


@pytest.mark.parametrize("fault, code", [("enospc", "ENOSPC"), ("erofs", "EROFS"), ("eio", "EIO")])
def test_faults_come_while_the_flag_is_there(disk, fault, code):
    said = program(disk, f"""
        import errno
        flag = {str(disk.flag)!r}
        fd = os.open("a", os.O_CREAT | os.O_RDWR)
        os.write(fd, b"before")
        os.fsync(fd)
        open(flag, "w").close()
        def fails(what):
            try:
                what()
            except OSError as error:
                return errno.errorcode[error.errno]
        print(fails(lambda: os.write(fd, b"x")), fails(lambda: open("new", "w")), fails(lambda: os.mkdir("d")))
        print(os.pread(fd, 9, 0))
        os.unlink(flag)
        os.write(fd, b" after")
    """, fault=fault)
    assert said.split("\n")[:2] == [f"{code} {code} {code}", "b'before'"]
    assert files(disk) == {"a": b"before after"}


WRITER = """
    import sqlite3, sys
    base = sqlite3.connect("base.db", isolation_level=None)
    base.execute("pragma journal_mode={journal}")
    base.execute("pragma synchronous={synchronous}")
    base.execute("create table if not exists t (n integer primary key, words text)")
    for n in range({count}):
        base.execute("insert into t (words) values (?)", (str(n) * 200,))
        print(n, flush=True)
    cut()
"""


def rows(disk):
    """Rows of the database, which must be sound."""
    base = sqlite3.connect(disk.folder / "base.db")
    assert base.execute("pragma integrity_check").fetchone() == ("ok",)
    count = base.execute("select count(*) from t").fetchone()[0]
    base.close()
    return count


# A commit in mode `delete` is the removal of a journal, whose folder SQLite syncs with `extra` alone.
@pytest.mark.parametrize("journal, synchronous", [("wal", "full"), ("delete", "extra")])
@pytest.mark.parametrize("torn", [False, True])
def test_sqlite_keeps_every_commit_that_it_promises_to_keep(disk, journal, synchronous, torn):
    for round_ in range(1, 4):
        program(disk, WRITER.format(journal=journal, synchronous=synchronous, count=40), DIES)
        disk.cut(round_ if torn else None)
        assert rows(disk) == 40 * round_


def test_sqlite_may_lose_the_last_commit_that_its_manual_says_it_may(disk):
    program(disk, WRITER.format(journal="delete", synchronous="full", count=40), DIES)
    disk.cut()
    assert rows(disk) == 39


def test_sqlite_loses_commits_without_syncs(disk):
    program(disk, WRITER.format(journal="wal", synchronous="full", count=1), DIES)
    disk.cut()
    program(disk, WRITER.format(journal="wal", synchronous="off", count=40), DIES)
    disk.cut()
    assert rows(disk) < 41
    program(disk, WRITER.format(journal="wal", synchronous="full", count=40), DIES, ignore_syncs=True)
    disk.cut()
    assert rows(disk) < 41


def test_sqlite_survives_kills_at_random_moments(disk):
    draw, acknowledged = random.Random(4), 0
    for round_ in range(8):
        text = "import os, signal\ndef cut(): pass\n" + textwrap.dedent(WRITER.format(journal="wal", synchronous="full", count=10**6))
        child = subprocess.Popen([sys.executable, "-c", text], cwd=disk.folder, env=disk.env(), stdout=subprocess.PIPE, text=True)
        for _ in range(draw.randint(1, 60)):
            child.stdout.readline()
        child.kill()
        acknowledged += sum(1 for _ in child.stdout)
        child.wait()
        disk.cut(round_ if round_ % 2 else None)
        assert rows(disk) >= acknowledged
        acknowledged = rows(disk)


# PostgreSQL does not sync the folders of new relations, hence `loose`.
@pytest.mark.parametrize("ignore_syncs", [False, True])
def test_postgresql_keeps_every_commit_and_none_without_syncs(disk, ignore_syncs):
    base = Postgres(disk.folder / "postgres", disk.env())
    try:
        base.psql("create table t (n int, words text)")
        base.psql("checkpoint")
        base.kill()
        disk.cut(loose=base.folder)
        base.env = disk.env(ignore_syncs=ignore_syncs)
        base.start()
        assert base.psql("select count(*) from t") == [["0"]]
        for n in range(20):
            base.psql(f"insert into t values ({n}, repeat('x', 2000))")
        base.kill()
        disk.cut(loose=base.folder)
        base.start()
        assert base.psql("select count(*) from t") == [["0" if ignore_syncs else "20"]]
    finally:
        base.kill()
