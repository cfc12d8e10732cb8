"""The worker built for other machines: the same bytes on all, under QEMU where it is another processor."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BANDS = "GALEX_NUV,SDSS_u,SDSS_g,SDSS_r,SDSS_i,WISE_W1,WISE_W2,WISE_W3,WISE_W4"
# Debian puts it where no path leads.
WINE = shutil.which("wine64") or "/usr/lib/wine/wine64"
# Target, how it is run, its linker (none for Rust's own).
TARGETS = {
    "x86_64-unknown-linux-musl": ([], None),
    "aarch64-unknown-linux-musl": (["qemu-aarch64"], None),
    "armv7-unknown-linux-musleabihf": (["qemu-arm"], None),
    "armv7-unknown-linux-gnueabihf": (["qemu-arm"], "arm-linux-gnueabihf-gcc"),
    "x86_64-pc-windows-gnu": ([WINE], "x86_64-w64-mingw32-gcc"),
}


def build(target, linker):
    """Path of the worker for a target; skips where the target or its linker cannot be had."""
    if linker and not shutil.which(linker):
        pytest.skip(f"{linker} is not installed")
    if target:
        if not shutil.which("rustup"):
            pytest.skip("rustup is not installed")
        add = subprocess.run(["rustup", "target", "add", target], cwd=ROOT, capture_output=True, text=True, timeout=300)
        if add.returncode:
            pytest.skip(f"the target {target} cannot be fetched")
    variable = target.upper().replace("-", "_") if target else ""
    flags = ["-C", "target-feature=+crt-static"]
    if target and not linker and "musl" in target:
        # No C compiler for the other processor is needed.
        flags += ["-C", "linker=rust-lld", "-C", "link-self-contained=yes"]
    env = {**os.environ}
    if target:
        env[f"CARGO_TARGET_{variable}_RUSTFLAGS"] = " ".join(flags)
    if linker:
        env[f"CARGO_TARGET_{variable}_LINKER"] = linker
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--message-format", "json", "-p", "pogson-worker"]
    done = subprocess.run(command + (["--target", target] if target else []), cwd=ROOT, env=env, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    found = [said["executable"] for said in map(json.loads, done.stdout.splitlines()) if said.get("executable")]
    return Path(found[-1])


@pytest.fixture(scope="module")
def unit(pogson, tmp_path_factory):
    """A folder with a unit of work and its library, and the answer of this machine's own worker."""
    folder = tmp_path_factory.mktemp("unit")
    library = folder / "library.lib"
    pogson("library", "build", "--filters", BANDS, "--redshift", "0.01", "--stellar", "600", "--dust", "600", "-o", library)
    info = pogson.json("library", "info", library)
    lines = ["pogson work 1", "unit made_up", f"library {info['name']}", "redshift 0.0102"]
    lines += [f"band {band['name']} {band['wavelength_um']!r} {band['id']}" for band in info["bands"]]
    lines += ["convention mended", "limits 0.15 0.05 4 1e-9", "draws 30 1", "places 6"]
    for k in range(6):
        # From faint to bright: single and double precision, few models and many.
        values = [(1e-5 * (1 + b) * (1 + 0.03 * ((7 * k + 13 * b) % 11)), 1e-5 * (1 + b) / (2 + 4 * k)) for b in range(len(info["bands"]))]
        lines.append(f"pixel {k} 3 " + " ".join("-" if (k, b) == (2, 4) else f"{flux!r} {sigma!r}" for b, (flux, sigma) in enumerate(values)))
    (folder / "work.txt").write_text("\n".join(lines + ["end", ""]))
    return folder, answer(build(None, None), [], folder)


def answer(worker, runner, folder):
    """The answer that a worker writes."""
    out = folder / f"fits_{hashlib.sha256(str(worker).encode()).hexdigest()[:8]}.txt"
    run = subprocess.run([*runner, worker, "--output", out.name], cwd=folder, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr
    return out.read_bytes()


def in_wine(worker, compiler, folder):
    """A copy of a worker for Windows with what Wine 8 lacks beside it: random numbers, which Rust's hash tables are seeded with."""
    source = folder / "random.c"
    source.write_text("""#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) { return SystemFunction036(data, (ULONG)length); }
""")
    subprocess.run([compiler, "-shared", "-o", folder / "bcryptprimitives.dll", source, "-ladvapi32"], check=True)
    return shutil.copy(worker, folder)


@pytest.mark.parametrize("target", TARGETS)
def test_every_machine_gives_the_same_bytes(unit, target, tmp_path, monkeypatch):
    """The static worker for a target answers as the one of this machine does."""
    folder, expected = unit
    assert expected.count(b"\ndone\n") == 6
    runner, linker = TARGETS[target]
    worker = build(target, linker)
    if "linux" in target:
        # Nothing is loaded beside it: neither an interpreter nor libraries.
        assert b"ld-linux" not in worker.read_bytes()[:4096] and b"ld-musl" not in worker.read_bytes()[:4096]
    if runner and not shutil.which(runner[0]):
        pytest.skip(f"{runner[0]} is not installed; it was built")
    if runner == [WINE]:
        worker = in_wine(worker, linker, tmp_path)
        monkeypatch.setenv("WINEPREFIX", str(tmp_path / "prefix"))
        monkeypatch.setenv("WINEDEBUG", "-all")
    assert answer(worker, runner, folder) == expected


@pytest.mark.parametrize("level", ["off", "avx2"])
def test_every_instruction_set_gives_the_same_bytes(unit, level, monkeypatch):
    """Without AVX-512, and without any vectors, the answer is the same."""
    folder, expected = unit
    monkeypatch.setenv("POGSON_SIMD", level)
    assert answer(build(None, None), [], folder) == expected
