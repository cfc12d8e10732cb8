"""FITS beside astropy: files that astropy wrote are read and written back by `pogson cutout`, and astropy reads those."""

import os
import resource
import subprocess

import numpy as np
import pytest

fits = pytest.importorskip("astropy.io.fits")

TYPES = ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


def sample(kind, shape):
    """Values of a numpy type that reach to both ends of its range; NaN and infinities for floats."""
    draw = np.random.default_rng(sum(map(ord, kind)))
    if kind.startswith("f"):
        values = draw.normal(size=shape).astype(kind)
        values.flat[:3] = [np.nan, np.inf, -np.inf]
        return values
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    values = draw.integers(low, high, size=shape, dtype=kind, endpoint=True)
    values.flat[:2] = [low, high if kind != "u8" else 2**63 - 1]
    # Integers from 2^63 up are no integers of 64 signed bits.
    return values >> 1 if kind == "u8" else values


def read(path):
    """Pixels of the first image, its check sums verified by astropy."""
    with fits.open(path, checksum=True) as file:
        file.verify("exception")
        for hdu in file:
            assert hdu.verify_checksum() == 1 and hdu.verify_datasum() == 1
            assert hdu.header["DATASUM"].isdigit()
        return file[0].data.copy(), file[0].header.copy()


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_of_pixels_passes_through_unchanged(pogson, tmp_path, kind):
    values = sample(kind, (3, 11, 7))
    header = fits.Header()
    header["OBJECT"] = ("it's " * 30, "long text with quotes")
    header["HIERARCH ESO DET CHIP1 X"] = (1.5e-20, "hierarch")
    header.add_history("first")
    fits.PrimaryHDU(values, header).writeto(tmp_path / "in.fits")
    pogson("cutout", tmp_path / "in.fits", "-o", tmp_path / "out.fits", "--pixels", "*,*")
    back, written = read(tmp_path / "out.fits")
    assert back.dtype.newbyteorder("=") == values.dtype
    np.testing.assert_array_equal(back, values)
    assert written["OBJECT"] == header["OBJECT"].rstrip() or written["OBJECT"] == header["OBJECT"]
    assert written["ESO DET CHIP1 X"] == 1.5e-20
    assert written["HISTORY"][0] == "first"


@pytest.mark.parametrize("suffix", ["fits", "fits.gz"])
def test_scaled_integers_with_blank_keep_their_values(pogson, tmp_path, suffix):
    hdu = fits.PrimaryHDU(np.array([[0, 100], [-99, 7]], dtype="i2"))
    hdu.header["BSCALE"], hdu.header["BZERO"], hdu.header["BLANK"] = 0.5, 10.0, -99
    path = tmp_path / f"in.{suffix}"
    hdu.writeto(path)
    expected = fits.getdata(path)
    assert np.isnan(expected[1, 0])
    pogson("cutout", path, "-o", tmp_path / "out.fits", "--pixels", "*,*")
    np.testing.assert_array_equal(read(tmp_path / "out.fits")[0], expected)


def test_part_of_a_file_that_is_cut_short_is_refused_by_name_and_bytes(pogson, tmp_path):
    fits.PrimaryHDU(np.zeros((100, 100), "f4")).writeto(tmp_path / "in.fits")
    whole = (tmp_path / "in.fits").read_bytes()
    (tmp_path / "cut.fits").write_bytes(whole[: 2880 + 30000])
    run = subprocess.run(
        [pogson.path, "cutout", str(tmp_path / "cut.fits"), "-o", str(tmp_path / "out.fits"), "--pixels", "*,*"],
        capture_output=True, text=True,
    )
    assert run.returncode == 3
    assert "cut.fits" in run.stderr and "10000 of 40000 bytes are missing" in run.stderr
    assert sorted(os.listdir(tmp_path)) == ["cut.fits", "in.fits"]


def test_a_full_disk_is_said_and_nothing_is_left(pogson, tmp_path):
    fits.PrimaryHDU(np.zeros((1000, 1000), "f4")).writeto(tmp_path / "in.fits")
    (tmp_path / "out.fits").write_bytes(b"precious")
    # A limit on the size of files stands for the disk; its signal is ignored, as Python does already.
    run = subprocess.run(
        [pogson.path, "cutout", str(tmp_path / "in.fits"), "-o", str(tmp_path / "out.fits"), "--pixels", "*,*", "--force"],
        capture_output=True, text=True, restore_signals=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert run.returncode == 4, run.stderr
    assert "no room" in run.stderr
    assert (tmp_path / "out.fits").read_bytes() == b"precious"
    assert sorted(os.listdir(tmp_path)) == ["in.fits", "out.fits"]
