"""Values of the portal's tiles beside what the sky has there: a closed form of it, and reproject's exact areas."""

import io
import json

import numpy as np
import pytest

fits = pytest.importorskip("astropy.io.fits")
healpix = pytest.importorskip("astropy_healpix")
reproject = pytest.importorskip("reproject")
from astropy import units as u  # noqa: E402
from astropy.wcs import WCS  # noqa: E402

from test_portal import Portal, interleave  # noqa: E402

CENTER = 40.0, 30.0
SHAPE = 1001, 903
HOLE = slice(300, 420), slice(500, 640)
PEAK = 50.0
SIDE = 512


def brightness(lon, lat):
    """A slope and a round source of 0.1 degrees, by orthographic coordinates about the middle."""
    lon, lat, (lon0, lat0) = np.radians(lon), np.radians(lat), np.radians(CENTER)
    x = np.degrees(np.cos(lat) * np.sin(lon - lon0))
    y = np.degrees(np.sin(lat) * np.cos(lat0) - np.cos(lat) * np.sin(lat0) * np.cos(lon - lon0))
    return 100 + 20 * x - 30 * y + PEAK * np.exp(-((x - 0.1) ** 2 + (y + 0.05) ** 2) / (2 * 0.1**2))


@pytest.fixture(scope="module")
def mosaic(tmp_path_factory):
    """A turned mosaic with a hole; sides of odd numbers of pixels, of 5 seconds of arc."""
    wcs, turn = WCS(naxis=2), np.radians(20)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], CENTER, [450.3, 500.7]
    wcs.wcs.cd = 5 / 3600 * np.array([[-np.cos(turn), np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    j, i = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    data = brightness(*wcs.pixel_to_world_values(i, j)).astype("f4")
    data[HOLE] = np.nan
    folder = tmp_path_factory.mktemp("values")
    fits.writeto(folder / "sky.fits", data, wcs.to_header())
    return folder


@pytest.fixture(scope="module")
def portal(pogson, mosaic):
    running = Portal(pogson, mosaic)
    yield running
    assert running.stop() == 0


def tile(portal, order):
    """The tile under the middle, its number and its FITS image."""
    index = int(healpix.HEALPix(2**order, order="nested").lonlat_to_healpix(CENTER[0] * u.deg, CENTER[1] * u.deg))
    return index, portal.image(f"/sky/Norder{order}/Dir{index // 10000 * 10000}/Npix{index}.fits")


def places(mosaic, image):
    """Where the pixels' middles lie on the mosaic."""
    j, i = np.mgrid[0:SIDE, 0:SIDE]
    wcs = WCS(fits.getheader(mosaic / "sky.fits"))
    return wcs.world_to_pixel_values(*WCS(image.header).pixel_to_world_values(i, j))


def depth(x, y):
    """How far within the known pixels a place lies, pixels; below 0 outside."""
    outer = np.minimum.reduce([x + 0.5, SHAPE[1] - 0.5 - x, y + 0.5, SHAPE[0] - 0.5 - y])
    rows, columns = HOLE
    hole = np.minimum.reduce([x - columns.start + 0.5, columns.stop - 0.5 - x, y - rows.start + 0.5, rows.stop - 0.5 - y])
    return np.minimum(outer, -hole)


@pytest.mark.parametrize("order", [7, 6, 5, 4, 3])
def test_a_pixel_is_the_mean_of_the_sky_under_it(portal, mosaic, order):
    index, image = tile(portal, order)
    side_px = np.degrees(np.sqrt(np.pi / 3)) / 2**order / SIDE * 3600 / 5
    within = depth(*places(mosaic, image))
    known = np.isfinite(image.data)
    # Known where the mosaic is, to about a pixel of either.
    assert known[within > side_px + 1].all()
    assert not known[within < -1.6 * side_px - 1].any()
    sure = within > 2 * side_px + 2
    assert sure.sum() > 3000
    # The mean over 64 places in each of some pixels, by HEALPix's own numbers.
    j, i = (at[:: max(1, sure.sum() // 5000)] for at in np.nonzero(sure))
    pixels = index * SIDE**2 + interleave(SIDE - 1 - j, i)
    grid = healpix.HEALPix(2 ** (order + 12), order="nested")
    lon, lat = grid.healpix_to_lonlat((pixels[:, None] * 64 + np.arange(64)).ravel())
    mean = brightness(lon.deg, lat.deg).reshape(-1, 64).mean(axis=1)
    error = image.data[j, i] - mean
    assert np.abs(error).max() < 0.004 * PEAK
    assert abs(error.mean()) < 5e-5 * PEAK


@pytest.mark.parametrize("order", [5, 3])
def test_edges_are_weighed_as_reproject_weighs_them(portal, mosaic, order):
    _, image = tile(portal, order)
    data, wcs = fits.getdata(mosaic / "sky.fits").astype(float), WCS(fits.getheader(mosaic / "sky.fits"))
    part = slice(0, SIDE), slice(0, SIDE)
    if order == 5:
        # About a corner of the hole: the rest is as the others.
        x, y = places(mosaic, image)
        j, i = np.unravel_index(np.argmin(np.hypot(x - HOLE[1].start, y - HOLE[0].start)), x.shape)
        part = slice(max(j - 20, 0), j + 20), slice(max(i - 20, 0), i + 20)
    else:
        rows, columns = np.nonzero(np.isfinite(image.data))
        part = slice(rows.min(), rows.min() + 40), slice(columns.min(), columns.max() + 1)
    target, found = WCS(image.header)[part], image.data[part]
    known = np.isfinite(data)
    area, _ = reproject.reproject_exact((known.astype(float), wcs), target, shape_out=found.shape)
    total, inside = reproject.reproject_exact((np.where(known, data, 0), wcs), target, shape_out=found.shape)
    area = np.nan_to_num(area)
    share = area * np.nan_to_num(inside)
    both = np.isfinite(found) & (share > 0.5)
    edge = both & (share < 0.999)
    assert edge.sum() > 10
    exact = total[both] / area[both]
    assert np.abs(found[both] - exact).max() < 0.01 * PEAK
    assert (found[both] * share[both]).sum() == pytest.approx((exact * share[both]).sum(), rel=1e-4)


def test_low_orders_of_a_real_image_keep_its_brightness(pogson, shared, tmp_path):
    folder = tmp_path / "mosaics"
    folder.mkdir()
    pogson("mosaic", shared / "data" / "tiles_m17_2mass_k" / "raw", "-o", folder / "k.fits")
    running = Portal(pogson, folder)
    try:
        described = json.loads(running.get("/")[2])["data_sets"][0]
        order = described["order"]
        grid = healpix.HEALPix(2**order, order="nested")
        index = int(grid.lonlat_to_healpix(described["ra_deg"] * u.deg, described["dec_deg"] * u.deg))

        def values(order, index):
            return running.image(f"/k/Norder{order}/Dir{index // 10000 * 10000}/Npix{index}.fits").data

        fine = values(order, index).reshape(64, 8, 64, 8).mean(axis=(1, 3))
        low, child = values(order - 3, index >> 6), index & 63
        column = sum(((child >> (2 * bit)) & 1) << bit for bit in range(3))
        row = sum(((child >> (2 * bit + 1)) & 1) << bit for bit in range(3))
        part = low[(7 - column) * 64 : (8 - column) * 64, row * 64 : (row + 1) * 64]
        known = np.isfinite(part) & np.isfinite(fine)
        assert known.mean() > 0.5
        background = np.median(fine[known])
        assert (part - background)[known].sum() == pytest.approx((fine - background)[known].sum(), rel=0.03)
        # Stars are points here, and pixels of the copies that are halved lie elsewhere than the tile's.
        assert np.corrcoef(part[known], fine[known])[0, 1] > 0.8
    finally:
        assert running.stop() == 0


def test_pictures_have_the_greys_of_one_scale_at_all_orders(portal):
    Image = pytest.importorskip("PIL.Image")
    greys = {}
    for order in (7, 5, 3):
        index, image = tile(portal, order)
        path = f"/sky/Norder{order}/Dir{index // 10000 * 10000}/Npix{index}."
        png = np.asarray(Image.open(io.BytesIO(portal.get(path + "png")[2])).convert("LA"))[::-1]
        jpg = np.asarray(Image.open(io.BytesIO(portal.get(path + "jpg")[2])).convert("L"))[::-1].astype(float)
        known = np.isfinite(image.data)
        assert np.array_equal(png[..., 1] == 255, known)
        # Known pixels that lie within known blocks of 8 x 8, where JPEG shows no edge.
        inner = np.repeat(np.repeat(known.reshape(64, 8, 64, 8).all(axis=(1, 3)), 8, 0), 8, 1)
        assert np.abs(jpg - png[..., 0])[inner].max(initial=0) <= 6
        if order == 7:
            assert inner.mean() > 0.5
        for value, grey in zip(image.data[known][::101], png[..., 0][known][::101]):
            greys.setdefault(round(float(value), 1), set()).add(int(grey))
    # A tenth of a unit is less than the width of three greys.
    assert max(max(found) - min(found) for found in greys.values()) <= 3
