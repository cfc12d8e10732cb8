#!/usr/bin/env python3
"""CPU seconds a pixel of fits, in three sets of bands, at two ratios of signal to noise, in both arithmetics.

Beside them the plain loop over all pairs in double precision (scaled by pairs from a smaller library) and MAGPHYS's published
cost, 77 to 87 CPU s a pixel for 50,000 x 50,000 models in 12 bands.
usage: POGSON_BIN=target/release/pogson bench/fit.py [--pixels 1000] [--models 50000]
"""
import argparse
import os
import re
import subprocess
import tempfile

OPTICAL = "GALEX_FUV GALEX_NUV SDSS_u SDSS_g SDSS_r SDSS_i SDSS_z".split()
NEAR = OPTICAL + ["WISE_W1", "WISE_W2"]
FAR = NEAR + ["WISE_W3", "WISE_W4", "SPIRE_250"]
MAGPHYS = 80.0


def rate(args):
    """Median and worst CPU seconds that the example reports."""
    command = ["cargo", "run", "--release", "--quiet", "-p", "pogson-sed", "--example", "fit_rate", "--"]
    text = subprocess.run(command + args, check=True, capture_output=True, text=True, cwd=os.path.dirname(__file__) or ".").stdout
    found = re.search(r"median ([0-9.]+) s, worst ([0-9.]+) s", text)
    return float(found[1]), float(found[2])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pixels", type=int, default=1000)
    parser.add_argument("--models", type=int, default=50000)
    args = parser.parse_args()
    pogson = os.path.abspath(os.environ.get("POGSON_BIN", "target/release/pogson"))
    print(f"{'bands':<10} {'S/N':>5} {'':<8} {'median s':>9} {'worst s':>9} {'x MAGPHYS':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for name, bands in (("optical", OPTICAL), ("to 5 um", NEAR), ("far-IR", FAR)):
            here = os.path.join(folder, name.replace(" ", "_"))
            os.mkdir(here)
            base = ["--filters", ",".join(bands), "--redshift", "0.01", "--stellar", str(args.models), "--dust", str(args.models)]
            build = [pogson, "library", "build", *base]
            subprocess.run([*build, "-o", f"{here}/a.lib", "--lbr", here, "--quiet"], check=True, capture_output=True)
            subprocess.run([*build, "--seed", "2", "-o", f"{here}/b.lib", "--quiet"], check=True, capture_output=True)
            for snr in ("12.5", "4"):
                mock = [pogson, "library", "mock", f"{here}/b.lib", "-n", str(args.pixels), "--snr", snr]
                subprocess.run([*mock, "-o", f"{here}/o{snr}.dat", "--quiet"], check=True, capture_output=True)
                for mode in ("paper", "default"):
                    inputs = [f"{here}/filters.dat", f"{here}/o{snr}.dat"]
                    models = [f"{here}/starformhist_cb07_z0.0100.lbr", f"{here}/infrared_dce08_z0.0100.lbr"]
                    median, worst = rate([*inputs, *models, mode, "0", str(args.pixels)])
                    print(f"{name:<10} {snr:>5} {mode:<8} {median:>9.4f} {worst:>9.4f} {MAGPHYS / median:>10.0f}", flush=True)


if __name__ == "__main__":
    main()
