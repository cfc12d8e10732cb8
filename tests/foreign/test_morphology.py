"""Concentration, asymmetry, smoothness, Gini and M20 beside statmorph (Rodriguez-Gomez et al. 2019) on mock galaxies."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling.models import Sersic2D
from scipy import ndimage

statmorph = pytest.importorskip("statmorph")

SIDE = 240
# Sersic index, half-light radius, axis ratio, angle, signal over noise of the brightest pixel after seeing, clumps.
GALAXIES = [
    (1.0, 20.0, 1.0, 0.0, 300.0, 0),
    (1.0, 16.0, 0.4, 0.7, 100.0, 0),
    (2.5, 14.0, 0.7, 2.1, 300.0, 0),
    (4.0, 12.0, 0.8, -0.4, 1000.0, 0),
    (0.6, 22.0, 0.6, 1.2, 40.0, 0),
    (1.0, 18.0, 0.9, 0.3, 200.0, 6),
    (1.0, 20.0, 0.5, 2.6, 100.0, 12),
    (3.0, 15.0, 0.3, 0.1, 500.0, 3),
]


def galaxy(number, sersic, radius, ratio, angle, signal, clumps):
    """A mock image in units of its noise, and the pixels of its object."""
    rng = np.random.default_rng(7100 + number)
    y, x = np.mgrid[:SIDE, :SIDE]
    centre = SIDE / 2 + rng.uniform(-2, 2, 2)
    model = Sersic2D(1, radius, sersic, *centre, 1 - ratio, angle)
    image = model(x, y)
    for _ in range(clumps):
        r, a = radius * rng.uniform(0.5, 2), rng.uniform(0, 2 * np.pi)
        at = centre + r * np.array([np.cos(a), np.sin(a)])
        image += rng.uniform(0.5, 2) * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * rng.uniform(1.2, 2.5) ** 2))
    image = ndimage.gaussian_filter(image, 1.5)
    image *= signal / image.max()
    image += rng.normal(size=image.shape)
    labels, _ = ndimage.label(ndimage.gaussian_filter(image, 1.3) > 1.5)
    return image, (labels == labels[SIDE // 2, SIDE // 2]).astype(np.int32)


@pytest.mark.parametrize("number", range(len(GALAXIES)))
@pytest.mark.filterwarnings("ignore")
def test_indices_are_those_of_statmorph(pogson, tmp_path, number):
    image, segments = galaxy(number, *GALAXIES[number])
    fits.writeto(tmp_path / "image.fits", image)
    fits.writeto(tmp_path / "segments.fits", segments)
    ours = pogson.json("morphology", tmp_path / "image.fits", "--segments", tmp_path / "segments.fits", "--models", "none")
    theirs = statmorph.SourceMorphology(image, segments, 1, weightmap=np.ones_like(image))
    for name, their_name, tolerance in [
        ("concentration", "concentration", 0.01),
        ("asymmetry", "asymmetry", 0.003),
        ("smoothness", "smoothness", 0.002),
        ("gini", "gini", 0.002),
        ("m20", "m20", 0.01),
        ("petrosian_circle", "rpetro_circ", 0.05),
        ("petrosian_ellipse", "rpetro_ellip", 0.05),
        ("ellipticity", "ellipticity_asymmetry", 0.003),
        ("sky_sigma", "sky_sigma", 1e-6),
    ]:
        assert abs(ours[name] - theirs[their_name]) <= tolerance, (name, ours[name], theirs[their_name])
    assert abs(ours["x_asymmetry"] - 1 - theirs.xc_asymmetry) < 0.15
    assert abs(ours["y_asymmetry"] - 1 - theirs.yc_asymmetry) < 0.15


def test_an_object_is_found_without_segments(pogson, tmp_path):
    image, segments = galaxy(0, *GALAXIES[0])
    fits.writeto(tmp_path / "image.fits", image)
    found = pogson.json("morphology", tmp_path / "image.fits", "--models", "none")
    assert abs(found["pixels"] / segments.sum() - 1) < 0.1
    empty = np.random.default_rng(1).normal(size=(50, 50)) * 0
    fits.writeto(tmp_path / "empty.fits", empty)
    assert "no pixel" in pogson("morphology", tmp_path / "empty.fits", code=3).stderr


def test_images_of_other_sizes_are_told(pogson, tmp_path):
    fits.writeto(tmp_path / "image.fits", np.ones((20, 20)))
    fits.writeto(tmp_path / "segments.fits", np.ones((20, 21), np.int16))
    said = pogson("morphology", tmp_path / "image.fits", "--segments", tmp_path / "segments.fits", code=3).stderr
    assert "21 x 20" in said


@pytest.mark.parametrize(("radius", "ratio", "signal"), [(16.0, 0.9, 100.0), (22.0, 0.5, 60.0), (15.0, 1.0, 300.0)])
def test_the_faint_rim_of_a_disc_that_fills_its_image_is_no_sky(pogson, tmp_path, radius, ratio, signal):
    side = 91
    y, x = np.mgrid[:side, :side]
    model = Sersic2D(1, radius, 1.0, 44.7, 45.8, 1 - ratio, 0.6)(x, y)
    model *= signal / model.max()
    fits.writeto(tmp_path / "image.fits", model + np.random.default_rng(4).normal(size=model.shape))
    ours = pogson.json("morphology", tmp_path / "image.fits", "--models", "none")
    assert ours["pixels"] == pytest.approx(np.count_nonzero(model > 1.5), rel=0.12)
    # The same disc with nothing left out, in the middle of much sky.
    wide = np.pad(model, 120) + np.random.default_rng(5).normal(size=(side + 240, side + 240))
    fits.writeto(tmp_path / "wide.fits", wide)
    far = pogson.json("morphology", tmp_path / "wide.fits", "--models", "none")
    for name, tolerance in [("concentration", 0.1), ("gini", 0.02), ("m20", 0.06), ("ellipticity", 0.03)]:
        assert ours[name] == pytest.approx(far[name], abs=tolerance), name
