"""Distorted tangent planes that stand for other coordinates: beside Montage's mTANHdr, read by astropy."""

import subprocess

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from conftest import program


def template(code, side=(700, 900), scale=1.0):
    """A template of `side` pixels of `scale` seconds of arc in a projection."""
    cards = {
        "SIMPLE": "T", "BITPIX": -32, "NAXIS": 2, "NAXIS1": side[0], "NAXIS2": side[1],
        "CTYPE1": f"'RA---{code}'", "CTYPE2": f"'DEC--{code}'", "CRVAL1": 275.0, "CRVAL2": -16.2,
        "CRPIX1": side[0] / 2 + 0.5, "CRPIX2": side[1] / 2 + 0.5, "CDELT1": -scale / 3600, "CDELT2": scale / 3600,
        "CROTA2": 12.0, "EQUINOX": 2000.0,
    }
    return "".join(f"{key:8}= {value}\n" for key, value in cards.items()) + "END\n"


def largest_distance(first, second, shape):
    """Greatest distance, in pixels of the first, between places that two headers give the same pixel, by astropy."""
    x, y = np.meshgrid(np.linspace(-0.5, shape[0] - 0.5, 40), np.linspace(-0.5, shape[1] - 0.5, 40))
    sky = second.all_pix2world(np.c_[x.ravel(), y.ravel()], 0)
    back = first.wcs_world2pix(sky, 0)
    return np.hypot(*(back - np.c_[x.ravel(), y.ravel()]).T).max()


@pytest.mark.parametrize("code", ["SIN", "ZEA", "ARC", "STG"])
def test_astropy_finds_the_error_that_is_stated_and_it_is_no_larger_than_mtanhdrs(pogson, tmp_path, code):
    plain, ours, theirs = tmp_path / "a.hdr", tmp_path / "ours.hdr", tmp_path / "theirs.hdr"
    plain.write_text(template(code))
    report = pogson.json("header", plain, "-o", ours, "--distorted-tan", "--degree", 4)
    read = lambda path: WCS(fits.Header.fromtextfile(path))
    first = WCS(fits.Header.fromstring(template(code), sep="\n"))
    found = largest_distance(first, read(ours), (700, 900))
    assert found <= report["worst_px"] * 1.01 + 1e-7
    assert found > report["worst_px"] * 0.5 or found < 1e-6
    run = subprocess.run([program("mTANHdr"), plain, theirs], capture_output=True, text=True, timeout=60)
    assert 'stat="OK"' in run.stdout, run.stdout
    their_error = max(float(run.stdout.split(f"{key}=")[1].split(",")[0]) for key in ("fwdxerr", "fwdyerr"))
    assert report["worst_px"] <= their_error
    # Both stand for the same coordinates.
    assert largest_distance(first, WCS(fits.Header.fromstring(theirs.read_text(), sep="\n")), (700, 900)) < 0.05


def test_mproject_pp_takes_our_equivalent(pogson, tmp_path):
    pogson("simulate", "-o", tmp_path / "s", "--size", "0.1", "--projection", "ZEA", "--tile", "300x300")
    tile = next((tmp_path / "s/raw").glob("*.fits"))
    pogson("header", tile, "-o", tmp_path / "out.hdr", "--projection", "TAN")
    pogson("header", tile, "-o", tmp_path / "alt.hdr", "--distorted-tan")
    run = subprocess.run(
        [program("mProjectPP"), "-i", tmp_path / "alt.hdr", tile, tmp_path / "theirs.fits", tmp_path / "out.hdr"],
        capture_output=True, text=True, timeout=120,
    )
    assert 'stat="OK"' in run.stdout, run.stdout + run.stderr
    pogson("reproject", tile, "-o", tmp_path / "ours.fits", "--header", tmp_path / "out.hdr", "--method", "plane")
    a, b = fits.getdata(tmp_path / "theirs.fits"), fits.getdata(tmp_path / "ours.fits")
    inner = np.s_[20:280, 20:280]
    # mProjectPP places pixels to 1e-3 or so.
    assert np.nanmax(np.abs(a[inner] - b[inner])) < 0.02 * np.nanmax(b)
