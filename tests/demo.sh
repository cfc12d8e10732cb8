#!/bin/bash
# usage: demo.sh DIR     The main job on an embedded default: a simulated survey of 0.2 degrees becomes a mosaic that is
# measured against the truth. POGSON names the binary.
set -euo pipefail
dir=${1:-demo}
pogson=${POGSON:-target/release/pogson}

echo "1. simulate: tiles of 2MASS geometry with stars of known flux, noise, and a background plane of its own in each"
"$pogson" simulate --output "$dir/survey" --size 0.2 --seed 1 --noise 1 --truth-image --force

echo
echo "2. mosaic: one image from $(find "$dir/survey/raw" -name '*.fits' | wc -l) tiles, backgrounds matched"
"$pogson" mosaic "$dir/survey/raw" -o "$dir/mosaic.fits" --header "$dir/survey/region.hdr" --preview "$dir/mosaic.png" \
    --report "$dir/mosaic.html" --footprint "$dir/footprint.fits" --force

echo
echo "3. compare: the mosaic against the truth, pixel by pixel and star by star"
"$pogson" compare "$dir/mosaic.fits" "$dir/survey/truth.fits" --stars "$dir/survey/truth_stars.txt" --tiles "$dir/survey/raw"

echo
echo "mosaic   $dir/mosaic.fits"
echo "picture  $dir/mosaic.png"
echo "report   $dir/mosaic.html"
