"""Bulge, bar and disc recovered from mocks that astropy and scipy draw, blurred by a point spread function that is no Gaussian."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling.models import Sersic2D
from scipy.signal import fftconvolve

FINE = 5
# Side; centre; parts as (kind, total, size, index, axis ratio, angle).
GALAXIES = {
    "disc": (70, (34.6, 35.3), [("disc", 3e4, 7.0, 1, 0.55, 0.9)]),
    "bulge-disc": (90, (44.7, 45.1), [("bulge", 4e4, 3.0, 2.0, 0.85, 0.2), ("disc", 8e4, 10.0, 1, 0.5, -0.5)]),
    "bulge-bar-disc": (
        100,
        (50.2, 49.6),
        [("bulge", 4e4, 2.5, 1.5, 0.9, 0.0), ("bar", 4e4, 16.0, 0, 0.3, 1.0), ("disc", 1.6e5, 11.0, 1, 0.7, 0.1)],
    ),
}


def radius(x, y, centre, ratio, angle):
    dx, dy = x - centre[0], y - centre[1]
    along, across = np.cos(angle) * dx + np.sin(angle) * dy, np.cos(angle) * dy - np.sin(angle) * dx
    return np.hypot(along, across / ratio)


def moffat(x, y, fwhm, beta=3.0):
    """A round Moffat profile about the middle of the arrays."""
    alpha = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    return (1 + (x**2 + y**2) / alpha**2) ** -beta


def mock(name, fwhm, seed):
    """An image with noise of unit variance: parts drawn five times as fine, blurred, averaged."""
    side, centre, parts = GALAXIES[name]
    margin = 12
    n = side + 2 * margin
    axis = (np.arange(n * FINE) + 0.5) / FINE - 0.5 - margin
    x, y = np.meshgrid(axis, axis)
    image = np.zeros_like(x)
    for kind, total, size, index, ratio, angle in parts:
        if kind == "bulge":
            part = Sersic2D(1, size, index, *centre, 1 - ratio, angle)(x, y)
            wide = np.meshgrid(*[np.arange(-60 * size, 60 * size, size / 20)] * 2)
            share = Sersic2D(1, size, index, 0, 0, 1 - ratio, angle)(*wide).sum() * (size / 20) ** 2
        elif kind == "bar":
            r = radius(x, y, centre, ratio, angle) / size
            part = np.clip(1 - r**2, 0, None) ** 2.5
            share = np.pi * size**2 * ratio / 3.5
        else:
            part = np.exp(-radius(x, y, centre, ratio, angle) / size)
            share = 2 * np.pi * size**2 * ratio
        image += total * part / share
    kernel_axis = (np.arange(12 * 2 * FINE + 1) - 12 * FINE) / FINE
    kernel = moffat(*np.meshgrid(kernel_axis, kernel_axis), fwhm)
    image = fftconvolve(image, kernel / kernel.sum(), "same")
    image = image.reshape(n, FINE, n, FINE).mean((1, 3))[margin:-margin, margin:-margin]
    return image + np.random.default_rng(seed).normal(size=image.shape)


@pytest.mark.parametrize("name", GALAXIES)
def test_the_right_model_is_chosen_and_its_parameters_are_the_truth(pogson, tmp_path, name):
    fits.writeto(tmp_path / "image.fits", mock(name, 2.6, 42))
    fits.writeto(tmp_path / "variance.fits", np.ones_like(mock(name, 2.6, 42)))
    pixels = np.arange(-12, 13)
    # The point spread function as pixels see it.
    fine = (np.arange(25 * FINE) + 0.5) / FINE - 12.5
    psf = moffat(*np.meshgrid(fine, fine), 2.6).reshape(25, FINE, 25, FINE).mean((1, 3))
    assert psf.argmax() == 12 * 25 + 12 and len(pixels) == 25
    fits.writeto(tmp_path / "psf.fits", moffat(*np.meshgrid(pixels, pixels), 2.6))
    side, centre, parts = GALAXIES[name]
    segments = np.ones((side, side), np.int16)
    fits.writeto(tmp_path / "segments.fits", segments)
    found = pogson.json(
        "morphology", tmp_path / "image.fits", "--segments", tmp_path / "segments.fits",
        "--variance", tmp_path / "variance.fits", "--psf-image", tmp_path / "psf.fits",
        "--models", "disc,bulge-disc,bulge-bar-disc", "--model-image", tmp_path / "model.fits",
    )
    best = found["models"][0]
    assert best["kind"] == name, [(m["kind"], m["bic"]) for m in found["models"]]
    assert best["converged"]
    values = {p["name"]: (p["value"], p["sigma"]) for p in best["parameters"]}
    truth = {"x": centre[0] + 1, "y": centre[1] + 1}
    for kind, total, size, index, ratio, angle in parts:
        truth[f"{kind}_total"] = total
        truth[f"{kind}_{ {'bulge': 'radius', 'bar': 'length', 'disc': 'scale'}[kind]}"] = size
        truth[f"{kind}_axis_ratio"] = ratio
        if kind == "bulge":
            truth["bulge_index"] = index
        if ratio < 0.8:
            truth[f"{kind}_angle"] = np.degrees(angle)
    for key, true in truth.items():
        value, sigma = values[key]
        # Four sigma, and what sampling the point spread function once a pixel costs.
        assert abs(value - true) < 4 * sigma + 0.02 * abs(true), (key, value, sigma, true)
    assert 0.9 < best["chi2"] / best["dof"] < 1.15
    with fits.open(tmp_path / "model.fits") as planes:
        image, model, rest = (planes[name].data for name in ("IMAGE", "MODEL", "RESIDUAL"))
        assert np.allclose(image - model, rest) and abs(rest.std() - 1) < 0.1
