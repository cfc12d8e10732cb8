"""What tests of the wire share: the daemon, programs run under it and without it, figures, compiled test programs.

POGSON_WIRE_OFF=1 runs only the controls, over TCP. POGSON_WIRE_PRELOAD names a library to load instead of `pogson wire run`.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).resolve().parent / "wire"


def wait_until(what, condition, seconds=60):
    """Waits until a condition holds; fails the test when it never does."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, f"{what} did not come within {seconds} s"
        time.sleep(0.02)
    return value


def free_port():
    """A port on the loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def listens(port, host="127.0.0.1"):
    """Whether somebody accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


class Ended:
    """A program that ran to its end."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


class Tcp:
    """Programs as they are: the control of each test."""

    carries = False

    def __init__(self, folder):
        self.folder = Path(folder)
        self.started = []

    def command(self, args):
        return [str(arg) for arg in args]

    def environment(self, env):
        return {**os.environ, **(env or {})}

    def start(self, *args, env=None, cwd=None, name=None, **options):
        """Starts a program in a group of its own; its output goes to a file NAME.log in the test's folder."""
        log = self.folder / f"{name or Path(str(args[0])).name}-{len(self.started)}.log"
        with log.open("wb") as out:
            options.setdefault("stdout", out)
            options.setdefault("stderr", out)
            options.setdefault("stdin", subprocess.DEVNULL)
            one = subprocess.Popen(
                self.command(args), env=self.environment(env), cwd=cwd or self.folder,
                start_new_session=True, **options,
            )
        one.log = log
        self.started.append(one)
        return one

    def serve(self, *args, port, **options):
        """Starts a server and waits until it listens."""
        one = self.start(*args, **options)

        def ready():
            assert one.poll() is None, f"{args[0]} ended with {one.returncode}: {one.log.read_text(errors='replace')[-2000:]}"
            return listens(port)

        wait_until(f"port {port} of {args[0]}", ready)
        return one

    def run(self, *args, code=0, timeout=120, env=None, cwd=None, input=None):
        """Runs a program to its end and fails the test unless its exit code is as expected (None: any)."""
        one = subprocess.Popen(
            self.command(args), env=self.environment(env), cwd=cwd or self.folder, start_new_session=True,
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        try:
            out, err = one.communicate(input, timeout=timeout)
        except subprocess.TimeoutExpired:
            where = stacks(one.pid)
            end(one)
            out, err = one.communicate()
            pytest.fail(f"{args} did not end within {timeout} s\n{where}\n{out[-2000:]!r}\n{err[-2000:]!r}")
        ended = Ended(one.returncode, out, err)
        assert code is None or ended.code == code, (
            f"{args}: exit {ended.code}, expected {code}\n{out[-3000:].decode(errors='replace')}\n{err[-3000:].decode(errors='replace')}"
        )
        return ended

    def used(self, bytes_ring=0, upgraded=1):
        """Nothing to see over TCP."""

    def close(self):
        for one in reversed(self.started):
            end(one)
        self.started.clear()


class Wire(Tcp):
    """Programs under `pogson wire run`, with a daemon of their own."""

    carries = True
    #: What begins the daemon.
    prefix = ()

    def __init__(self, pogson, folder, *options):
        super().__init__(folder)
        self.pogson, self.options = pogson, options
        # In a folder that other users may enter, unlike pytest's.
        self.place = Path(tempfile.mkdtemp(prefix="wire-"))
        self.place.chmod(0o755)
        self.socket = self.place / "wire.sock"
        self.preload = os.environ.get("POGSON_WIRE_PRELOAD")
        self.daemon = None
        try:
            self.serve_wire()
        except BaseException:
            self.close()
            raise

    def serve_wire(self):
        """Starts the daemon and waits until it answers."""
        with (self.folder / "daemon.log").open("ab") as out:
            self.daemon = subprocess.Popen(
                [*self.prefix, self.pogson.path, "wire", "serve", "--socket", str(self.socket), *self.options],
                stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
            )

        def ready():
            assert self.daemon.poll() is None, (self.folder / "daemon.log").read_text(errors="replace")
            return self.socket.exists() and self.stats()

        wait_until("the daemon", ready)

    def command(self, args):
        args = [str(arg) for arg in args]
        return args if self.preload else [self.pogson.path, "wire", "run", "--socket", str(self.socket), "--", *args]

    def environment(self, env):
        env = super().environment(env)
        if self.preload:
            env |= {"LD_PRELOAD": self.preload, "POGSON_WIRE_SOCKET": str(self.socket)}
        return env

    def stats(self):
        """The daemon's totals; None while it does not answer."""
        run = subprocess.run(
            [self.pogson.path, "wire", "stats", "--socket", str(self.socket), "--json"],
            capture_output=True, text=True, timeout=60,
        )
        return json.loads(run.stdout) if run.returncode == 0 else None

    def used(self, bytes_ring=0, upgraded=1):
        """Connections were upgraded, and so many bytes at least went by rings."""
        stats = self.stats()
        assert stats["upgraded"] >= upgraded and stats["bytes_ring"] >= bytes_ring, stats

    def unused(self):
        """No byte went by a ring."""
        stats = self.stats()
        assert stats["bytes_ring"] == 0, stats

    def close(self):
        super().close()
        if self.daemon:
            end(self.daemon)
        shutil.rmtree(self.place, ignore_errors=True)


def end(one):
    """Ends a program that a test started, with its children."""
    if one.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            one.wait(5)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(one.pid, signal.SIGKILL)
    one.wait()


def stacks(group):
    """Where the processes of a group are, for the report of one that hangs."""
    said = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[2]) == group:
                for task in (entry / "task").iterdir():
                    call = (task / "syscall").read_text().strip()
                    said.append(f"{entry.name}/{task.name} {(task / 'comm').read_text().strip()} {fields[0]}: system call {call}")
    return "\n".join(said)


def without_wire(pogson):
    """Why the wire cannot be tested here, or None."""
    if os.environ.get("POGSON_WIRE_OFF"):
        return "POGSON_WIRE_OFF is set"
    if subprocess.run([pogson.path, "wire", "--help"], capture_output=True).returncode:
        return "this binary has no wire"
    return None


@pytest.fixture
def wire(pogson, tmp_path):
    """A daemon and programs under it."""
    if why := without_wire(pogson):
        pytest.skip(why)
    one = Wire(pogson, tmp_path)
    yield one
    one.close()


@pytest.fixture
def tcp(tmp_path):
    """Programs as they are."""
    one = Tcp(tmp_path)
    yield one
    one.close()


@pytest.fixture(params=["tcp", "wire"])
def way(request):
    """Both ways in turn: TCP as control, then the wire."""
    return request.getfixturevalue(request.param)


def cases(name):
    """Names of the cases of a test program."""
    return re.findall(r"^CASE\((\w+)\)", (PROGRAMS / f"{name}.c").read_text(), re.MULTILINE)


@pytest.fixture(scope="session")
def musl(tmp_path_factory):
    """Folder of test programs for musl, with the library `preload.so` for them."""
    gcc = shutil.which("musl-gcc") or pytest.skip("musl-gcc is not installed")
    target = f"{os.uname().machine}-unknown-linux-musl"
    std = subprocess.run(["rustc", "--print", "target-libdir", "--target", target], capture_output=True, text=True)
    if std.returncode or not Path(std.stdout.strip()).is_dir():
        pytest.skip(f"Rust's target {target} is not installed")
    folder = tmp_path_factory.mktemp("wire-musl")
    cargo = ["cargo", "build", "--quiet", "--locked", "--profile", "preload", "--package", "pogson-wire-preload", "--target", target]
    env = {**os.environ, "CARGO_TARGET_DIR": str(folder / "target"), "RUSTFLAGS": "-C target-feature=-crt-static"}
    subprocess.run(cargo, check=True, cwd=PROGRAMS, env=env)
    shutil.copy(folder / "target" / target / "preload/libpogson_wire_preload.so", folder / "preload.so")
    headers = [f"-idirafter/usr/include/{os.uname().machine}-linux-gnu", "-idirafter/usr/include"]
    for name in ("calls", "waits", "signals"):
        flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", *headers]
        subprocess.run([gcc, "-o", folder / name, PROGRAMS / f"{name}.c", *flags], check=True)
    return folder


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """Folder of the compiled test programs."""
    gcc = shutil.which("gcc") or pytest.skip("gcc is not installed")
    folder = tmp_path_factory.mktemp("wire-programs")

    def build(name, source, *options):
        flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", *options, "-lpthread"]
        subprocess.run([gcc, "-o", folder / name, PROGRAMS / f"{source}.c", *flags], check=True)

    for source in sorted(PROGRAMS.glob("*.c")):
        build(source.stem, source.stem)
    build("calls_fortified", "calls", "-O2", "-D_FORTIFY_SOURCE=2", "-Wno-error")
    build("goes_on_static", "goes_on", "-static")
    build("calls_static", "calls", "-static")
    return folder
