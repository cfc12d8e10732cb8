#!/usr/bin/env python3
"""Makes units that count the primes of a range. It remembers how far it has come in the fact primes/next."""
import json
import os
import sys
from pathlib import Path

END = int(os.environ.get("PRIMES_END", "20000"))
STEP = 1000
WORK = Path("work")


def say(**line):
    print(json.dumps(line), flush=True)


for line in sys.stdin:
    question = json.loads(line)
    begin = int(question["facts"].get("primes/next", "0"))
    for _ in range(question["wanted"]):
        if begin >= END:
            break
        name = f"primes_{begin}"
        WORK.mkdir(exist_ok=True)
        # The same name stands for the same bytes, also when this is asked again.
        (WORK / f"{name}.in").write_text(f"{begin} {begin + STEP}\n")
        say(file={"name": f"{name}.in", "path": f"work/{name}.in"})
        say(
            unit={
                "app": "primes",
                "name": name,
                "flops": 1e9,
                "flops_bound": 1e14,
                "delay": 86400 * 3,
                "credit": 0.5,
                "inputs": [{"file": f"{name}.in", "open_name": "in"}],
                "outputs": [{"open_name": "out", "most": 1000}],
                "opaque": f"{begin} {begin + STEP}",
            }
        )
        begin += STEP
    say(fact={"key": "primes/next", "text": str(begin)}, done=True)
