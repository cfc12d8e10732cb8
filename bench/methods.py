"""Which method of reprojection is best: every method on the same simulated surveys, scored against their truth.

Surveys without noise, a plane of background in each tile: well-sampled stars, undersampled stars, tiles turned by many degrees,
pixels without a value, hot pixels. Errors of flux are in percent; only stars above a flux of 10,000 count.

usage: POGSON_BIN=target/release/pogson python3 bench/methods.py [--size 0.3] [--seeds 3]
"""

import argparse
import array
import json
import math
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

METHODS = "bspline5 bspline3 lanczos4 lanczos3 lanczos2 bicubic bilinear nearest montage-exact plane drizzle adaptive".split()

SETS = {
    "2.8 px": [],
    "1.5 px": ["--fwhm", "1.5"],
    "turned": ["--rotation-scatter", "20"],
    "noise 4": ["--noise", "4"],
    "bad pixels": ["--nan", "0.0005"],
    "hot pixels": ["--hot", "0.0001", "--stars", "4"],
}


def pogson(*words):
    program = os.environ.get("POGSON_BIN", "target/release/pogson")
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"pogson {' '.join(map(str, words))}: {done.stderr}")
    return done.stdout


def pixels(path):
    """Values of a 32-bit float image."""
    data = path.read_bytes()
    at, cards = 0, {}
    while True:
        card = data[at : at + 80].decode("ascii")
        at += 80
        if card.startswith("END"):
            break
        if card[8:10] == "= ":
            cards[card[:8].strip()] = card[10:].split("/")[0].strip()
    start = -(-at // 2880) * 2880
    values = array.array("f", data[start : start + 4 * int(cards["NAXIS1"]) * int(cards["NAXIS2"])])
    values.byteswap()
    return values


def score(name, folder, mosaic):
    """What counts in a set, by name."""
    found = json.loads(pogson("compare", mosaic, "--stars", folder / "truth_stars.txt", "--tiles", folder / "raw", "--json"))
    stars = found["photometry"]["a"]
    if name == "noise 4":
        return {"background rms, DN": stars["background_rms"]}
    if name == "hot pixels":
        return {}
    seam = stars["bright_seam" if name != "bad pixels" else "bright"]
    out = {"rms, %": seam["flux_rms"], "worst, %": seam["flux_max"]}
    if name == "bad pixels":
        values = pixels(mosaic)
        return {"lost, %": 100 * sum(map(math.isnan, values)) / len(values), **out}
    return {**out, "centroid, worst, px": seam["centroid_max"]}


def spread(hot, clean):
    """Of the pixels that a hot pixel changes: how many by a thousandth and by a hundredth of it, for each hot pixel."""
    change = sorted((abs(a - b) for a, b in zip(hot, clean) if a == a and b == b), reverse=True)
    count = lambda limit: sum(1 for c in change if c > limit)
    return count(100.0), count(1000.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="0.3", help="side of the surveys in degrees")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory(prefix="pogson-methods-") as top:
        top = pathlib.Path(top)
        for name, options in SETS.items():
            for seed in range(1, args.seeds + 1):
                folder = top / f"{name.replace(' ', '-')}-{seed}"
                pogson("simulate", "-o", folder, "--size", args.size, "--seed", seed, "--quiet", *options)
                clean = top / f"clean-{seed}"
                if name == "hot pixels":
                    pogson("simulate", "-o", clean, "--size", args.size, "--seed", seed, "--stars", "4", "--quiet")
                for method in METHODS:
                    out = top / "out.fits"
                    how = ["--header", folder / "region.hdr", "--method", method, "--quiet", "--force"]
                    before = resource.getrusage(resource.RUSAGE_CHILDREN)
                    pogson("mosaic", folder / "raw", "-o", out, *how)
                    after = resource.getrusage(resource.RUSAGE_CHILDREN)
                    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                    figures = score(name, folder, out)
                    if name == "hot pixels":
                        pogson("mosaic", clean / "raw", "-o", top / "clean.fits", *how)
                        spoiled = pixels(out)
                        far, near = spread(spoiled, pixels(top / "clean.fits"))
                        hot = 1e-4 * len(spoiled)
                        figures = {"> 0.1 %": far / hot, "> 1 %": near / hot}
                    if name == "2.8 px":
                        figures["CPU s"] = cpu
                    for what, value in figures.items():
                        results.setdefault((name, what), {}).setdefault(method, []).append(value)
                print(f"{name}, seed {seed}: done", file=sys.stderr, flush=True)
    columns = list(results)
    print("| method | " + " | ".join(f"{name}: {what}" for name, what in columns) + " |")
    print("|---|" + "---|" * len(columns))
    for method in METHODS:
        cells = []
        for name, what in columns:
            values = results[name, what][method]
            value = max(values) if "worst" in what else math.sqrt(statistics.fmean(v * v for v in values))
            cells.append(f"{value:.2g}")
        print(f"| {method} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
