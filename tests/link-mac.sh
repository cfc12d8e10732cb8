#!/bin/bash
# A linker for Macs out of zig, which brings what Apple's SDK would: rustc calls it with clang's words.
# LINK_MAC_PYTHON: a Python that has the package ziglang; LINK_MAC_TARGET: zig's name of the machine.
set -euo pipefail
words=()
while [ $# -gt 0 ]; do
    case $1 in
        # Both are said by the target.
        -arch) shift ;;
        -mmacosx-version-min=*) ;;
        # The standard library names it and uses nothing of it.
        -liconv) ;;
        *) words+=("$1") ;;
    esac
    shift
done
exec "$LINK_MAC_PYTHON" -m ziglang cc -target "$LINK_MAC_TARGET" "${words[@]}"
