"""view, shrink and stats beside astropy, numpy and Pillow."""

import numpy as np
import pytest

fits = pytest.importorskip("astropy.io.fits")
Image = pytest.importorskip("PIL.Image")
from astropy.stats import sigma_clipped_stats  # noqa: E402
from astropy.visualization import AsinhStretch, ZScaleInterval, make_lupton_rgb  # noqa: E402
from astropy.wcs import WCS  # noqa: E402


def sky(path, shape=(90, 120), seed=1, **cards):
    """An image of noise and a few stars, with TAN coordinates; some pixels are NaN."""
    noise = np.random.default_rng(seed).normal(100, 5, shape)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for cx, cy, flux in ((30, 20, 900), (80, 60, 4000)):
        noise += flux * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 8)
    noise[5:8, 10:20] = np.nan
    header = fits.Header()
    header.update(
        CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRPIX1=60.3, CRPIX2=45.1, CRVAL1=275.0, CRVAL2=-16.0,
        CDELT1=-0.001, CDELT2=0.001, CROTA2=20.0, BUNIT="DN", **cards,
    )
    fits.writeto(path, noise.astype("f4"), header)
    return fits.getdata(path)


def test_a_picture_equals_astropys_stretch_and_limits(pogson, tmp_path):
    data = sky(tmp_path / "a.fits")
    low, high = ZScaleInterval().get_limits(data)
    report = pogson.json("view", tmp_path / "a.fits", "-o", tmp_path / "a.png", "--limits", "zscale", "--stretch", "asinh")
    assert np.allclose(report["limits"][0], [low, high], rtol=1e-5)
    expected = AsinhStretch(0.1)(np.clip((data - low) / (high - low), 0, 1)) * 255
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))[::-1]
    good = np.isfinite(data)
    assert np.abs(pixels[..., 0].astype(float) - expected)[good].max() <= 1.0
    assert (pixels[~good] == [0x1C, 0x25, 0x30]).all()


def test_three_colours_equal_make_lupton_rgb(pogson, tmp_path):
    bands = [np.nan_to_num(sky(tmp_path / f"{c}.fits", seed=k)) for k, c in enumerate("rgb")]
    pogson(
        "view", "--red", tmp_path / "r.fits", "--green", tmp_path / "g.fits", "--blue", tmp_path / "b.fits",
        "-o", tmp_path / "c.png", "--limits", "90", "500", "--linear-range", "300", "--softening", "6",
    )
    expected = make_lupton_rgb(*bands, minimum=90, stretch=300, Q=6)
    pixels = np.asarray(Image.open(tmp_path / "c.png"))[::-1]
    good = bands[0] != 0
    assert np.abs(pixels.astype(int) - expected.astype(int))[good].max() <= 1


def test_a_large_image_is_averaged_to_the_size_asked_for(pogson, tmp_path):
    data = np.arange(512 * 256, dtype="f4").reshape(256, 512)
    fits.writeto(tmp_path / "a.fits", data)
    pogson("view", tmp_path / "a.fits", "-o", tmp_path / "a.png", "--size", "128", "--limits", "0", "131071", "--stretch", "linear")
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("L"))[::-1]
    assert pixels.shape == (64, 128)
    means = data.reshape(64, 4, 128, 4).mean(axis=(1, 3)) / 131071 * 255
    assert np.abs(pixels - means).max() <= 0.51


def test_overlays_are_counted_and_change_the_picture(pogson, tmp_path):
    sky(tmp_path / "a.fits")
    (tmp_path / "t.csv").write_text("name,ra,dec,mag\nx,275.0,-16.0,3\naway,10,10,4\n")
    (tmp_path / "t.reg").write_text("icrs\ncircle(275.0,-16.0,30\")\nimage;box(60,40,20,10,0)\n")
    pogson("view", tmp_path / "a.fits", "-o", tmp_path / "plain.png")
    report = pogson.json(
        "view", tmp_path / "a.fits", "-o", tmp_path / "b.png", "--grid", "galactic", "--compass", "--scale-bar",
        "--catalog", tmp_path / "t.csv", "--label", "name", "--regions", tmp_path / "t.reg",
        "--footprints", tmp_path / "a.fits",
    )
    assert (report["objects"], report["regions"], report["footprints"]) == (1, 2, 1)
    assert report["scale_bar_deg"] > 0
    plain = np.asarray(Image.open(tmp_path / "plain.png").convert("RGB")).astype(int)
    drawn = np.asarray(Image.open(tmp_path / "b.png").convert("RGB")).astype(int)
    assert 0.02 < (np.abs(plain - drawn).max(axis=2) > 20).mean() < 0.9


def test_limits_may_be_negative_numbers_or_sigmas_and_options_may_follow(pogson, tmp_path):
    sky(tmp_path / "a.fits")
    view = ["view", tmp_path / "a.fits", "-o", tmp_path / "a.png", "--force"]
    assert pogson.json(*view, "--limits", "-5", "100", "--stretch", "log")["limits"] == [[-5.0, 100.0]]
    low, high = pogson.json(*view, "--limits=-2s,max", "--stretch", "gaussian-log", "--colormap", "heat")["limits"][0]
    assert 85 < low < 95 and high > 3000


def test_an_output_is_replaced_only_with_force(pogson, tmp_path):
    sky(tmp_path / "a.fits")
    (tmp_path / "a.png").write_text("mine")
    run = pogson("view", tmp_path / "a.fits", "-o", tmp_path / "a.png", code=1)
    assert "--force" in run.stderr and (tmp_path / "a.png").read_text() == "mine"
    pogson("view", tmp_path / "a.fits", "-o", tmp_path / "a.png", "--force")


@pytest.mark.parametrize("factor", [2, 3, 3.7])
def test_shrinking_keeps_the_sum_and_the_place(pogson, tmp_path, factor):
    data = sky(tmp_path / "a.fits")
    pogson("shrink", tmp_path / "a.fits", "-o", tmp_path / "s.fits", "--factor", factor, "--flux")
    with fits.open(tmp_path / "s.fits") as small:
        small.verify("exception")
        total = np.nansum(small[0].data.astype("f8"))
        assert abs(total / np.nansum(data.astype("f8")) - 1) < 1e-6
        before, after = WCS(fits.getheader(tmp_path / "a.fits")), WCS(small[0].header)
    # A place p (0-based) of the old image is (p + 1/2) / factor - 1/2 in the new one.
    for p in ((0, 0), (59.5, 44.5), (119, 3)):
        old = before.pixel_to_world(*p)
        new = after.pixel_to_world(*((q + 0.5) / factor - 0.5 for q in p))
        assert old.separation(new).arcsec < 1e-6


def test_block_means_equal_numpys(pogson, tmp_path):
    data = sky(tmp_path / "a.fits")
    pogson("shrink", tmp_path / "a.fits", "-o", tmp_path / "s.fits", "--factor", 3)
    blocks = data.astype("f8").reshape(30, 3, 40, 3)
    means = np.nanmean(blocks, axis=(1, 3))
    assert np.allclose(fits.getdata(tmp_path / "s.fits"), means, rtol=1e-6, equal_nan=True)


def test_statistics_equal_numpys_and_astropys(pogson, tmp_path):
    data = sky(tmp_path / "a.fits")
    report = pogson.json("stats", tmp_path / "a.fits", "--bins", 20, "--range", 80, 120)["images"][0]
    values = data[np.isfinite(data)].astype("f8")
    assert report["count"] == values.size and report["nan"] == data.size - values.size
    for key, expected in {
        "min": values.min(), "max": values.max(), "sum": values.sum(), "mean": values.mean(), "std": values.std(),
        "median": np.median(values), "mad": np.median(np.abs(values - np.median(values))),
    }.items():
        assert report[key] == pytest.approx(expected, rel=1e-12), key
    y, x = np.unravel_index(np.nanargmax(data), data.shape)
    assert report["max_at"] == [x + 1, y + 1]
    for percent, value in report["percentiles"]:
        assert value == pytest.approx(np.percentile(values, percent), rel=1e-12)
    mean, median, std = sigma_clipped_stats(values, sigma=3, maxiters=5)
    clipped = report["clipped"]
    assert [clipped[k] for k in ("mean", "median", "std")] == pytest.approx([mean, median, std], rel=1e-10)
    assert report["histogram"]["counts"] == np.histogram(values, 20, (80, 120))[0].tolist()


def test_statistics_of_a_rectangle_and_of_real_tiles(pogson, shared, tmp_path):
    data = sky(tmp_path / "a.fits")
    report = pogson.json("stats", tmp_path / "a.fits", "--pixels", "31:60,11:50")["images"][0]
    assert report["mean"] == pytest.approx(data[10:50, 30:60].astype("f8").mean(), rel=1e-12)
    for tile in sorted((shared / "data/tiles_m17_2mass_k/raw").glob("*.fits"))[:2]:
        values = fits.getdata(tile).astype("f8")
        found = pogson.json("stats", tile)["images"][0]
        assert found["median"] == pytest.approx(np.nanmedian(values), rel=1e-9)
