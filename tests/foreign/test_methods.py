"""Methods of reprojection and ways of combining beside programs and formulas that compute the same."""

import subprocess

import numpy as np
import pytest
from astropy.io import fits
from astropy.stats import sigma_clip
from astropy.wcs import WCS
from frames import OUT, SIZE, header, made, scene_of, stack_of, template
from reproject import reproject_adaptive, reproject_exact
from scipy.ndimage import binary_erosion, map_coordinates


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene")
    return folder, *scene_of(folder)


def peer(program, folder):
    """What a Montage projector makes of the tile, on the whole grid: values and areas."""
    subprocess.run([program, "tile.fits", "m.fits", "out.hdr"], cwd=folder, check=True, capture_output=True)
    cards = fits.getheader(folder / "m.fits")
    wanted = WCS(header("TAN", OUT, 20)).wcs.crpix
    dx, dy = (int(round(wanted[k] - cards[f"CRPIX{k + 1}"])) for k in (0, 1))
    planes = []
    for name in ("m.fits", "m_area.fits"):
        part = fits.getdata(folder / name)
        whole = np.full((OUT[1], OUT[0]), np.nan)
        whole[dy : dy + part.shape[0], dx : dx + part.shape[1]] = part
        planes.append(whole)
    return planes


def test_exact_areas_and_values_are_mprojects(pogson, montage, scene):
    folder = scene[0]
    value, cover = made(pogson, folder, "montage-exact")
    theirs, area = peer(str(montage / "mProject"), folder)
    # mProject leaves out or repeats parts of pixels along a tile's border; inside, its areas scatter by 3.7e-4 at 1".
    inside = binary_erosion(cover == 1, iterations=4)
    assert inside.sum() > 3000
    ratio = area[inside] / np.radians(1 / 3600) ** 2
    print("rms of the areas", np.sqrt(np.mean((ratio - 1) ** 2)))
    assert np.sqrt(np.mean((ratio - 1) ** 2)) < 3e-4
    # Their errors of area shift a mean of values that differ by 20 by as much of that, and are written as they are.
    assert np.sqrt(np.mean((value - theirs)[inside] ** 2)) < 20 * 4e-4


def test_plane_values_are_mprojectpps(pogson, montage, scene):
    folder = scene[0]
    value, cover = made(pogson, folder, "plane", "--tolerance", "1e-6")
    theirs, _ = peer(str(montage / "mProjectPP"), folder)
    inside = binary_erosion(cover == 1, iterations=4)
    # Both clip in the plane; mProjectPP clips input corners found to about 1e-6 pixels.
    assert np.abs(value - theirs)[inside].max() < 20 * 1e-4


def test_exact_values_and_cover_are_those_of_reproject(pogson, scene):
    folder, data, tile = scene
    value, cover = made(pogson, folder, "montage-exact")
    out = WCS(fits.getheader(folder / "o.fits"))
    theirs, share = reproject_exact((data, tile), out, shape_out=(OUT[1], OUT[0]), parallel=False)
    inside = cover == 1
    # reproject works with angles in radians at 1e-16, areas of 2e-11: it keeps about six digits.
    assert np.abs(value - theirs)[inside].max() < 50 * 1e-4
    assert np.abs(cover - share)[inside].max() < 1e-3


@pytest.mark.parametrize("method, order", [("nearest", 0), ("bilinear", 1), ("bspline3", 3), ("bspline5", 5)])
def test_splines_are_scipys(pogson, scene, method, order):
    folder, data, tile = scene
    value, _ = made(pogson, folder, method, "--tolerance", "1e-7")
    out = WCS(fits.getheader(folder / "o.fits"))
    y, x = np.mgrid[: OUT[1], : OUT[0]]
    u, v = tile.wcs_world2pix(*out.wcs_pix2world(x, y, 0), 0)
    wanted = map_coordinates(data, [v, u], order=order, mode="mirror")
    # The prefilter here is cut off at 39 taps and edges are continued in another way: 20 pixels inside nothing is left of it.
    margin = 20 if order > 1 else 1
    inside = (u > margin) & (u < SIZE[0] - 1 - margin) & (v > margin) & (v < SIZE[1] - 1 - margin)
    if order == 0:
        inside &= (np.abs(u % 1 - 0.5) > 1e-6) & (np.abs(v % 1 - 0.5) > 1e-6)
    assert inside.sum() > 500
    # Values of 70 in single precision.
    assert np.abs(value - wanted)[inside].max() < 2e-4


@pytest.mark.parametrize("n", [2, 3, 4])
def test_lanczos_is_the_windowed_sinc(pogson, scene, n):
    folder, data, tile = scene
    value, _ = made(pogson, folder, f"lanczos{n}", "--tolerance", "1e-7")
    out = WCS(fits.getheader(folder / "o.fits"))
    y, x = np.mgrid[: OUT[1], : OUT[0]]
    u, v = tile.wcs_world2pix(*out.wcs_pix2world(x, y, 0), 0)
    inside = (u > 6) & (u < SIZE[0] - 7) & (v > 6) & (v < SIZE[1] - 7)
    u, v = u[inside], v[inside]

    def taps(p):
        first = np.floor(p).astype(int) - n + 1
        at = first[:, None] + np.arange(2 * n)
        d = p[:, None] - at
        w = np.sinc(d) * np.sinc(d / n)
        return at, w / w.sum(axis=1, keepdims=True)

    (i, wx), (j, wy) = taps(u), taps(v)
    wanted = np.einsum("kj,ki,kji->k", wy, wx, data[j[:, :, None], i[:, None, :]])
    # Weights from a table and values of 70 in single precision.
    assert np.abs(value[inside] - wanted).max() < 1e-3


def test_bicubic_is_keys_cubic_convolution(pogson, scene):
    folder, data, tile = scene
    value, _ = made(pogson, folder, "bicubic", "--tolerance", "1e-7")
    out = WCS(fits.getheader(folder / "o.fits"))
    y, x = np.mgrid[: OUT[1], : OUT[0]]
    u, v = tile.wcs_world2pix(*out.wcs_pix2world(x, y, 0), 0)
    inside = (u > 2) & (u < SIZE[0] - 3) & (v > 2) & (v < SIZE[1] - 3)

    def taps(p, a=-0.5):
        # Keys 1981, eq. 4 with the a that makes the error of third order.
        at = np.floor(p).astype(int)[:, None] + np.arange(-1, 3)
        d = np.abs(p[:, None] - at)
        return at, np.where(d < 1, ((a + 2) * d - (a + 3)) * d**2 + 1, ((a * d - 5 * a) * d + 8 * a) * d - 4 * a)

    (i, wx), (j, wy) = taps(u[inside]), taps(v[inside])
    wanted = np.einsum("kj,ki,kji->k", wy, wx, data[j[:, :, None], i[:, None, :]])
    assert inside.sum() > 3000
    # Values of 70, and weights of single precision.
    assert np.abs(value[inside] - wanted).max() < 1e-4


@pytest.mark.parametrize("scale, size", [(0.25, (410, 360)), (0.6, (170, 150)), (1.0, OUT), (2.5, (44, 40))])
@pytest.mark.parametrize("flux", [False, True])
@pytest.mark.parametrize("kernel", ["gaussian", "hann"])
def test_adaptive_filters_are_those_of_reproject(pogson, tmp_path, kernel, flux, scale, size):
    data, tile = scene_of(tmp_path)
    template(tmp_path / "out.hdr", header("TAN", size, 20, scale), size)
    value, _ = made(pogson, tmp_path, "adaptive", "--filter", kernel, *["--flux"] * flux)
    out = WCS(fits.getheader(tmp_path / "o.fits"))
    theirs = reproject_adaptive((data, tile), out, shape_out=(size[1], size[0]), kernel=kernel, boundary_mode="ignore", bad_value_mode="ignore",
                                conserve_flux=flux, center_jacobian=True, return_footprint=False)
    assert np.array_equal(np.isfinite(value), np.isfinite(theirs))
    worst = np.nanmax(np.abs(value - theirs))
    print(f"{kernel} {flux} {scale}: {np.isfinite(value).sum()} pixels, {worst:.2e}")
    # Places to 1e-6 pixels change values that differ by 20 by 2e-5; the rest is single precision of 70. With flux both go by the pixels' area.
    assert worst < 4e-5 * (scale**2 if flux else 1)


@pytest.mark.parametrize("kernel, mode, threshold", [("gaussian", "strict", 0.99999), ("gaussian", "ignore_threshold", 0.5), ("gaussian", "ignore", 0),
                                                     ("hann", "ignore_threshold", 0.5), ("hann", "ignore", 0)])
def test_adaptive_boundaries_are_those_of_reproject(pogson, tmp_path, kernel, mode, threshold):
    # The footprint is the share of the filter on the tile: by the least of it, reproject's modes. A corner of the Gaussian's square has 3e-5;
    # Hann's has nothing, so that its `strict` cannot be told by a share.
    data, tile = scene_of(tmp_path)
    if mode == "ignore":
        data[20:24, 30:50] = np.nan
        data[::7, ::9] = np.nan
        fits.writeto(tmp_path / "tile.fits", data.astype("f4"), tile.to_header(), overwrite=True)
    value, _ = made(pogson, tmp_path, "adaptive", "--filter", kernel, "--threshold", threshold)
    out = WCS(fits.getheader(tmp_path / "o.fits"))
    theirs = reproject_adaptive((data, tile), out, shape_out=(OUT[1], OUT[0]), kernel=kernel, boundary_mode=mode, bad_value_mode="ignore",
                                center_jacobian=True, return_footprint=False)
    unlike = (np.isfinite(value) != np.isfinite(theirs)).sum()
    print(f"{kernel} {mode}: {np.isfinite(value).sum()} pixels, {unlike} unlike, {np.nanmax(np.abs(value - theirs)):.2e}")
    assert unlike == 0
    assert np.nanmax(np.abs(value - theirs)) < 4e-5


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stack")
    return folder, *stack_of(folder)


def clipped_by_known_noise(tiles, variances):
    kept = np.ones(tiles.shape, bool)
    for _ in range(5):
        centre = np.nanmedian(np.where(kept, tiles, np.nan), axis=0)
        kept &= np.abs(tiles - centre) <= 3 * np.sqrt(variances)
    return np.nanmean(np.where(kept, tiles, np.nan), axis=0)


COMBINED = {
    "mean": lambda t, v: t.mean(0),
    "weighted": lambda t, v: (t / v).sum(0) / (1 / v).sum(0),
    "median": lambda t, v: np.median(t, axis=0),
    "clipped": clipped_by_known_noise,
    "sum": lambda t, v: t.sum(0),
    "min": lambda t, v: t.min(0),
    "max": lambda t, v: t.max(0),
    "first": lambda t, v: t[0],
    "last": lambda t, v: t[-1],
    "count": lambda t, v: np.full(t.shape[1:], len(t)),
    "chi": lambda t, v: np.sqrt((t**2 / v).mean(0)),
}


@pytest.mark.parametrize("kind", ["rms", "variance", "weight"])
@pytest.mark.parametrize("combine", COMBINED)
def test_each_combination_is_numpys_with_each_kind_of_weight_map(pogson, stack, tmp_path, combine, kind):
    folder, tiles, variances = stack
    for k in range(7):
        (tmp_path / f"t{k}.fits").symlink_to(folder / f"raw/t{k}.fits")
        (tmp_path / f"t{k}.w.fits").symlink_to(folder / f"maps/t{k}.{kind}.fits")
    pogson("mosaic", *[tmp_path / f"t{k}.fits" for k in range(7)], "-o", tmp_path / "o.fits", "--header", folder / "out.hdr", "--method", "nearest",
           "--background", "none", "--flux-scale", "none", "--combine", combine, "--clip", "3", "--weight-type", f"map-{kind}", "--weight-map", ".w.fits")
    wanted = COMBINED[combine](tiles, variances)
    # Single precision of the sums.
    inside = (slice(1, -1), slice(1, -1))
    assert np.allclose(fits.getdata(tmp_path / "o.fits")[inside], wanted[inside], rtol=3e-6, atol=1e-5)


def test_a_clipped_mean_without_maps_is_astropys(pogson, stack, tmp_path):
    folder, tiles, _ = stack
    pogson("mosaic", folder / "raw", "-o", tmp_path / "o.fits", "--header", folder / "out.hdr", "--method", "nearest", "--background", "none",
           "--flux-scale", "none", "--combine", "clipped", "--clip", "4")
    found = fits.getdata(tmp_path / "o.fits")
    for y in range(1, 29, 3):
        for x in range(1, 39):
            kept = tiles[:, y, x]
            for _ in range(5):
                # Of three values none can be told to be wrong.
                if len(kept) > 3:
                    kept = sigma_clip(kept, sigma=4, maxiters=1, cenfunc="median", stdfunc="mad_std").compressed()
            assert found[y, x] == pytest.approx(kept.mean(), rel=3e-6)


@pytest.mark.parametrize("method", ["auto", "bilinear", "montage-exact"])
def test_the_variance_map_is_the_variance_of_500_draws(pogson, tmp_path, method):
    size, out = (36, 32), (50, 40)
    cards = [header("SIN", size, 3), header("SIN", size, -4)]
    cards[1]["CRPIX1"] += 14.4
    template(tmp_path / "out.hdr", header("TAN", out, 10), out)
    random = np.random.default_rng(5)
    y, x = np.mgrid[: size[1], : size[0]]
    variances = [1 + 0.02 * x, 2 + 0.03 * y]
    names = [tmp_path / "a.fits", tmp_path / "b.fits"]
    for name, card, variance in zip(names, cards, variances):
        fits.writeto(name.with_suffix(".v.fits"), variance.astype("f4"))
    total, square = 0.0, 0.0
    draws = 500
    for _ in range(draws):
        for name, card, variance in zip(names, cards, variances):
            fits.writeto(name, random.normal(100, np.sqrt(variance)).astype("f4"), card, overwrite=True)
        pogson("mosaic", *names, "-o", tmp_path / "o.fits", "--header", tmp_path / "out.hdr", "--method", method, "--background", "none", "--flux-scale", "none",
               "--weight-type", "map-variance", "--weight-map", ".v.fits", "--variance", tmp_path / "v.fits", "--count", tmp_path / "n.fits", "--force")
        data = fits.getdata(tmp_path / "o.fits").astype(float)
        total, square = total + (data - 100), square + (data - 100) ** 2
    found = (square - total**2 / draws) / (draws - 1)
    stated, count = fits.getdata(tmp_path / "v.fits"), fits.getdata(tmp_path / "n.fits")
    for tiles in (1, 2):
        # Pixels that a tile covers in part at its border hold a share of one pixel: the map says so too, but few do.
        here = binary_erosion(count == tiles, iterations=2) & np.isfinite(stated) & np.isfinite(found)
        assert here.sum() > 150
        ratio = found[here] / stated[here]
        print(method, tiles, here.sum(), ratio.mean())
        # A variance of 500 draws scatters by 6 %; the mean over some hundred pixels, of which neighbours go together, by 0.7 %.
        assert abs(ratio.mean() - 1) < 0.02
