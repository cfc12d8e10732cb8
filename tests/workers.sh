#!/bin/bash
# usage: workers.sh TARGET_FOLDER     Builds pogson-worker for several machines into TARGET_FOLDER/workers, named by BOINC's platforms.
# Those whose Rust target or linker cannot be had are skipped, and the reason printed. Macs need the Python package ziglang
# (`pip install ziglang`; PYTHON names the Python that has it).
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1/workers
mkdir -p "$folder"
lld="-C linker=rust-lld -C link-self-contained=yes -C target-feature=+crt-static"
export LINK_MAC_PYTHON=${PYTHON:-python3}
while read -r platform target linker ending; do
    if [[ $linker = zig:* ]]; then
        if ! "$LINK_MAC_PYTHON" -c "import ziglang" 2>/dev/null; then
            echo "workers: $platform skipped, $LINK_MAC_PYTHON has no package ziglang"
            continue
        fi
        export LINK_MAC_TARGET=${linker#zig:}
    elif [ "$linker" != - ] && ! command -v "$linker" >/dev/null; then
        echo "workers: $platform skipped, there is no $linker"
        continue
    fi
    if ! rustup target add "$target" >/dev/null 2>&1; then
        echo "workers: $platform skipped, the target $target cannot be fetched"
        continue
    fi
    name=$(tr 'a-z-' 'A-Z_' <<<"$target")
    if [ "$linker" = - ]; then
        flags=$lld
    elif [[ $linker = zig:* ]]; then
        flags="-C linker=$PWD/tests/link-mac.sh"
    else
        flags="-C target-feature=+crt-static -C linker=$linker"
    fi
    env "CARGO_TARGET_${name}_RUSTFLAGS=$flags" ${CARGO:-cargo} build --release --locked --quiet -p pogson-worker --target "$target"
    [ "$ending" = - ] && ending=
    cp "$1/$target/release/pogson-worker$ending" "$folder/pogson-worker_$platform$ending"
    echo "workers: $folder/pogson-worker_$platform$ending"
done <<'LIST'
x86_64-pc-linux-gnu x86_64-unknown-linux-musl - -
aarch64-unknown-linux-gnu aarch64-unknown-linux-musl - -
arm-unknown-linux-gnueabihf armv7-unknown-linux-gnueabihf arm-linux-gnueabihf-gcc -
x86_64-apple-darwin x86_64-apple-darwin zig:x86_64-macos.10.13 -
arm64-apple-darwin aarch64-apple-darwin zig:aarch64-macos.11.0 -
windows_x86_64 x86_64-pc-windows-gnu x86_64-w64-mingw32-gcc .exe
LIST
