"""Fixtures of the tests that drive foreign programs: the binary, the shared data, Montage, SWarp, SExtractor, CFITSIO."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from boinc import Client, Project
from wire import compiled, musl, tcp, way, wire  # noqa: F401 (fixtures)

ROOT = Path(__file__).resolve().parents[2]


class Pogson:
    """The built binary. Calling it runs a command and fails the test unless the exit code is as expected."""

    def __init__(self, path):
        self.path = str(path)

    def __call__(self, *args, code=0, cwd=None, env=None):
        run = subprocess.run(
            [self.path, *map(str, args)],
            capture_output=True, text=True, cwd=cwd, env={**os.environ, **(env or {})}, timeout=600,
        )
        assert run.returncode == code, f"{args}: exit {run.returncode}, expected {code}\n{run.stdout}\n{run.stderr}"
        return run

    def json(self, *args, **options):
        """The JSON object that a command prints."""
        return json.loads(self(*args, "--json", **options).stdout)


@pytest.fixture(scope="session")
def pogson():
    """Runs the binary that POGSON_BIN names, or the release build."""
    path = Path(os.environ.get("POGSON_BIN", ROOT / "target/release/pogson"))
    if not path.exists():
        pytest.fail(f"{path} is missing; run `make test-foreign`, or set POGSON_BIN")
    return Pogson(path)


@pytest.fixture(scope="session")
def shared():
    """Folder of the shared data; tests that need it are skipped where it is absent."""
    path = Path(os.environ.get("POGSON_SHARED", ROOT.parent / "shared"))
    if not (path / "data").is_dir():
        pytest.skip(f"shared data are not at {path} (POGSON_SHARED)")
    return path


def program(*names):
    """Path of the first of some commands that is installed; skips the test when none is."""
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.skip(f"{names[0]} is not installed")


@pytest.fixture(scope="session")
def montage():
    """Folder of the Montage programs (mProject, mAdd ...)."""
    return Path(program("mProject")).parent


@pytest.fixture(scope="session")
def swarp():
    """Path of SWarp."""
    return program("SWarp", "swarp")


@pytest.fixture(scope="session")
def sextractor():
    """Path of SExtractor."""
    return program("source-extractor", "sex")


@pytest.fixture(scope="session")
def fpack():
    """Path of CFITSIO's fpack."""
    return program("fpack")


@pytest.fixture(scope="session")
def funpack():
    """Path of CFITSIO's funpack."""
    return program("funpack")


@pytest.fixture
def world(pogson, tmp_path):
    """Makes projects and clients, and ends all of them."""
    if not shutil.which("boinc"):
        pytest.skip("boinc-client is not installed")
    made = []

    class World:
        dir = tmp_path

        @staticmethod
        def project(*more, **options):
            project = Project(pogson, tmp_path / f"project{len(made)}", *more, **options)
            project.set("scheduler", request_delay=1.0)
            made.append(project)
            return project

        @staticmethod
        def client(name, **options):
            client = Client(tmp_path / name, **options)
            made.append(client)
            return client

    yield World
    for one in reversed(made):
        one.stop()
