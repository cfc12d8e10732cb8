#!/bin/bash
# usage: SOAK_SECONDS=3600 soak.sh     Fuzzes each target under fuzz/ for its share of the time; ends at the first crash.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${SOAK_SECONDS:-3600}
[ -d fuzz ] || { echo "soak: no fuzz targets here"; exit 0; }
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "soak: installing cargo-fuzz"
    cargo install --locked cargo-fuzz
fi
toolchain=()
rustup toolchain list 2>/dev/null | grep -q nightly && toolchain=(+nightly)
[ ${#toolchain[@]} -gt 0 ] || export RUSTC_BOOTSTRAP=1
mapfile -t targets < <(cargo "${toolchain[@]}" fuzz list)
[ ${#targets[@]} -gt 0 ] || { echo "soak: no fuzz targets here"; exit 0; }
share=$((seconds / ${#targets[@]}))
for target in "${targets[@]}"; do
    echo "soak: $target for $share s"
    cargo "${toolchain[@]}" fuzz run "$target" -- -max_total_time="$share" -timeout=20 -rss_limit_mb=4096
done
