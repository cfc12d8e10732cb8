#!/bin/bash
# usage: mutants.sh [FOLDER]     Takes one thing after another out of the ring's sources and of the models' sleepers; each time the
# named tests must fail. FOLDER keeps what is built (default: a new one, removed at the end). A few minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
ring=$PWD
folder=${1:-}
[ -n "$folder" ] || { folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; }
copy=$folder/ring
mkdir -p "$copy"
cp ../../Cargo.lock "$copy/Cargo.lock"
sed -e 's/^version\.workspace.*/version = "0.0.0"/' -e 's/^edition\.workspace.*/edition = "2024"/' -e '/\.workspace = true/d' \
    -e '/^\[lints\]/,/^$/d' -e '/^\[dev-dependencies\]/,$d' Cargo.toml >"$copy/Cargo.toml"
printf '\n[workspace]\n' >>"$copy/Cargo.toml"

fresh() {
    rm -rf "$copy/src" "$copy/tests"
    cp -r "$ring/src" "$ring/tests" "$copy"
}

models() {
    (cd "$copy" && RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR="$folder/target" timeout 300 \
        cargo test --quiet --release --test model -- "$@" >"$folder/said" 2>&1)
}

fresh
models || { cat "$folder/said"; echo "mutants: the models fail without any"; exit 1; }

survivors=0
# Which tests, which file, what is replaced (its n-th occurrence), and by what.
mutant() {
    local tests=$1 file=$2 nth=$3 from=$4 to=$5
    fresh
    FROM=$from TO=$to python3 - "$copy/$file" "$nth" <<'PY'
import os, sys
path, nth = sys.argv[1], int(sys.argv[2])
text, at = open(path).read(), -1
for _ in range(nth):
    at = text.find(os.environ["FROM"], at + 1)
    if at < 0:
        sys.exit(f"mutants: {path} has no such text: {os.environ['FROM']}")
open(path, "w").write(text[:at] + os.environ["TO"] + text[at + len(os.environ["FROM"]):])
PY
    if models "$tests"; then
        echo "mutants: SURVIVES in $file: $from -> $to"
        survivors=$((survivors + 1))
    elif grep -q '^error: could not compile' "$folder/said"; then
        cat "$folder/said"
        echo "mutants: does not compile: $from -> $to"
        exit 1
    else
        echo "mutants: found in $file: $from -> $to"
    fi
}

# The ring: both sides' orders, and the end after the bytes.
mutant stream src/stream.rs 1 'wrapping_add(u64::from(length)), Ordering::Release' 'wrapping_add(u64::from(length)), Ordering::Relaxed'
mutant stream src/stream.rs 2 'wrapping_add(u64::from(length)), Ordering::Release' 'wrapping_add(u64::from(length)), Ordering::Relaxed'
mutant stream src/stream.rs 1 'let head = self.peer.receiving.head.load(Ordering::Acquire)' 'let head = self.peer.receiving.head.load(Ordering::Relaxed)'
mutant stream src/stream.rs 1 'let tail = self.peer.sending.tail.load(Ordering::Acquire)' 'let tail = self.peer.sending.tail.load(Ordering::Relaxed)'
mutant stream src/stream.rs 1 'fetch_or(bits, Ordering::Release)' 'fetch_or(bits, Ordering::Relaxed)'
mutant stream src/stream.rs 1 'sending.fin.load(Ordering::Acquire)' 'sending.fin.load(Ordering::Relaxed)'
mutant stream src/stream.rs 1 'Err(Impossible) if' 'Err(Impossible) if false &&'
mutant stream src/stream.rs 1 'if known >= enough' 'if true'

# Sleepers: the fences between what is written and what is looked at, the sequence, the futex.
mutant want src/want.rs 1 $'word.fetch_add(STEP + 1, Ordering::Relaxed);\n    fence(Ordering::SeqCst);' 'word.fetch_add(STEP + 1, Ordering::SeqCst);'
mutant want src/want.rs 1 $'-> Wake {\n    fence(Ordering::SeqCst);' '-> Wake {'
mutant want src/want.rs 1 'word.fetch_add(STEP + 1, Ordering::Relaxed)' 'word.fetch_add(1, Ordering::Relaxed)'
mutant want src/want.rs 1 'rung.load(Ordering::Relaxed) != sequence' 'true'
mutant want src/want.rs 1 'futex.fetch_add(1, Ordering::Release);' ''
mutant want src/want.rs 1 'if sleeps || once {' 'if false {'
mutant want tests/model/want.rs 1 'self.data.wake_all()' 'self.data.wake_one()'
mutant want tests/model/want.rs 1 'if self.direction.rx().look().unwrap() == 0 {' 'if true {'
mutant want tests/model/want.rs 1 'if self.direction.tx().room(1).unwrap() == 0 {' 'if true {'

# Bells.
mutant bell src/want.rs 1 $'set(word, BELL);\n    fence(Ordering::SeqCst);' 'set(word, BELL);'
mutant bell src/want.rs 1 $'self.0.fetch_add(BELL_STEP + 1, Ordering::Relaxed);\n        fence(Ordering::SeqCst);' 'self.0.fetch_add(BELL_STEP + 1, Ordering::SeqCst);'
mutant bell src/want.rs 1 $'-> bool {\n        fence(Ordering::SeqCst);' '-> bool {'
mutant bell src/want.rs 1 'self.0.fetch_add(BELL_STEP + 1' 'self.0.fetch_add(1'
mutant bell src/want.rs 1 ' && rung.swap(sequence, Ordering::Relaxed) != sequence' ''
mutant bell src/want.rs 1 'word & BELL_SLEEPERS != 0 &&' ''
mutant bell src/want.rs 1 $'word.fetch_add(STEP, Ordering::Relaxed);\n    fence(Ordering::SeqCst);' 'word.fetch_add(STEP, Ordering::SeqCst);'
mutant bell src/want.rs 1 'word.fetch_add(STEP, Ordering::Relaxed);' ''
mutant bell src/want.rs 1 'wishes(word) + 1 == rung.load(Ordering::Relaxed)' 'false'
mutant bell src/want.rs 1 'wishes(word) + 1 == rung.load(Ordering::Relaxed)' 'wishes(word) == rung.load(Ordering::Relaxed)'
mutant bell src/want.rs 1 'sleeps || once {' 'sleeps {'
mutant bell src/want.rs 1 'bell: once || word & BELL != 0' 'bell: once'
mutant bell tests/model/bell.rs 1 'stir.fetch_add(1, Ordering::Release)' 'stir.fetch_add(0, Ordering::Release)'

# The switch: what a boundary, an entry, an offer and a generation promise.
mutant switch src/switch.rs 1 'epoch.store(boundary.epoch, Ordering::Release)' 'epoch.store(boundary.epoch, Ordering::Relaxed)'
mutant switch src/switch.rs 1 'peer.switching.epoch.load(Ordering::Acquire)' 'peer.switching.epoch.load(Ordering::Relaxed)'
mutant switch src/switch.rs 1 'entered.store(epoch, Ordering::Release)' 'entered.store(epoch, Ordering::Relaxed)'
mutant switch src/switch.rs 1 'ready.load(Ordering::Acquire)' 'ready.load(Ordering::Relaxed)'
mutant switch src/switch.rs 1 'ready.load(Ordering::Acquire) == wanted' '(ready.load(Ordering::Acquire) == wanted || !by_ring(next))'
mutant switch src/switch.rs 1 $'own.switching.begins_at.store(boundary.at, Ordering::Relaxed);\n    own.switching.epoch.store(boundary.epoch, Ordering::Release);' $'own.switching.epoch.store(boundary.epoch, Ordering::Release);\n    own.switching.begins_at.store(boundary.at, Ordering::Relaxed);'
mutant switch src/switch.rs 1 'generation.store(generation, Ordering::Release)' 'generation.store(generation, Ordering::Relaxed)'
mutant switch src/switch.rs 1 'peer.switching.generation.load(Ordering::Acquire)' 'peer.switching.generation.load(Ordering::Relaxed)'
mutant switch src/switch.rs 1 '&own.switching.offer,' ''
mutant switch src/switch.rs 1 '&own.switching.epoch,' ''
mutant switch src/switch.rs 1 '&own.sending.tail,' ''
mutant switch src/switch.rs 1 $'entered.store(epoch.wrapping_add(1), Ordering::Release);\n    fence(Ordering::SeqCst);' 'entered.store(epoch.wrapping_add(1), Ordering::Release);'
mutant switch src/switch.rs 1 'recall.store(epoch, Ordering::Release)' 'recall.store(epoch, Ordering::Relaxed)'
mutant switch src/switch.rs 1 'by_ring(next) && peer.switching.recall.load(Ordering::Relaxed) == next' 'false'
mutant switch src/switch.rs 2 'peer.switching.epoch.load(Ordering::Acquire)' 'peer.switching.epoch.load(Ordering::Relaxed)'
mutant switch src/switch.rs 1 '&& peer.switching.begins_at.load(Ordering::Relaxed) == head' ''
mutant switch src/switch.rs 1 '&own.switching.recall,' ''
mutant switch src/stream.rs 1 'distance(read, resent, self.size).is_ok()' 'false'
mutant switch tests/model/switch.rs 1 $'fence(Ordering::SeqCst);\n        // A ring' '// A ring'
mutant switch src/switch.rs 1 'released.store(generation, Ordering::Release)' 'released.store(generation, Ordering::Relaxed)'
mutant switch tests/model/switch.rs 1 'if world.direction.tx().wake().futex {' 'if false {'
mutant switch tests/model/switch.rs 1 'if read == boundary.at {' 'if true {'

[ "$survivors" -eq 0 ] || { echo "mutants: $survivors survive"; exit 1; }
echo "mutants: all found"
