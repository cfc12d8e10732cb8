"""A project of months, simulated: server and emulated volunteers live by one pretended clock. What became of its results, as the
tables of theSkyNet POGS's first year have it (Vinsen & Thilker 2013, arXiv:1306.1618)."""

from crowd_server import Crowd, Server, make_app, make_units

DAY = 86_400
START = 1_800_000_000
#: What befell theSkyNet POGS's results: failed at the client, never heard of again, came in and were wrong.
HABITS = {"error": 0.034, "silent": 0.010, "wrong": 0.003}
#: Of units, those that took 2, 3, and 4 or more results (Table 2), per cent.
TABLE_2 = {"2": 90.8, "3": 8.5, "4+": 0.7}
#: Of results, what became of them by those habits, per cent.
OUTCOMES = {"success": 95.6, "client error": 3.4, "no reply": 1.0}
VALIDITY = {"valid": 95.3, "invalid": 0.3}


def simulate(binary, folder, units, hosts=400, days=40, seed=1):
    """Runs a project until nothing is left to do: its server (stopped), and what the emulator says."""
    clock = folder / "clock"
    clock.write_text(f"{START}\n")
    settings = {
        # Nothing is purged, so that all can be counted; hosts keep their quota.
        "scheduler.keep_days": 10_000.0, "scheduler.daily_quota": 10_000, "scheduler.quarantine_after": 0, "server.disk_reserve": 0,
        "server.tries": 100_000.0, "server.all_tries": 100_000.0, "server.all_tries_per_second": 1000.0,
    }
    server = Server(binary, folder / "project", None, None, settings)
    make_app(server)
    make_units(server, "unit", units, flops="2e13")
    server.start(options=["--clock-file", str(clock)])
    options = ["--hosts", hosts, "--create", hosts * 3 // 4, "--natural", "--virtual", START, "--clock-file", clock, "--tick", 30]
    options += ["--seconds", days * DAY, "--seed", seed, "--output-bytes", 200]
    for name, share in HABITS.items():
        options += [f"--{name}", share]
    try:
        said = Crowd(server, *options).wait()
    finally:
        server.stop()
    return server, said


def tables(server):
    """Per cent of units by results that they took, of results by outcome, and of results by validity; and the counts beneath them."""
    done = "units where canonical is not null and assimilation = 2"
    units = server.count(done)
    # Results that were handed out; a unit's results have numbers from 64 times its own.
    each = f"select count(*) as n from results where sent > 0 and id / 64 in (select id from {done}) group by id / 64"
    took = {int(n): int(count) for n, count in server.rows(f"select n, count(*) from ({each}) t group by n")}
    results = server.count("results where sent > 0")

    def share(condition):
        return 100 * server.count(f"results where sent > 0 and {condition}") / results
    return {
        "units": units,
        "results": results,
        "table_2": {
            "2": 100 * took.get(2, 0) / units,
            "3": 100 * took.get(3, 0) / units,
            "4+": 100 * sum(count for n, count in took.items() if n > 3) / units,
        },
        "outcomes": {"success": share("outcome = 1"), "client error": share("outcome = 3"), "no reply": share("outcome = 4")},
        "validity": {"valid": share("validity = 1"), "invalid": share("validity = 2 and outcome = 1")},
    }
