#!/bin/bash
# Speed and memory of whole mosaics beside Montage and SWarp, in one run: medians of several, CPU seconds of all processes.
# usage: POGSON_BIN=target/release/pogson bench/run.sh [--sizes 0.3,1] [--runs 3] [--tiles DIR --header T.hdr]
set -euo pipefail
exec python3 "$(dirname "$0")/mosaic.py" "$@"
