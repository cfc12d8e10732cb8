"""Whole mosaics beside the peers: CPU seconds of all processes, wall seconds, peak resident memory of the largest one.

Every tool makes the same frame from the same tiles, in turns, so that a drift of the machine's speed touches all alike.
Tiles come from `pogson simulate` (2MASS-like: 512 x 1024 pixels of one arcsecond, a plane of background each) or a folder.
"""

import argparse
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


def run(command, cwd, log):
    """CPU seconds, wall seconds and peak memory in MiB of one command; None when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    peak = 0
    with open(log, "a") as out:
        process = subprocess.Popen(command, cwd=cwd, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = usage.ru_maxrss / 1024
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode != 0:
        return None
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.monotonic() - start, peak


def chain(commands, cwd, log):
    """One flow of several commands: CPU and wall add up, memory is the largest."""
    total = [0.0, 0.0, 0.0]
    for command in commands:
        one = run(command, cwd, log)
        if one is None:
            return None
        total = [total[0] + one[0], total[1] + one[1], max(total[2], one[2])]
    return tuple(total)


def montage(raw, header, work):
    """Montage's fast flow with background matching."""
    for name in ("proj", "diff", "corr"):
        shutil.rmtree(work / name, ignore_errors=True)
        (work / name).mkdir()
    m = lambda *words: [str(w) for w in words]
    return chain(
        [
            m("mImgtbl", raw, "rimages.tbl"),
            m("mProjExec", "-p", raw, "rimages.tbl", header, "proj", "stats.tbl"),
            m("mImgtbl", "proj", "pimages.tbl"),
            m("mOverlaps", "pimages.tbl", "diffs.tbl"),
            m("mDiffExec", "-p", "proj", "diffs.tbl", header, "diff"),
            m("mFitExec", "diffs.tbl", "fits.tbl", "diff"),
            m("mBgModel", "-i", "100000", "pimages.tbl", "fits.tbl", "corrections.tbl"),
            m("mBgExec", "-p", "proj", "pimages.tbl", "corrections.tbl", "corr"),
            m("mImgtbl", "corr", "cimages.tbl"),
            m("mAdd", "-p", "corr", "cimages.tbl", header, "montage.fits"),
        ],
        work,
        work / "montage.log",
    )


def swarp(raw, work):
    """SWarp with LANCZOS3, no background matching, one thread."""
    tiles = sorted(str(p) for p in raw.glob("*.fits"))
    (work / "tiles.txt").write_text("\n".join(tiles) + "\n")
    options = "-SUBTRACT_BACK N -RESAMPLING_TYPE LANCZOS3 -COMBINE_TYPE AVERAGE -NTHREADS 1 -VERBOSE_TYPE QUIET -WRITE_XML N"
    program = shutil.which("swarp") or shutil.which("SWarp") or "swarp"
    command = [program, "@tiles.txt", "-IMAGEOUT_NAME", "swarp.fits", "-WEIGHTOUT_NAME", "swarp.weight.fits"]
    return run(command + options.split(), work, work / "swarp.log")


REPROJECT = """
import glob, sys
from astropy.io import fits
from astropy.wcs import WCS
from reproject import reproject_interp
from reproject.mosaicking import reproject_and_coadd
raw, header, out = sys.argv[1:]
frame = fits.Header.fromtextfile(header)
shape = frame["NAXIS2"], frame["NAXIS1"]
made, _ = reproject_and_coadd(sorted(glob.glob(raw + "/*.fits")), WCS(frame), shape_out=shape,
                              reproject_function=reproject_interp, order="bilinear", match_background=True)
fits.writeto(out, made.astype("f4"), WCS(frame).to_header(), overwrite=True)
"""


def peers_python():
    """A Python that has reproject, if there is one: that of `make test-foreign`, or the system's."""
    for python in (os.environ.get("POGSON_PYTHON"), "target/foreign-venv/bin/python", sys.executable):
        if python and shutil.which(python):
            if subprocess.run([python, "-c", "import reproject"], capture_output=True).returncode == 0:
                return os.path.abspath(shutil.which(python))
    return None


def measure(name, raw, header, pogson, runs, work):
    """Prints the table of one set of tiles."""
    base = [pogson, "mosaic", str(raw), "-o", "out.fits", "--header", str(header), "--force", "--quiet"]
    log = work / "pogson.log"
    tools = {
        "pogson, matched, 1 thread": lambda: run(base + ["--threads", "1"], work, log),
        "pogson, matched, 2 threads": lambda: run(base + ["--threads", "2"], work, log),
        "pogson, not matched, 1 thread": lambda: run(base + ["--threads", "1", "--background", "none"], work, log),
        "pogson, montage-exact, 1 thread": lambda: run(
            base + ["--threads", "1", "--background", "none", "--method", "montage-exact"], work, log
        ),
    }
    if shutil.which("mProjExec"):
        tools["Montage, fast flow, matched"] = lambda: montage(raw, header, work)
    if shutil.which("swarp") or shutil.which("SWarp"):
        tools["SWarp LANCZOS3, not matched"] = lambda: swarp(raw, work)
    if python := peers_python():
        script = [python, "-W", "ignore", "-c", REPROJECT, str(raw), str(header), "reproject.fits"]
        tools["reproject, bilinear, levels matched"] = lambda: run(script, work, work / "reproject.log")
    figures = {tool: [] for tool in tools}
    for _ in range(runs):
        for tool, act in tools.items():
            figures[tool].append(act())
    print(f"\n{name}: medians of {runs}\n")
    print("| tool | CPU s | wall s | peak MiB | CPU over pogson's, matched, 1 thread |")
    print("|---|---|---|---|---|")
    first = statistics.median(f[0] for f in figures["pogson, matched, 1 thread"] if f)
    for tool, found in figures.items():
        found = [f for f in found if f]
        if not found:
            print(f"| {tool} | failed, see {work} | | | |")
            continue
        cpu, wall, peak = (statistics.median(column) for column in zip(*found))
        print(f"| {tool} | {cpu:.2f} | {wall:.2f} | {peak:.0f} | {cpu / first:.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="0.3,1", help="sides of simulated fields in degrees")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tiles", type=pathlib.Path, help="a folder of tiles to measure too")
    parser.add_argument("--header", type=pathlib.Path, help="template for --tiles")
    args = parser.parse_args()
    pogson = os.path.abspath(os.environ.get("POGSON_BIN", "target/release/pogson"))
    with tempfile.TemporaryDirectory(prefix="pogson-bench-") as folder:
        folder = pathlib.Path(folder)
        if args.tiles and args.header:
            work = folder / "given"
            work.mkdir()
            measure(args.tiles.name, args.tiles.resolve(), args.header.resolve(), pogson, args.runs, work)
        for size in args.sizes.split(","):
            work = folder / size
            work.mkdir()
            made = work / "set"
            subprocess.run([pogson, "simulate", "--output", str(made), "--size", size, "--quiet"], check=True)
            measure(f"{size} degrees", made / "raw", made / "region.hdr", pogson, args.runs, work)


if __name__ == "__main__":
    main()
