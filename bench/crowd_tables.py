"""The tables of theSkyNet POGS's first year from a simulated project: what share of units took 2, 3, 4 or more results, and what became
of results, with 3.4 % of tasks failing, 1.0 % never heard of again and 0.3 % wrong. Months pass in minutes, on a pretended clock.

usage: POGSON_BIN=target/release/pogson python3 bench/crowd_tables.py [--units 50000] [--hosts 1000] [--days 60] [--seed 1] [--json]
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/foreign"))

from crowd_statistics import OUTCOMES, TABLE_2, VALIDITY, simulate, tables  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=50_000)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pogson-crowd-tables-") as folder:
        start = time.monotonic()
        server, said = simulate(os.environ["POGSON_BIN"], pathlib.Path(folder), args.units, args.hosts, args.days, args.seed)
        found = tables(server)
        server.run("check", server.folder)
    found |= {"wall_seconds": time.monotonic() - start, "requests": said["requests"], "errors": said["errors"]}
    if args.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{found['units']} units, {found['results']} results, {said['requests']} requests in {found['wall_seconds']:.0f} s")
    for name, wanted in (("table_2", TABLE_2), ("outcomes", OUTCOMES), ("validity", VALIDITY)):
        for key, share in wanted.items():
            print(f"{name:<10} {key:<14} {found[name][key]:6.2f} %   wanted {share:5.1f} %   off by {found[name][key] - share:+.2f}")


if __name__ == "__main__":
    main()
