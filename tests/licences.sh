#!/bin/bash
# Licences and advisories of the dependencies (deny.toml), where cargo-deny is installed; says so where it is not.
set -euo pipefail
cd "$(dirname "$0")/.."
if cargo deny --version >/dev/null 2>&1; then
    cargo deny --locked check bans licenses sources
else
    echo "licences: not checked, cargo-deny is not installed (cargo install cargo-deny)"
fi
