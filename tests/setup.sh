#!/bin/bash
# usage: setup.sh toolchain | setup.sh apt PACKAGE...
# toolchain: makes sure that cargo, rustfmt, clippy, a C compiler and make are there; installs by apt what is missing.
# apt: installs packages where that is possible; otherwise says why not and ends with 1.
set -euo pipefail

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo "$@"
    else return 1
    fi
}

apt_install() {
    command -v apt-get >/dev/null || { echo "setup: no apt-get here; please install $* by hand" >&2; return 1; }
    if ! as_root true; then
        echo "setup: neither root nor password-free sudo; please run: sudo apt-get install $*" >&2
        return 1
    fi
    echo "setup: installing $*" >&2
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 && return 0
    as_root apt-get update -qq >/dev/null 2>&1 || true
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

case "${1:-}" in
toolchain)
    command -v cargo >/dev/null || { echo "setup: no cargo; install Rust from https://rustup.rs first" >&2; exit 1; }
    missing=()
    command -v cc >/dev/null || missing+=(gcc libc6-dev)
    command -v make >/dev/null || missing+=(make)
    [ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
    for part in fmt clippy; do
        cargo "$part" --version >/dev/null 2>&1 && continue
        if command -v rustup >/dev/null; then rustup component add "${part/fmt/rustfmt}"; else apt_install "${part/#/rust-}"; fi
    done
    ;;
apt)
    shift
    apt_install "$@"
    ;;
*)
    sed -n 2,4p "$0"
    exit 2
    ;;
esac
