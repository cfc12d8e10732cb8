#!/usr/bin/env python3
"""What fits cost, as Markdown tables: CPU seconds a pixel of mocks in three sets of bands, at two ratios of signal to noise, in both
arithmetics, and beside them

  naive    the plain loop over all pairs in double precision, timed with fewer models and scaled by pairs
  limit    the share of the multiply-adds that a core can do in single precision, which a probe measures in the same run
  threads  one thread and two, wall time of `pogson fit` on a list
  library  CPU seconds of `pogson library build` for 12 filters
  year     how long the 53 million pixels of POGS's first year would take
  peers    MAGPHYS's published cost (77 to 87 CPU s a pixel for 50,000 x 50,000 models in 12 bands); FAST++ where it is installed

A pixel's time is of the fit alone; the library has been made ready before. CPU times are of the thread or process, so that other
work on the machine matters little; the wall times of `threads` want an idle one.

usage: POGSON_BIN=target/release/pogson bench/fit.py [--pixels 1000] [--models 50000] [--parts rates,naive,...] [--sets far-IR]
"""
import argparse
import glob
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

OPTICAL = "GALEX_FUV GALEX_NUV SDSS_u SDSS_g SDSS_r SDSS_i SDSS_z".split()
NEAR = OPTICAL + ["WISE_W1", "WISE_W2"]
FAR = NEAR + ["WISE_W3", "WISE_W4", "SPIRE_250"]
SETS = {"optical": OPTICAL, "to 5 um": NEAR, "far-IR": FAR}
PARTS = ["rates", "naive", "limit", "threads", "library", "year", "peers"]
MAGPHYS = 80.0
YEAR_PIXELS = 53e6
# Multiplications and multiply-adds in sky/sed/src/fit/kernel.rs: of a tested pair without those of its mixed bands, one each; of a
# pair that is worked out (scale and chi2 3, likelihood 2, exp2 8, log10 14, sums in double precision 4, bins 4).
TESTED, WORKED = 5, 35
HERE = os.path.dirname(os.path.abspath(__file__))


def built(package, name, folder):
    """Builds an example, and copies it to where later builds do not change it."""
    command = ["cargo", "build", "--release", "--quiet", "--message-format", "json", "-p", package, "--example", name]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE).stdout.splitlines()
    found = [said["executable"] for said in map(json.loads, lines) if said.get("executable")]
    return shutil.copy(found[-1], os.path.join(folder, name))


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def cpu(command):
    """CPU seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def numbers(pattern, text):
    return [float(value) for value in re.search(pattern, text).groups()]


class Set:
    """A set of bands with a library, and mocks drawn from one of another seed."""

    def __init__(self, args, name, models, folder):
        pogson = self.pogson = args.pogson
        self.fit_rate, self.name = args.fit_rate, name
        self.folder = os.path.join(folder, f"{name.replace(' ', '_')}_{models}")
        os.mkdir(self.folder)
        base = [pogson, "library", "build", "--filters", ",".join(SETS[name]), "--redshift", "0.01"]
        base += ["--stellar", str(models), "--dust", str(models), "--quiet"]
        self.library = f"{self.folder}/a.lib"
        # MAGPHYS's text form, which the example reads.
        subprocess.run([*base, "-o", self.library, "--lbr", self.folder], check=True, capture_output=True)
        subprocess.run([*base, "--seed", "2", "-o", f"{self.folder}/b.lib"], check=True, capture_output=True)

    def mocks(self, snr, count):
        """A list of mock pixels at a ratio of signal to noise in each band."""
        path = f"{self.folder}/o{snr}_{count}.dat"
        if not os.path.exists(path):
            mock = [self.pogson, "library", "mock", f"{self.folder}/b.lib", "-n", str(count), "--snr", str(snr), "--quiet"]
            subprocess.run([*mock, "-o", path], check=True, capture_output=True)
        return path

    def fit(self, snr, mode, count):
        """What the example prints of fits."""
        lbr = [f"{self.folder}/starformhist_cb07_z0.0100.lbr", f"{self.folder}/infrared_dce08_z0.0100.lbr"]
        filters, mocks = f"{self.folder}/filters.dat", self.mocks(snr, count)
        text = output(self.fit_rate, filters, mocks, *lbr, mode, "0", str(count))
        found = dict(zip(("median", "worst", "mean"), numbers(r"median ([\d.]+) s, worst ([\d.]+) s, mean ([\d.]+) s", text)))
        found["pairs"] = numbers(r"s, (\d+) pairs", text)[0]
        found["tested"], found["worked"], found["mixed"] = numbers(r"tested (\d+) and worked (\d+) pairs, (\d+) mixed", text)
        return found


def table(heads, rows):
    print("\n| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)
    print(flush=True)


def naive_cost(few, snr):
    """CPU seconds a pair of the plain loop."""
    found = few.fit(snr, "naive", 3)
    return found["median"] / found["pairs"]


def report_rates(sets, few, args, peak):
    naive = {name: naive_cost(few[name], 12.5) for name in few}
    rates = {}
    rows = []
    for name, bands in sets.items():
        for snr in args.snr:
            for mode in args.modes:
                found = rates[name, snr, mode] = bands.fit(snr, mode, args.pixels)
                row = [name, f"{snr:g}", mode, f"{found['median']:.4f}", f"{found['worst']:.3f}", f"{found['mean']:.4f}"]
                row += [f"{MAGPHYS / found['median']:,.0f}"]
                if naive:
                    row += [f"{naive[name] * found['pairs'] / found['median']:,.0f}"]
                if peak and found["mixed"] > 0:
                    spent = found["mean"] * args.pixels
                    work = found["tested"] * (TESTED + found["mixed"]) + found["worked"] * WORKED
                    of_pairs = 100 / (args.pixels * found["pairs"])
                    row += [f"{found['tested'] * of_pairs:.2f}, {found['worked'] * of_pairs:.3f}", f"{work / spent / peak * 100:.0f} %"]
                elif peak:
                    row += ["no pairs", ""]
                rows.append(row)
                print("# " + "  ".join(row), flush=True)
    heads = ["bands", "S/N", "arithmetic", "median, CPU s", "worst", "mean", "x MAGPHYS"]
    heads += ["x plain loop"] if naive else []
    heads += ["% of pairs tested, worked", "of the FMA limit"] if peak else []
    table(heads, rows)
    for name, cost in naive.items():
        pairs = rates[name, args.snr[0], args.modes[0]]["pairs"]
        print(f"Plain loop, {name}: {cost * 1e9:.1f} ns a pair, {cost * pairs:.0f} CPU s a pixel with {pairs / 1e6:.1f} million pairs.")
    if peak:
        print(f"FMA limit: {peak / 1e9:.1f} G multiply-adds a second in single precision on this core, by the probe.")
    return rates


def by_thread(command):
    """Runs a command; what it prints, and the CPU seconds of its first thread and of all others (to 20 ms)."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    spent = {}
    while child.poll() is None:
        for thread in glob.glob(f"/proc/{child.pid}/task/*"):
            try:
                with open(f"{thread}/schedstat") as file:
                    spent[os.path.basename(thread)] = float(file.read().split()[0]) * 1e-9
            except OSError:
                pass
        time.sleep(0.02)
    if child.returncode != 0:
        sys.exit(f"{command[0]} ended with {child.returncode}")
    first = spent.pop(str(child.pid), 0.0)
    return child.stdout.read(), first, sum(spent.values())


def report_threads(bands, args):
    """A list with one thread and two: wall times, the best of several turns of each, one after the other; and CPU times."""
    count = args.thread_pixels
    command = [args.pogson, "fit", "--observations", bands.mocks(12.5, count), "--filters", f"{bands.folder}/filters.dat"]
    command += ["--library", bands.library, "-o", f"{bands.folder}/fits", "--force", "--restart", "--json", "--quiet"]
    found = {1: [], 2: []}
    for _ in range(args.turns):
        for threads in found:
            text, first, others = by_thread([*command, "--threads", str(threads)])
            found[threads].append((json.loads(text)["seconds"], first, others))
    best = {threads: [min(column) for column in zip(*turns)] for threads, turns in found.items()}
    rows = []
    for threads, (wall, first, others) in best.items():
        rows.append([str(threads), f"{wall:.2f}", f"{best[1][0] / wall:.3f}", f"{first:.2f}", f"{others:.2f}"])
    heads = ["wall s", "times one thread", "CPU s of the first thread", "of the workers"]
    table([f"threads, {count} pixels, {bands.name}, S/N 12.5", *heads], rows)
    (_, first, one), (_, second, two) = best[1], best[2]
    print(f"By CPU time two threads are {(first + one) / (second + two / 2):.3f} times one where both have a core to themselves.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pixels", type=int, default=1000, help="mocks of each set and ratio")
    parser.add_argument("--models", type=int, default=50000, help="stellar models, and as many of dust")
    parser.add_argument("--sets", type=lambda text: text.split(","), default=list(SETS), help=", ".join(SETS))
    parser.add_argument("--snr", type=lambda text: [float(x) for x in text.split(",")], default=[12.5, 4.0])
    parser.add_argument("--modes", type=lambda text: text.split(","), default=["paper", "default"])
    parser.add_argument("--parts", type=lambda text: text.split(","), default=PARTS, help=", ".join(PARTS))
    parser.add_argument("--naive-models", type=int, default=5000, help="models of each kind for the plain loop")
    parser.add_argument("--thread-pixels", type=int, default=400)
    parser.add_argument("--turns", type=int, default=3, help="turns of each number of threads")
    args = parser.parse_args()
    for given, known in ((args.parts, PARTS), (args.sets, SETS), (args.modes, ["paper", "default"])):
        if unknown := [word for word in given if word not in known]:
            parser.error(f"{unknown[0]} is none of {', '.join(known)}")
    args.pogson = os.path.abspath(os.environ.get("POGSON_BIN", "target/release/pogson"))
    with tempfile.TemporaryDirectory() as folder:
        args.pogson = shutil.copy(args.pogson, folder)
        args.fit_rate = built("pogson-sed", "fit_rate", folder)
        peak = 0.0
        if "limit" in args.parts:
            peak = numbers(r"([\d.]+) G", output(built("pogson-lanes", "fma_rate", folder)))[0] * 1e9
        wanted = args.sets if {"rates", "year"} & set(args.parts) else []
        wanted = wanted or (args.sets[-1:] if "threads" in args.parts else [])
        sets = {name: Set(args, name, args.models, folder) for name in wanted}
        few = {name: Set(args, name, args.naive_models, folder) for name in wanted} if "naive" in args.parts else {}
        if {"rates", "year"} & set(args.parts):
            rates = report_rates(sets, few, args, peak)
            if "year" in args.parts:
                rows = [
                    [name, f"{snr:g}", mode, f"{found['mean'] * YEAR_PIXELS / 86400:.1f}"]
                    for (name, snr, mode), found in rates.items()
                ]
                table(["bands", "S/N", "arithmetic", "53 million pixels, days of one core"], rows)
        if "threads" in args.parts:
            report_threads(sets[wanted[-1]], args)
        if "library" in args.parts:
            build = [args.pogson, "library", "build", "--filters", ",".join(FAR), "--redshift", "0.01", "--force", "--quiet"]
            spent = [cpu([*build, "--threads", "1", "-o", f"{folder}/built.lib"]) for _ in range(3)]
            print(f"Library of 50,000 + 50,000 models in {len(FAR)} filters: {min(spent):.2f} CPU s, at worst {max(spent):.2f}.")
    if "peers" in args.parts:
        found = shutil.which("fast++")
        print("FAST++: " + (f"{found} is here, and is to be timed by hand: it fits catalogues of its own form to one grid of models." if found else "not installed; left out."))
        print(f"MAGPHYS: {MAGPHYS:.0f} CPU s a pixel are the published 77 to 87, not measured here.")


if __name__ == "__main__":
    main()
