"""Builds the power-cut library, runs programs under it, and cuts the power (tests/powercut)."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "powercut"
sys.path.insert(0, str(FOLDER))

from undo import undo  # noqa: E402


@contextlib.contextmanager
def open_folder():
    """A folder that other users may enter, as pytest's may not."""
    folder = Path(tempfile.mkdtemp(prefix="pogson-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def library(folder):
    """Path of the library, compiled into a folder; skips the test where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("there is no C compiler")
    path = Path(folder) / "powercut.so"
    if not path.exists():
        beside = path.with_suffix(f".{os.getpid()}")
        subprocess.run(
            [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", beside, FOLDER / "powercut.c", "-ldl", "-lpthread"],
            check=True,
        )
        beside.rename(path)
    return path


class Disk:
    """A folder whose power can be cut. `folder` is what programs write under; its state lies beside it."""

    def __init__(self, library, folder):
        self.library, self.folder = library, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state = self.folder.with_name(self.folder.name + ".power")
        self.state.mkdir(exist_ok=True)
        self.state.chmod(0o777)
        self.flag = self.folder.with_name(self.folder.name + ".fault")

    def env(self, ignore_syncs=False, fault=None):
        """Environment of a program on this disk. `fault`: enospc, erofs or eio, while `flag` exists."""
        env = {**os.environ, "LD_PRELOAD": str(self.library), "POWERCUT_ROOT": str(self.folder), "POWERCUT_STATE": str(self.state)}
        if ignore_syncs:
            env["POWERCUT_FSYNC"] = "ignore"
        if fault:
            env["POWERCUT_FAULT"] = fault
            env["POWERCUT_FAULT_FLAG"] = str(self.flag)
        return env

    def settle(self):
        """Takes all that was written so far for synced."""
        os.truncate(self.state / "journal", 0)

    def cut(self, torn=None, loose=None):
        """Takes back what was not synced; every program on the disk must be dead. What was done. See undo.py for `loose`."""
        assert (self.state / "journal").exists(), "no program ran on this disk: was the library loaded?"
        return undo(self.folder, self.state, torn, loose)
