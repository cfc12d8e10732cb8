"""Three times as much is asked as two servers can do: who gets what, and how the others are told."""

import asyncio
import contextlib
import subprocess
import sys

import gate_load
import pytest
from test_gate_serve import free_port, listens, until

CAPACITY = 50.0
WORKERS = 2
WARM_S, SECONDS = 4.0, 8.0


@pytest.fixture
def started():
    with contextlib.ExitStack() as stack:
        def start(port, *command):
            process = subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
            until(lambda: listens(port), f"{command[0]} does not listen")
            return process
        yield start


@pytest.mark.parametrize("queue", [None, 2], ids=["servers-queue-all", "servers-have-short-queues"])
def test_the_high_level_is_served_and_the_others_neither_starve_nor_wait_in_vain(pogson, started, tmp_path, queue):
    backs = [free_port(), free_port()]
    for seed, back in enumerate(backs):
        more = [] if queue is None else ["--queue", queue]
        seconds = len(backs) * WORKERS / CAPACITY
        started(back, sys.executable, gate_load.__file__, back, "--workers", WORKERS, "--service", "exponential",
                "--seconds", seconds, "--seed", seed, *more)
    port = free_port()
    names = "high", "medium", "low"
    classes = "".join(f'[[class]]\nname = "{name}"\nlevel = "{name}"\ntoken = "{name}-word"\n' for name in names)
    servers = "".join(f'[[pool.server]]\naddress = "http://127.0.0.1:{back}"\nslow_start = "0s"\n' for back in backs)
    (tmp_path / "gate.toml").write_text(
        f'[[listen]]\naddress = "127.0.0.1:{port}"\n[members]\nby = ["cookie:who"]\n{classes}[[pool]]\n{servers}'
    )
    started(port, pogson.path, "gate", "serve", "--config", tmp_path / "gate.toml")
    # A little less than 70 %, for machines that are busy with other things.
    rates = {"high": 0.6, "medium": 1.2, "low": 1.2}
    levels = [
        gate_load.Level(name, CAPACITY * rate, f"Authorization: Bearer {name}-word\r\nCookie: who={{who}}\r\n")
        for name, rate in rates.items()
    ]
    asyncio.run(gate_load.overload(port, levels, WARM_S + SECONDS, WARM_S, 1, deadline_s=15.0))
    high, medium, low = found = [level.figures(CAPACITY, SECONDS) for level in levels]
    assert high["of_offered"] > 0.9, found
    together = sum(one["answered"] for one in found)
    for lower in (medium, low):
        assert lower["answered"] > 0.03 * together, found
        assert lower["refused"] > 0 and lower["refused_with_retry_after"] > 0.95 * lower["refused"], found
        # It is told at once, not when it has waited.
        assert lower["refusal_p50_ms"] < 0.5 * lower["p50_ms"], found
    assert all(one["cut"] == one["lost"] == one["late"] == 0 for one in found), found
