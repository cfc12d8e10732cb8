"""Rates of single parts beside the peers', one thread, medians of several turns: exact reprojection of one tile (whole commands,
files in and out) beside mProjectPP and mProject, and coordinates beside wcslib (astropy).

usage: POGSON_BIN=target/release/pogson python3 bench/rates.py [--runs 3]
"""

import argparse
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import tempfile

WCSLIB = """
import time, numpy as np
from astropy.wcs import WCS
for code in ("TAN", "SIN"):
    w = WCS(naxis=2)
    w.wcs.ctype = "RA---" + code, "DEC--" + code
    w.wcs.crval, w.wcs.crpix = (275.196, -16.172), (512.5, 512.5)
    w.wcs.cdelt = -0.000277, 0.000277
    w.wcs.set()
    pixels = np.stack(np.meshgrid(np.arange(1024.0), np.arange(1024.0)), -1).reshape(-1, 2)
    best = [9e9, 9e9]
    for _ in range(5):
        a = time.perf_counter(); sky = w.wcs_pix2world(pixels, 0)
        b = time.perf_counter(); w.wcs_world2pix(sky, 0)
        best = [min(best[0], b - a), min(best[1], time.perf_counter() - b)]
    print(f"{code:<6}{len(pixels) / best[0] / 1e6:>12.1f}{len(pixels) / best[1] / 1e6:>12.1f}")
"""


def cpu(command, cwd):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def exact(pogson, runs, work):
    """Output pixels of a tile a CPU second, for whole commands."""
    subprocess.run([pogson, "simulate", "-o", str(work / "set"), "--size", "0.3", "--quiet"], check=True)
    tile = sorted((work / "set/raw").glob("*.fits"))[3]
    # The frame of the tile itself, turned a little: all of it is covered by one tile.
    frame = work / "tile.hdr"
    subprocess.run([pogson, "header", str(tile), "-o", str(frame), "--quiet"], check=True)
    tools = {
        "pogson reproject --method montage-exact": lambda: cpu(
            [pogson, "reproject", str(tile), "-o", "a.fits", "--header", str(frame), "--method", "montage-exact"]
            + ["--footprint", "a_area.fits", "--threads", "1", "--force", "--quiet"],
            work,
        ),
        "pogson reproject --method plane": lambda: cpu(
            [pogson, "reproject", str(tile), "-o", "b.fits", "--header", str(frame), "--method", "plane"]
            + ["--footprint", "b_area.fits", "--threads", "1", "--force", "--quiet"],
            work,
        ),
    }
    for program in ("mProjectPP", "mProject"):
        if shutil.which(program):
            tools[program] = lambda program=program: cpu([program, str(tile), f"{program}.fits", str(frame)], work)
    seconds = {name: [] for name in tools}
    for _ in range(runs):
        for name, act in tools.items():
            seconds[name].append(act())
    mpix = 512 * 1024 / 1e6
    print("| one tile of 0.52 Mpix, files in and out | CPU s | Mpix/s |\n|---|---|---|")
    for name, found in seconds.items():
        middle = statistics.median(found)
        print(f"| {name} | {middle:.3f} | {mpix / middle:.2f} |")


def coordinates():
    """Millions of points a second, to the sky and back."""
    print("\npogson (cargo run --release -p pogson-image --example wcs_rate):")
    rates = ["cargo", "run", "--quiet", "--release", "--locked", "-p", "pogson-image", "--example", "wcs_rate"]
    subprocess.run(rates, check=False)
    python = next((p for p in ("target/foreign-venv/bin/python", "python3") if shutil.which(p)), None)
    if python and subprocess.run([python, "-c", "import astropy"], capture_output=True).returncode == 0:
        print("\nwcslib by astropy, Mpts/s, pix->sky, sky->pix:", flush=True)
        subprocess.run([python, "-W", "ignore", "-c", WCSLIB], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    pogson = os.path.abspath(os.environ.get("POGSON_BIN", "target/release/pogson"))
    with tempfile.TemporaryDirectory(prefix="pogson-rates-") as folder:
        exact(pogson, args.runs, pathlib.Path(folder))
    coordinates()


if __name__ == "__main__":
    main()
