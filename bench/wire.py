"""Speed of rings beside TCP and Unix sockets: the machine's floor, plain connections (pogson wire bench), redis, PostgreSQL.

usage: POGSON_BIN=target/release/pogson python3 bench/wire.py [--quick] [--rounds N] [--json FILE] [--report FILE.html]

All means are measured in turn; each ratio is the median over the turns of the ratio within a turn. Printed: what is wanted of each
figure, the figure, and whether it is met; those of YASMIN (shared-memory sockets for co-located virtual machines) stand beside them.
Programs that are not installed are left out, and it is said.
"""

import argparse
import contextlib
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

POGSON = os.path.abspath(os.environ.get("POGSON_BIN", "target/release/pogson"))


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Stage:
    """A daemon, and programs that end with it."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-wire-"))
        self.folder.chmod(0o755)
        self.started = []
        self.socket = self.folder / "wire.sock"
        self.start([POGSON, "wire", "serve", "--socket", self.socket])
        self.wait(self.socket.exists, "the daemon")

    def under(self, ring, args):
        words = [str(word) for word in args]
        return [POGSON, "wire", "run", "--socket", str(self.socket), "--", *words] if ring else words

    def start(self, args, ring=False):
        one = subprocess.Popen(
            self.under(ring, args), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
            start_new_session=True, cwd="/",
        )
        self.started.append(one)
        return one

    def run(self, args, ring=False):
        return subprocess.run(
            self.under(ring, args), check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd="/", timeout=300
        ).stdout

    def joined(self, figure):
        """What `figure` gives, of programs that send at least 100 kB by rings meanwhile."""
        def bytes_ring():
            out = subprocess.run([POGSON, "wire", "stats", "--json", "--socket", self.socket], check=True, capture_output=True, text=True).stdout
            return json.loads(out)["bytes_ring"]

        before = bytes_ring()
        found = figure()
        if bytes_ring() - before < 100_000:
            sys.exit("programs under `pogson wire run` stayed on TCP: there is nothing to compare")
        return found

    def wait(self, condition, what):
        until = time.monotonic() + 60
        while not condition():
            if time.monotonic() > until:
                sys.exit(f"{what} did not come within a minute")
            time.sleep(0.05)

    def listens(self, port):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    def close(self):
        for one in reversed(self.started):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.wait(10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
            one.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def in_turn(rounds, means):
    """Figures of each means, by turn; each turn begins with another."""
    figures = {name: [] for name in means}
    names = list(means)
    for turn in range(rounds):
        for at in range(len(names)):
            name = names[(turn + at) % len(names)]
            figures[name].append(means[name]())
    return figures


def redis(stage, rounds, requests):
    if not (shutil.which("redis-server") and shutil.which("redis-benchmark")):
        print("redis is not installed: left out")
        return {}
    path = stage.folder / "redis.sock"
    ports = {ring: free_port() for ring in (False, True)}
    for ring, port in ports.items():
        own = [] if ring else ["--unixsocket", path]
        stage.start(["redis-server", "--port", port, "--save", "", *own], ring)
        stage.wait(lambda port=port: stage.listens(port), "redis")
    found = {}
    for label, options in {"c=1": ["-c", 1], "c=1 -P 16": ["-c", 1, "-P", 16], "c=50": ["-c", 50], "c=50 -P 16": ["-c", 50, "-P", 16]}.items():
        count = requests * (8 if "-P" in label else 1)

        def rate(where, ring=False, options=options, count=count):
            out = stage.run(["redis-benchmark", *where, *options, "-n", count, "-t", "get", "-d", 64, "--csv"], ring)
            return float(out.splitlines()[-1].split(",")[1].strip('"'))

        found[label] = in_turn(rounds, {
            "tcp": lambda: rate(["-p", ports[False]]),
            "unix": lambda: rate(["-s", path]),
            "ring": lambda: stage.joined(lambda: rate(["-p", ports[True]], True)),
        })
    return found


def pgbench(stage, rounds, seconds):
    bins = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if not bins:
        print("PostgreSQL is not installed: left out")
        return {}
    user = []
    if os.geteuid() == 0:
        who = pwd.getpwnam("postgres")
        user = ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups"]
    place = stage.folder / "postgres"
    place.mkdir()
    if user:
        shutil.chown(place, "postgres")
    ports = {ring: free_port() for ring in (False, True)}
    for ring, port in ports.items():
        data = place / str(port)
        stage.run([*user, bins[0] / "initdb", "-D", data, "-U", "wire", "--auth=trust", "--locale=C", "--no-sync"])
        stage.start([*user, bins[0] / "postgres", "-D", data, "-p", port, "-k", place, "-h", "127.0.0.1", "-c", "fsync=off"], ring)
        ask = [str(word) for word in (bins[0] / "pg_isready", "-q", "-h", "127.0.0.1", "-p", port, "-U", "wire")]
        stage.wait(lambda ask=ask: subprocess.run(ask).returncode == 0, "PostgreSQL")
        stage.run([*user, bins[0] / "pgbench", "-h", "127.0.0.1", "-p", port, "-U", "wire", "-i", "-q", "-s", "5", "postgres"])

    def rate(host, ring, clients):
        out = stage.run(
            [*user, bins[0] / "pgbench", "-h", host, "-p", ports[ring], "-U", "wire", "-S", "-n", "-c", clients, "-T", seconds, "postgres"], ring
        )
        return float(re.search(r"tps = ([\d.]+)", out)[1])

    return {
        f"c={clients}": in_turn(rounds, {
            "tcp": lambda clients=clients: rate("127.0.0.1", False, clients),
            "unix": lambda clients=clients: rate(place, False, clients),
            "ring": lambda clients=clients: stage.joined(lambda: rate("127.0.0.1", True, clients)),
        })
        for clients in (1, 8)
    }


def plain(options):
    args = [POGSON, "wire", "bench", "--json", *options]
    return json.loads(subprocess.run(args, check=True, stdout=subprocess.PIPE, text=True).stdout)


class Wanted:
    """The list of what is wanted, as it is printed."""

    def __init__(self):
        self.lines = []

    def add(self, what, wanted, figure, most=None, least=None):
        met = (most is None or figure <= most) and (least is None or figure >= least)
        self.lines.append({"what": what, "wanted": wanted, "figure": figure, "met": met})

    def print(self):
        print(f"\n{'':66}{'wanted':>20}{'figure':>12}")
        for line in self.lines:
            print(f"{line['what']:66}{line['wanted']:>20}{line['figure']:12.3f}  {'' if line['met'] else 'NOT MET'}")


def judge(report, programs, wanted):
    def rows(**fields):
        return [row for row in report["rows"] if all(row[name] == value for name, value in fields.items())]

    def ratio(row, of, to, which="value"):
        found = [ratio for ratio in row["ratios"] if ratio["of"] == of and ratio["to"] == to]
        return found[0][which]["median"] if found else float("nan")

    for row in rows(what="latency", size=64, place="cross"):
        if report["cache_line_ns"]:
            floor = row["by"]["ring"]["value"]["median"] * 1e3 / report["cache_line_ns"]
            wanted.add("64 B there and back, two processors, looking: by the cache line", "<= 4", floor, most=4)
        wanted.add("  times better than TCP", ">= 50", 1 / ratio(row, "ring", "tcp"), least=50)
        wanted.add("  never looking, by TCP", "<= 1.0", ratio(row, "sleeping", "tcp"), most=1.0)
        wanted.add("  never looking, by Unix", "<= 1.1", ratio(row, "sleeping", "unix"), most=1.1)
        wanted.add("  never looking, processor time by TCP", "<= 0.5", ratio(row, "sleeping", "tcp", "cpu"), most=0.5)
    for row in rows(what="latency", size=64, place="same"):
        wanted.add("64 B there and back, one processor, by TCP", "<= 0.4", ratio(row, "ring", "tcp"), most=0.4)
        wanted.add("  by Unix", "<= 0.6", ratio(row, "ring", "unix"), most=0.6)
        wanted.add("  never looking, by TCP", "<= 0.4", ratio(row, "sleeping", "tcp"), most=0.4)
        wanted.add("  never looking, by Unix", "<= 0.6", ratio(row, "sleeping", "unix"), most=0.6)
    for size, least in {64: 20, 1024: 10, 65536: 5, 4194304: 3.5}.items():
        for row in rows(what="throughput", size=size, place="cross", around=0):
            wanted.add(f"{size} B one way by processor time, by TCP", f">= {least}", ratio(row, "ring", "tcp", "cpu"), least=least)
    for row in report["rows"]:
        if row["around"]:
            by_unix = ratio(row, "ring", "unix")
            share = row["by"]["ring"]["value"]["median"] / report["two_copies_bytes_s"]
            wanted.add(f"cold buffers, {row['size']} B, by Unix", ">= 1.5", by_unix, least=1.5)
            wanted.add("  by two copies", ">= 0.7", share, least=0.7)
    for row in rows(what="throughput", place="free"):
        wanted.add(f"{row['pairs']} pairs, by Unix", ">= 1.0", ratio(row, "ring", "unix"), least=1.0)
    for row in rows(what="connect"):
        most = 1.2 if row["messages"] == 0 else 1.1
        wanted.add(f"connections of {row['messages']} messages, by TCP", f"<= {most}", ratio(row, "ring", "tcp"), most=most)
    # A latency's loss is a ratio above one, a rate's one below.
    speeds = [
        ratio(row, "ring", "tcp") if row["what"] == "throughput" else 1 / ratio(row, "ring", "tcp")
        for row in report["rows"]
        if row["what"] != "connect"
    ]
    wanted.add("the least speed of all sizes and places, by TCP", ">= 0.95", min(speeds), least=0.95)
    limits = {
        ("redis", "c=1"): ("tcp", 1.5), ("redis", "c=50"): ("tcp", 1.5), ("redis", "c=1 -P 16"): ("tcp", 1.15),
        ("redis", "c=50 -P 16"): ("tcp", 1.15), ("pgbench -S", "c=1"): ("unix", 1.0), ("pgbench -S", "c=8"): ("unix", 1.0),
    }
    for (program, label), (to, least) in limits.items():
        figures = programs.get(program, {}).get(label)
        if figures:
            each = statistics.median(ring / other for ring, other in zip(figures["ring"], figures[to]))
            wanted.add(f"{program} {label}, by {to.capitalize() if to == 'unix' else 'TCP'}", f">= {least}", each, least=least)


def beside_yasmin(report):
    """YASMIN's own figures are of virtual machines, against TCP over the virtual network."""
    best = {}
    for row in report["rows"]:
        for ratio in row["ratios"]:
            if ratio["of"] == "ring":
                key = (row["what"], ratio["to"])
                best.setdefault(key, []).append(ratio["value"]["median"])
    print("\nYASMIN: 4.4 times TCP's bandwidth, 65 % less latency than TCP, 76 % of a Unix socket's bandwidth.")
    if ("throughput", "tcp") in best and ("latency", "tcp") in best:
        print(
            f"Here: {max(best['throughput', 'tcp']):.1f} times TCP's rate at best, {min(best['throughput', 'tcp']):.1f} at least;"
            f" {100 * (1 - max(best['latency', 'tcp'])):.0f} % less latency at least;"
            f" {100 * min(best['throughput', 'unix']):.0f} % of a Unix socket's rate at least."
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few sizes, three turns")
    parser.add_argument("--rounds", type=int, help="turns")
    parser.add_argument("--json", metavar="FILE", help="all figures")
    parser.add_argument("--report", metavar="FILE.html", help="the page of pogson wire bench")
    args = parser.parse_args()
    options = ["--quick"] * args.quick
    options += ["--rounds", str(args.rounds)] if args.rounds else []
    options += ["--report", args.report] if args.report else []
    report = plain(options)
    rounds = args.rounds or (3 if args.quick else 5)
    stage = Stage()
    try:
        programs = {
            "redis": redis(stage, rounds, 20_000 if args.quick else 60_000),
            "pgbench -S": pgbench(stage, rounds, 1 if args.quick else 3),
        }
    finally:
        stage.close()
    for program, found in programs.items():
        for label, figures in found.items():
            medians = {name: statistics.median(values) for name, values in figures.items()}
            print(f"{program} {label}: " + ", ".join(f"{name} {value:,.0f}/s" for name, value in medians.items()))
    wanted = Wanted()
    judge(report, programs, wanted)
    wanted.print()
    beside_yasmin(report)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps({"plain": report, "programs": programs, "wanted": wanted.lines}, indent=1))


if __name__ == "__main__":
    main()
