#!/bin/bash
# Speed and memory beside the peers, in one run, medians of several turns: whole mosaics (Montage, SWarp, reproject), then single
# parts (mProjectPP, mProject, wcslib), then fits of pixels, then connections within the machine (wire.py). Which method is best is another matter: methods.py.
# usage: POGSON_BIN=target/release/pogson bench/run.sh [--sizes 0.3,1] [--runs 3] [--tiles DIR --header T.hdr]
set -euo pipefail
here=$(dirname "$0")
python3 "$here/mosaic.py" "$@"
python3 "$here/rates.py"
python3 "$here/fit.py" --pixels 20
python3 "$here/wire.py" --quick
