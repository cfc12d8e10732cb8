"""Load on the volunteer server: emulated hosts on fresh connections, open loop, through dispatch, upload, report, validation and
assimilation, with units created and purged meanwhile, in a database that holds many already.

usage: POGSON_BIN=target/release/pogson python3 bench/crowd.py [--database sqlite|postgresql] [--seconds 600] [--hosts 12000]
       [--units 1000000] [--rate 1100] [--output-bytes 4000] [--noise] [--json]

--rate is scheduler requests a second; each host keeps --tasks tasks. Printed: results a second that were validated and assimilated,
times of RPCs and uploads from when they were due, beside a probe that writes and syncs 256 kB in the same folder; resident memory at
minute two (or a fifth of the run) and at the end; processor time of server, database and emulator apart. A fifth of the run, at most
a minute, is not timed.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/foreign"))

from crowd_server import MOST_RESULTS, Crowd, Postgres, Server, make_app, make_units  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
DAY = 86_400
GENERATOR = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    first = int(asked.get("facts", {}).get("bench/next", "0"))
    for n in range(first, first + asked["wanted"]):
        unit = {"app": "toy", "name": f"new{n}", "flops": 1e12, "credit": 1.0, "outputs": [{"open_name": "out", "most": 1000000}]}
        print(json.dumps({"unit": unit}))
    print(json.dumps({"fact": {"key": "bench/next", "text": str(first + asked["wanted"])}, "done": True}), flush=True)
"""


def family(pid):
    """A process and all that it started."""
    found, open_ = [], [pid]
    while open_:
        one = open_.pop()
        found.append(one)
        for task in pathlib.Path(f"/proc/{one}/task").glob("*/children"):
            try:
                open_ += [int(child) for child in task.read_text().split()]
            except OSError:
                pass
    return found


def usage(pid):
    """Processor seconds and resident bytes of a process with its children; shared pages count once for each."""
    seconds = resident = 0
    for one in family(pid):
        try:
            words = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
            seconds += (int(words[11]) + int(words[12])) / TICKS
            resident += int(pathlib.Path(f"/proc/{one}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            pass
    return seconds, resident


class Probe(threading.Thread):
    """Writes and syncs 256 kB again and again, and keeps the times."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.path, self.times, self.ended = folder / "probe", [], threading.Event()

    def run(self):
        bytes_ = os.urandom(256 * 1024)
        with open(self.path, "wb") as file:
            while not self.ended.wait(0.25):
                file.write(bytes_)
                file.flush()
                start = time.perf_counter()
                os.fdatasync(file.fileno())
                self.times.append(time.perf_counter() - start)
                if file.tell() > 64 << 20:
                    file.seek(0)

    def p99_ms(self):
        """99 % of the syncs took at most this."""
        times = sorted(self.times)
        return 1e3 * times[min(len(times) - 1, int(0.99 * len(times)))] if times else float("nan")


def execute(server, text):
    """Changes the database of a server that does not run."""
    if server.database:
        server.database.psql(text)
        return
    import sqlite3

    base = sqlite3.connect(server.folder / "project.db")
    base.executescript(text)
    base.close()


def columns(server, table):
    """Names of a table's columns."""
    if server.database:
        return [row[0] for row in server.rows(f"select column_name from information_schema.columns where table_name = '{table}'")]
    return [row[0] for row in server.rows(f"select name from pragma_table_info('{table}')")]


def fill(server, count, per_second):
    """Copies one unit that is done `count` times, to become due for purging one after the other, so many a second."""
    template = int(server.rows("select max(id) from units where deletion = 2")[0][0])
    first = int(server.rows("select max(id) from units")[0][0]) + 1
    now = int(time.time())
    # All are kept a day, and reach the end of it in turn.
    new = {"id": "s.n", "name": "'old' || s.n", "created": str(now - 2 * DAY),
           "ended": f"{now - DAY} + (s.n - {first}) / {max(int(per_second), 1)}"}
    units = ", ".join(new.get(name, f"t.{name}") for name in columns(server, "units"))
    new = {"id": f"s.n * {MOST_RESULTS} + t.id % {MOST_RESULTS}", "granted": "0"}
    results = ", ".join(new.get(name, f"t.{name}") for name in columns(server, "results"))
    last = first + count - 1
    series = f"generate_series({first}, {last}) as s(n)" if server.database else "s"
    head = "" if server.database else f"with recursive s(n) as (select {first} union all select n + 1 from s where n < {last}) "
    both = [f"{name}" for name in columns(server, "units")], [f"{name}" for name in columns(server, "results")]
    execute(server, f"{head} insert into units ({', '.join(both[0])}) select {units} from units t, {series} where t.id = {template};")
    execute(
        server,
        f"{head} insert into results ({', '.join(both[1])}) select {results} from results t, {series} "
        f"where t.id >= {template * MOST_RESULTS} and t.id < {(template + 1) * MOST_RESULTS};",
    )
    execute(server, f"update counters set value = {last} where id = 3 and value < {last};")
    execute(server, "analyze;")


def wait_for(what, seconds, why):
    """Waits until something is so."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise SystemExit(f"crowd: {why} within {seconds} s")
        time.sleep(0.2)


def prepare(args, work):
    """A project with its database, filled; its server does not run."""
    base = Postgres(work / "postgres") if args.database == "postgresql" else None
    settings = {
        "scheduler.daily_quota": 1_000_000, "scheduler.quarantine_after": 0, "scheduler.keep_days": 1.0, "server.disk_reserve": 0,
        "scheduler.queue": args.queue,
        # The emulator's accounts come from few addresses in a few seconds.
        "server.tries": 100_000.0, "server.all_tries": 100_000.0, "server.all_tries_per_second": 1000.0,
    }
    server = Server(os.environ["POGSON_BIN"], work / "project", base, None, settings)
    make_app(server)
    make_units(server, "first", 20)
    server.start()
    crowd = Crowd(server, "--hosts", 12, "--rate", 12, "--tasks", 8, "--seconds", 30, "--create", 6, "--output-bytes", 100)
    wait_for(lambda: server.count("units where deletion = 2") > 0, 60, "no unit came to its end")
    crowd.stop()
    server.stop()
    start = time.monotonic()
    # As many are purged as are made.
    fill(server, args.units, args.rate * args.tasks / 2)
    print(f"{args.units} units that are done were copied in {time.monotonic() - start:.0f} s", file=sys.stderr)
    (work / "generator.py").write_text(GENERATOR)
    text = (server.folder / "pogson.toml").read_text()
    command = json.dumps([sys.executable, str(work / "generator.py")])
    (server.folder / "pogson.toml").write_text(f'{text}\n[roles.toy.generator]\ncommand = {command}\nfacts = "bench/"\n')
    return server, base


def measure(args, work, server, base):
    """One run; the figures."""
    before = server.count("units")
    server.start()
    wait_for(lambda: server.count("results where state = 2") >= min(args.queue, 4 * args.rate), 60, "the generator made no work")
    probe = Probe(work)
    warm = min(60.0, args.seconds / 5)
    options = ["--hosts", args.hosts, "--rate", args.rate, "--tasks", args.tasks, "--seconds", args.seconds, "--warm", warm]
    options += ["--create", args.accounts, "--addresses", 250, "--output-bytes", args.output_bytes, *(["--noise"] if args.noise else [])]
    crowd = Crowd(server, *options)
    wait_for(lambda: server.count("hosts") > 20 or crowd.process.poll() is not None, 300, "the crowd did not attach")
    probe.start()
    start = time.time()
    edge, seen = start + warm, []
    cpu = {"server": (server.process.pid, None)} | ({"database": (base.process.pid, None)} if base else {})
    created = None
    while crowd.process.poll() is None:
        time.sleep(0.5)
        now = time.time()
        if now >= edge and created is None:
            cpu = {name: (pid, usage(pid)[0]) for name, (pid, _) in cpu.items()}
            created, measured_from = server.rows("select max(id) from units")[0][0], now
        seen.append((now - start, usage(server.process.pid)[1], usage(base.process.pid)[1] if base else 0))
    end = time.time()
    used = {name: usage(pid)[0] - (at or 0) for name, (pid, at) in cpu.items()}
    probe.ended.set()
    summary = crowd.wait()
    window = f">= {int(measured_from)} and {{}} < {int(end)}"
    span = int(end) - int(measured_from)
    valid = server.count(f"results where validity = 1 and received {window.format('received')}")
    assimilated = server.count(f"units where assimilation = 2 and ended {window.format('ended')}")
    made = int(server.rows("select max(id) from units")[0][0]) - int(created)
    after = server.count("units")
    server.stop()
    two = min(120.0, args.seconds / 5)
    memory = next(bytes_ for at, bytes_, _ in seen if at >= two), seen[-1][1]
    limit = max(100.0, 3 * probe.p99_ms())
    return {
        "database": args.database, "hosts": args.hosts, "units_before": before, "units_after": after, "output_bytes": args.output_bytes,
        "seconds": span, "results_valid_per_second": valid / span, "units_assimilated_per_second": assimilated / span,
        "units_created_per_second": made / span,
        "rpc_p50_ms": summary["rpc"]["p50_ms"], "rpc_p99_ms": summary["rpc"]["p99_ms"], "rpc_limit_ms": limit,
        "upload_p50_ms": summary["upload"]["p50_ms"], "upload_p99_ms": summary["upload"]["p99_ms"],
        "probe_p99_ms": probe.p99_ms(), "emulator_lag_p99_ms": summary["lag"]["p99_ms"],
        "memory_minute_two": memory[0], "memory_end": memory[1], "memory_ratio": memory[1] / memory[0],
        "cpu_server": used["server"] / (end - measured_from), "cpu_database": used.get("database", 0.0) / (end - measured_from),
        "cpu_emulator": summary["cpu_seconds"] / summary["seconds"],
        "counts": summary["counts"], "errors": summary["errors"], "messages": summary["messages"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--hosts", type=int, default=12_000)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--units", type=int, default=1_000_000)
    parser.add_argument("--queue", type=int, default=40_000)
    parser.add_argument("--rate", type=float, default=1100)
    parser.add_argument("--tasks", type=int, default=1)
    parser.add_argument("--output-bytes", type=int, default=4000)
    parser.add_argument("--noise", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="pogson-crowd-bench-"))
    work.chmod(0o755)
    server = base = None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("crowd: ended"))
    try:
        server, base = prepare(args, work)
        figures = measure(args, work, server, base)
        # Before the folder goes, which takes minutes on some disks.
        if args.json:
            print(json.dumps(figures, indent=2), flush=True)
        else:
            for name, value in figures.items():
                print(f"{name:<28} {value:.2f}" if isinstance(value, float) else f"{name:<28} {value}", flush=True)
    finally:
        if server and server.process:
            server.kill()
        if base:
            base.stop()
        if args.keep:
            print(f"the folder is {work}", file=sys.stderr)
        else:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
