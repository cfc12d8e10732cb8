#!/usr/bin/env python3
"""Adds each unit's count to primes.tsv. A unit may come twice, so that the table is read before it is added to."""
import json
import sys
from pathlib import Path

TABLE = Path("primes.tsv")

for line in sys.stdin:
    finished = json.loads(line)
    name = finished["unit"]["name"]
    known = TABLE.read_text().splitlines() if TABLE.exists() else []
    rows = dict(row.split("\t", 1) for row in known)
    if finished["outputs"]:
        rows[name] = str(int(Path(finished["outputs"][0]).read_text()))
    else:
        rows[name] = finished["trouble"]
    part = TABLE.with_suffix(".part")
    part.write_text("".join(f"{key}\t{value}\n" for key, value in sorted(rows.items())))
    part.rename(TABLE)
    print(json.dumps({"ok": True, "facts": [{"key": f"primes/found/{name}", "text": rows[name]}]}), flush=True)
