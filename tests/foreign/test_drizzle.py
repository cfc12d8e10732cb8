"""Drizzle beside STScI's drizzle package: each kernel at two sizes of the drops, on finer, equal and coarser pixels."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from frames import SIZE, header, made, scene_of, template

drizzle = pytest.importorskip("drizzle.resample")
# It says that Gaussian and Lanczos drops do not keep flux, and that the latter know no pixfrac: true of both programs.
pytestmark = [pytest.mark.filterwarnings("ignore:Kernel"), pytest.mark.filterwarnings("ignore:In lanczos kernel")]

# Bounds of the difference of values of 70 that differ by 20, and of weights, which are of the order of 1.
# The package's running means are single precision: some 5 roundings of 70, and of 1.
ROUNDED = (4e-5, 1e-6)
KERNELS = {
    "square": ROUNDED,
    "turbo": ROUNDED,
    "point": ROUNDED,
    # It takes 2.3548 sigma for the full width at half maximum, 8.5e-6 less than it is: weights at 2.5 sigma change by 1e-4 of themselves.
    "gaussian": (20 * 1e-5, 1e-4),
    # It reads the weight from the nearest entry of a table of 100 steps a pixel: along each axis off by up to 0.005 times a slope of about 1.
    "lanczos2": (20 * 5e-3, 1e-2),
    "lanczos3": (20 * 5e-3, 1e-2),
}


@pytest.mark.parametrize("scale, size", [(0.6, (170, 150)), (1.0, (100, 90)), (1.4, (74, 66))])
@pytest.mark.parametrize("pixfrac", [1.0, 0.7])
@pytest.mark.parametrize("kernel", KERNELS)
def test_drops_are_those_of_the_drizzle_package(pogson, tmp_path, kernel, pixfrac, scale, size):
    data, tile = scene_of(tmp_path)
    template(tmp_path / "out.hdr", header("TAN", size, 20, scale), size)
    value, cover = made(pogson, tmp_path, "drizzle", "--drop", kernel, "--pixfrac", pixfrac)
    out = WCS(fits.getheader(tmp_path / "o.fits"))
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    places = np.stack(out.wcs_world2pix(*tile.wcs_pix2world(x, y, 0), 0), axis=-1)
    middle = places[SIZE[1] // 2 - 1 : SIZE[1] // 2 + 2, SIZE[0] // 2 - 1 : SIZE[0] // 2 + 2]
    area = abs(np.linalg.det([(middle[1, 2] - middle[1, 0]) / 2, (middle[2, 1] - middle[0, 1]) / 2]))
    peer = drizzle.Drizzle(kernel=kernel, out_shape=(size[1], size[0]), fillval=np.nan)
    peer.add_image(data.astype("f4"), exptime=1, pixmap=places, pixfrac=pixfrac, pixel_scale_ratio=area**-0.5)
    inside = np.ones(value.shape, bool)
    if kernel.startswith("lanczos"):
        # Where weights of both signs nearly cancel, at the tile's border and between drops further apart than pixels, means are wild.
        v, u = np.mgrid[: size[1], : size[0]]
        u, v = tile.wcs_world2pix(*out.wcs_pix2world(u, v, 0), 0)
        inside = (u > 4) & (u < SIZE[0] - 5) & (v > 4) & (v < SIZE[1] - 5) & (peer.out_wht * area > 0.5)
        assert inside.sum() > 1500
    else:
        assert np.array_equal(np.isnan(value), np.isnan(peer.out_img))
        assert np.isfinite(value).sum() > 2000
    worst = np.nanmax(np.abs(value - peer.out_img)[inside])
    print(f"{kernel} {pixfrac} {scale}: {inside.sum()} pixels, {worst:.2e}")
    assert worst < KERNELS[kernel][0]
    # The package counts weight in input pixels, the footprint counts their area in output pixels.
    assert np.abs(cover - peer.out_wht * area)[inside].max() < KERNELS[kernel][1] * max(area, 1)


# Weight maps here weigh tiles against each other, by the variance of what each brings to an output pixel; the package weighs the drops of
# one tile too. Points of one tile, 1.67 output pixels apart, never share a pixel: there both are the same.
@pytest.mark.parametrize("kernel, combine, kind", [("square", "mean", None), ("turbo", "mean", None), ("point", "mean", None),
                                                   ("point", "weighted", "weight")])
def test_a_drizzled_mosaic_is_the_drizzle_packages(pogson, tmp_path, kernel, combine, kind):
    """Four dithered tiles, without and with weight maps, onto finer pixels."""
    # Wide enough to hold the tiles whole: the package leaves out pixels whose centres lie off the output.
    size, pixfrac = (220, 200), 0.7
    random = np.random.default_rng(12)
    template(tmp_path / "out.hdr", header("TAN", size, 20, 0.6), size)
    out = WCS(fits.Header.fromstring((tmp_path / "out.hdr").read_text(), sep="\n"))
    peer = drizzle.Drizzle(kernel=kernel, out_shape=(size[1], size[0]), fillval=np.nan)
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    names = []
    for k in range(4):
        cards = header("SIN", SIZE, 2 * k)
        cards["CRPIX1"] += random.uniform(-8, 8)
        cards["CRPIX2"] += random.uniform(-8, 8)
        data = random.normal(50, 10, (SIZE[1], SIZE[0])).astype("f4")
        weight = random.uniform(0.5, 2, data.shape).astype("f4")
        weight[:, 10 * k : 10 * k + 5] = 0
        names.append(tmp_path / f"d{k}.fits")
        fits.writeto(names[-1], data, cards)
        fits.writeto(tmp_path / f"d{k}.w.fits", weight)
        places = np.stack(out.wcs_world2pix(*WCS(cards).wcs_pix2world(x, y, 0), 0), axis=-1)
        peer.add_image(data, exptime=1, pixmap=places, pixfrac=pixfrac, pixel_scale_ratio=0.6, weight_map=weight if kind else None)
    maps = ["--weight-type", f"map-{kind}", "--weight-map", ".w.fits"] if kind else []
    pogson("mosaic", *names, "-o", tmp_path / "o.fits", "--header", tmp_path / "out.hdr", "--method", "drizzle", "--drop", kernel, "--pixfrac", pixfrac,
           "--background", "none", "--flux-scale", "none", "--combine", combine, *maps)
    value = fits.getdata(tmp_path / "o.fits")
    unlike = (np.isnan(value) != np.isnan(peer.out_img)).sum()
    worst = np.nanmax(np.abs(value - peer.out_img))
    print(f"{kernel} {combine}: {np.isfinite(value).sum()} pixels, {unlike} unlike, {worst:.2e}")
    assert unlike == 0
    assert worst < 2 * ROUNDED[0]
