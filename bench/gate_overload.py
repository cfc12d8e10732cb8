"""The gate where three levels ask for two and three times what there is.

usage: POGSON_BIN=target/release/pogson python3 bench/gate_overload.py [CASE ...] [--seconds N] [--seeds N] [--capacity N] [--json FILE]

Back ends of a known capacity say nothing of themselves. The high level asks for 70 % of the capacity, all together for 2 or 3 times it,
whether or not they are answered. Printed is for each level: answered of what was asked and of the capacity, percentiles, how many were
refused (503 with Retry-After) and after how long, how many were late (10 s), cut or lost. Needs nothing beyond Python and the binary.
"""

import argparse
import asyncio
import json
import pathlib
import re
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "foreign"))

import gate_load  # noqa: E402
from gate import POGSON, Stage, free_port  # noqa: E402

HIGH = 0.7


def measured(ports, workers, seconds=2.0):
    """Answers a second of back ends that are asked for as much as they can: what they are for, less what the machine takes."""
    async def all_of():
        counts = [0] * len(ports)

        async def one(at, until):
            clients = gate_load.Clients(ports[at])
            while asyncio.get_running_loop().time() < until:
                await clients.ask("GET", "/x")
                counts[at] += 1
            clients.close()
        until = asyncio.get_running_loop().time() + seconds
        await asyncio.gather(*(one(at, until) for at in range(len(ports)) for _ in range(2 * workers)))
        return sum(counts) / seconds
    return asyncio.run(all_of())


def slower(ports, factor):
    for port in ports:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/slower/{factor}").read()


# What differs from two back ends of one worker with exponential times and twice the capacity.
CASES = {
    "twice": {},
    "three times": {"total": 3.0},
    "fixed": {"service": "fixed", "total": 3.0},
    "bimodal": {"service": "bimodal", "total": 3.0},
    "one back end": {"backs": 1, "total": 3.0},
    "four back ends": {"backs": 4, "total": 3.0},
    "four workers": {"workers": 4, "total": 3.0},
    "slow": {"capacity": 20.0, "total": 3.0, "times": 4},
    "short queues": {"queue": 2, "workers": 2, "total": 3.0},
    "no queues": {"queue": 0, "workers": 4, "total": 3.0},
    "round robin": {"policy": "round-robin", "total": 3.0},
    "many low": {"total": 3.0, "low": 0.8, "members": {"high": 5, "medium": 20, "low": 2000}},
    "bursts": {"total": 3.0, "bursts": True},
    "half": {"total": 2.0, "halves": True},
    "greedy": {"total": 3.0, "greedy": True},
}


def run(name, seed, seconds, capacity=120.0, backs=2, workers=1, service="exponential", queue=None, total=2.0, policy="pogson", low=0.5,
        members=None, bursts=False, halves=False, greedy=False, times=1):
    warm_s, seconds = 4.0, seconds * times
    with Stage() as stage:
        script = pathlib.Path(gate_load.__file__)
        ports = [free_port() for _ in range(backs)]
        each_s = backs * workers / capacity
        for at, port in enumerate(ports):
            more = [] if queue is None else ["--queue", queue]
            stage.start(f"back-{at}", port, sys.executable, script, port, "--workers", workers, "--service", service,
                        "--seconds", each_s, "--seed", seed * 100 + at, *more)
        # What they do here and now, with clients beside them; of some hundred answers, since times differ.
        capacity = measured(ports, workers, max(2.0, 240 / capacity)) if queue is None or queue >= workers else capacity
        port, admin = free_port(), free_port()
        classes = "\n".join(
            f'[[class]]\nname = "{level}"\nlevel = "{level}"\ntoken = "{level}-word"' for level in ("high", "medium", "low")
        )
        servers = "\n".join(f'[[pool.server]]\naddress = "http://127.0.0.1:{back}"\nslow_start = "0s"' for back in ports)
        text = f"""workers = 1
[[listen]]
address = "127.0.0.1:{port}"
[admin]
address = "127.0.0.1:{admin}"
[members]
by = ["cookie:who", "address"]
{classes}
[[pool]]
policy = "{policy}"
{servers}
"""
        command = [POGSON] if pathlib.Path(POGSON).name == "serve" else [POGSON, "gate", "serve", "--config"]
        gate = stage.start("gate", port, *command, stage.write("gate.toml", text))
        rest = total - HIGH
        rates = {"high": HIGH, "medium": rest * (1 - low), "low": rest * low}
        many = members or {}
        # Half of the time the high level asks for 1.4 times the capacity, else for nothing.
        shapes = {"high": (lambda at: 1.0 if at % 4 < 2 else 0.0)} if bursts else {}
        levels = [
            gate_load.Level(level, capacity * rate, f"Authorization: Bearer {level}-word\r\nCookie: who={{who}}\r\n", many.get(level, 20),
                            shapes.get(level))
            for level, rate in rates.items()
        ]
        if bursts:
            levels[0].rate *= 2
        if greedy:
            # One member asks for as much as ten others of its level together.
            medium = levels[1]
            medium.rate, medium.members = medium.rate / 2, 10
            levels.insert(2, gate_load.Level("greedy", medium.rate, medium.fields.replace("greedy", "medium"), 1))
        if halves:
            seconds, events = seconds * 2, [((warm_s + seconds * 2) / 2, lambda: slower(ports, 2))]
        else:
            events = []
        asyncio.run(gate_load.overload(port, levels, warm_s + seconds, warm_s, seed, events=events))
        state = json.load(urllib.request.urlopen(f"http://127.0.0.1:{admin}/state"))
        limits = re.findall(r'"limit": ?(\d+)', json.dumps(state))
        resident = int((pathlib.Path(f"/proc/{gate.pid}/statm").read_text()).split()[1]) * 4096 / 1e6
    found = [level.figures(capacity * (0.75 if halves else 1), seconds) for level in levels]
    print(f"{name}, seed {seed}: {sum(one['answered'] for one in found):.0f} /s of {capacity:.0f}, gate {resident:.0f} MB, at once {'+'.join(limits)}")
    for one in found:
        show = lambda value: "     -" if value is None else f"{value:6.0f}"
        print(f"  {one['level']:7} asked {one['offered']:6.1f} /s  answered {one['of_offered']:6.1%}, {one['of_capacity']:6.1%} of capacity"
              f"  p50 {show(one['p50_ms'])} p99 {show(one['p99_ms'])} ms  refused {one['refused']:5} (p50 {show(one['refusal_p50_ms'])}"
              f" p99 {show(one['refusal_p99_ms'])} ms; {one['refused_with_retry_after']} told when)  late {one['late']} cut {one['cut']} lost {one['lost']}",
              flush=True)
    if greedy:
        by = {}
        for end in levels[1].ends:
            by.setdefault(end[1], []).append(end[2] == 200)
        ones = sorted(sum(came) for came in by.values())
        print(f"  answers of the ten modest: {ones}, of the greedy one: {sum(end[2] == 200 for end in levels[2].ends)}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=", ".join(CASES))
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    if wrong := set(args.cases) - set(CASES):
        parser.error(f"no case is called {', '.join(sorted(wrong))}")
    found = {}
    for name in args.cases or CASES:
        for seed in range(1, args.seeds + 1):
            found.setdefault(name, []).append(run(name, seed, args.seconds, **CASES[name]))
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
