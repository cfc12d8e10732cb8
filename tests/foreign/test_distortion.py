"""Distorted coordinates through the binary, beside astropy: SIP, TPV, look-up tables, DSS plates, both directions."""

import json
import logging
import subprocess
import warnings

import numpy as np
import pytest

astropy_wcs = pytest.importorskip("astropy.wcs")
from astropy.io import fits  # noqa: E402

logging.disable(logging.CRITICAL)
SIZE = (1500, 1100)


def ask(pogson, path, direction, points, hdu=None):
    """Points, one a row, through `pogson info`; 1-based pixels, degrees in the image's own frame."""
    lines = "".join(f"{float(a)!r} {float(b)!r}\n" for a, b in points)
    command = [pogson.path, "info", str(path), f"--{direction}", "-", "--json"]
    if hdu is not None:
        command += ["--hdu", str(hdu)]
    run = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)["points"]
    names = ("lon", "lat") if direction == "pix2sky" else ("x", "y")
    return np.array([[np.nan if p[n] is None else p[n] for n in names] for p in found])


def separation_deg(a, b):
    """Small angles between places, in degrees."""
    d_lon = (a[:, 0] - b[:, 0] + 180.0) % 360.0 - 180.0
    return np.hypot(d_lon * np.cos(np.radians(b[:, 1])), a[:, 1] - b[:, 1])


def assert_agrees(pogson, path, hdu, wcs, points, scale_deg):
    """Forward: the larger of 1e-9 pixels and 2e-13 degrees. Back: to the pixels that one started from."""
    expected = wcs.all_pix2world(points, 1)
    got = ask(pogson, path, "pix2sky", points, hdu)
    assert separation_deg(got, expected).max() < max(2e-13, 1e-9 * scale_deg) * np.sqrt(2)
    back = ask(pogson, path, "sky2pix", expected, hdu)
    # Degrees near 360 are rounded to 6e-14.
    assert np.abs(back - points).max() < max(1e-9, 4e-13 / scale_deg)


def base_header(code, scale_deg, rng):
    header = fits.Header()
    angle = rng.uniform(0, 2 * np.pi)
    c, s = scale_deg * np.cos(angle), scale_deg * np.sin(angle)
    header["CTYPE1"], header["CTYPE2"] = f"RA---{code}", f"DEC--{code}"
    header["CRVAL1"], header["CRVAL2"] = rng.uniform(0, 360), rng.uniform(-89, 89)
    header["CRPIX1"], header["CRPIX2"] = rng.uniform(-500, 2000), rng.uniform(-500, 2000)
    header["CD1_1"], header["CD1_2"], header["CD2_1"], header["CD2_2"] = -c, s, s, c
    header["RADESYS"] = "ICRS"
    return header


def pixels(rng, n=60):
    return np.c_[rng.uniform(-30, SIZE[0] + 30, n), rng.uniform(-30, SIZE[1] + 30, n)]


def image(header):
    return fits.PrimaryHDU(np.zeros(SIZE[::-1], "i2"), header)


def sip_terms(header, rng, order):
    for name in "AB":
        header[f"{name}_ORDER"] = order
        for p in range(order + 1):
            for q in range(order + 1 - p):
                if p + q > 1:
                    header[f"{name}_{p}_{q}"] = 3 * rng.uniform(-1, 1) / 1500.0 ** (p + q)


@pytest.mark.parametrize("seed", range(6))
def test_sip_of_any_order(pogson, tmp_path, seed):
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.uniform(-5.5, -3.5)
    header = base_header("TAN-SIP", scale, rng)
    sip_terms(header, rng, 2 + seed)
    path = tmp_path / "sip.fits"
    image(header).writeto(path)
    assert_agrees(pogson, path, 0, astropy_wcs.WCS(header), pixels(rng), scale)


@pytest.mark.parametrize("code", ["TPV", "TAN"])
@pytest.mark.parametrize("seed", range(3))
def test_tpv_with_radial_terms(pogson, tmp_path, seed, code):
    rng = np.random.default_rng(100 + seed)
    scale = 2e-4
    header = base_header(code, scale, rng)
    for axis in (1, 2):
        for m in range(40):
            header[f"PV{axis}_{m}"] = (1.0 if m == 1 else 0.0) + rng.uniform(-1, 1) * 2e-3
    path = tmp_path / "tpv.fits"
    image(header).writeto(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = astropy_wcs.WCS(header)
    assert_agrees(pogson, path, 0, wcs, pixels(rng), scale)


@pytest.mark.parametrize("seed", range(3))
def test_sip_and_look_up_tables_together(pogson, tmp_path, seed):
    rng = np.random.default_rng(200 + seed)
    scale = 1e-4
    header = base_header("TAN-SIP", scale, rng)
    sip_terms(header, rng, 3)
    hdus = fits.HDUList([image(header)])
    for kind, records, extname, shape in (("CPDIS", "DP", "WCSDVARR", (9, 13)), ("D2IMDIS", "D2IM", "D2IMARR", (30, 2))):
        for axis in (1, 2):
            header = hdus[0].header
            header[f"{kind}{axis}"] = "LOOKUP"
            for text in (f"EXTVER: {axis}", "NAXES: 2", "AXIS.1: 1", "AXIS.2: 2"):
                header.append(fits.Card.fromstring(f"{records}{axis:<{8 - len(records)}}= '{text}'"), end=True)
            table = fits.ImageHDU(rng.uniform(-0.2, 0.2, shape).astype("f4"), name=extname, ver=axis)
            for k, (n, size) in enumerate(zip(shape[::-1], SIZE), start=1):
                table.header[f"CRPIX{k}"], table.header[f"CRVAL{k}"] = 1.0, rng.uniform(-20, 20)
                table.header[f"CDELT{k}"] = size / (n - 1)
            hdus.append(table)
    path = tmp_path / "tables.fits"
    hdus.writeto(path)
    with fits.open(path) as opened:
        wcs = astropy_wcs.WCS(opened[0].header, opened)
        assert wcs.sip and wcs.cpdis1 and wcs.cpdis2 and wcs.det2im1 and wcs.det2im2
        assert_agrees(pogson, path, 0, wcs, pixels(rng), scale)


@pytest.mark.parametrize(
    "name, hdu",
    [
        ("dist_lookup.fits.gz", 1),
        ("ie6d07ujq_wcs.fits", 0),
        ("j94f05bgq_flt.fits", 1),
        ("sip.fits", 0),
        ("dss.14.29.56-62.41.05.fits.gz", 0),
    ],
)
def test_shared_files_agree_with_astropy(pogson, shared, name, hdu):
    path = shared / "data/wcs/astropy_tests" / name
    rng = np.random.default_rng(7)
    points = np.c_[rng.uniform(1, 100, 40), rng.uniform(1, 100, 40)]
    with fits.open(path) as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = astropy_wcs.WCS(opened[hdu].header, opened)
        scale = float(np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix))))
        assert_agrees(pogson, path, hdu, wcs, points, scale)
