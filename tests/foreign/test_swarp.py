"""Resampling and combination beside SWarp, and combination beside reproject's mosaics."""

import subprocess

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from frames import OUT, SIZE, header, made, scene_of, stack_of, template
from reproject import reproject_interp
from reproject.mosaicking import reproject_and_coadd

STACK = (40, 30)


def swarped(swarp, folder, frame, tiles, **settings):
    """What SWarp makes of some tiles on the grid of a FITS file: values and weights."""
    cards = fits.getheader(frame)
    (folder / "swarp.head").write_text(cards.tostring(sep="\n", padding=False) + "\n")
    (folder / "empty.swarp").write_text("")
    choices = {
        "IMAGEOUT_NAME": "swarp.fits", "WEIGHTOUT_NAME": "swarp_weight.fits", "SUBTRACT_BACK": "N", "FSCALASTRO_TYPE": "NONE", "FSCALE_KEYWORD": "NOTHING",
        "PROJECTION_ERR": 0, "OVERSAMPLING": 1, "RESCALE_WEIGHTS": "N", "WRITE_XML": "N", "VERBOSE_TYPE": "QUIET", "NTHREADS": 1, **settings,
    }
    command = [swarp, *map(str, tiles), "-c", "empty.swarp"]
    for name, value in choices.items():
        command += [f"-{name}", str(value)]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return fits.getdata(folder / "swarp.fits").astype(float), fits.getdata(folder / "swarp_weight.fits").astype(float)


@pytest.mark.parametrize("method, reach", [("nearest", 1), ("bilinear", 1), ("lanczos2", 2), ("lanczos3", 3), ("lanczos4", 4)])
def test_interpolation_is_swarps(pogson, swarp, tmp_path, method, reach):
    _, tile = scene_of(tmp_path)
    value, _ = made(pogson, tmp_path, method, "--tolerance", "1e-7")
    theirs, _ = swarped(swarp, tmp_path, tmp_path / "o.fits", ["tile.fits"], RESAMPLING_TYPE=method.upper(), COMBINE_TYPE="AVERAGE")
    out = WCS(fits.getheader(tmp_path / "o.fits"))
    y, x = np.mgrid[: OUT[1], : OUT[0]]
    u, v = tile.wcs_world2pix(*out.wcs_pix2world(x, y, 0), 0)
    inside = (u > reach) & (u < SIZE[0] - 1 - reach) & (v > reach) & (v < SIZE[1] - 1 - reach)
    if method == "nearest":
        # SWarp's boundary between two pixels is off by 1e-5 pixels.
        inside &= (np.abs(u % 1 - 0.5) > 1e-4) & (np.abs(v % 1 - 0.5) > 1e-4)
    apart = np.abs(value - theirs)[inside]
    print(f"{method}: {inside.sum()} pixels, {apart.max():.2e}")
    assert inside.sum() > 3000
    # SWarp scales Lanczos weights to a sum of one, as is done here. Values of 70 in single precision, and here weights from a table.
    assert apart.max() < (1e-3 if "lanczos" in method else 1e-4)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stack")
    return folder, *stack_of(folder)


def laid_out(folder, to, kind):
    """Tiles with weight maps beside them, where SWarp looks for them."""
    for k in range(7):
        (to / f"t{k}.fits").symlink_to(folder / f"raw/t{k}.fits")
        (to / f"t{k}.weight.fits").symlink_to(folder / f"maps/t{k}.{kind}.fits")
    return [to / f"t{k}.fits" for k in range(7)]


def combined(pogson, folder, tiles, combine, *more):
    pogson("mosaic", *tiles, "-o", folder / "o.fits", "--header", folder / "out.hdr", "--background", "none", "--flux-scale", "none", "--combine", combine,
           *more)
    return fits.getdata(folder / "o.fits").astype(float)


PEERS = {"AVERAGE": "mean", "WEIGHTED": "weighted", "MEDIAN": "median", "MIN": "min", "MAX": "max", "SUM": "sum", "CHI_OLD": "chi"}


@pytest.mark.parametrize("kind", ["rms", "variance", "weight"])
@pytest.mark.parametrize("theirs", PEERS)
def test_combination_is_swarps_with_each_kind_of_weight_map(pogson, swarp, stack, tmp_path, theirs, kind):
    folder, values, _ = stack
    tiles = laid_out(folder, tmp_path, kind)
    template(tmp_path / "out.hdr", header("TAN", STACK, 0), STACK)
    found = combined(pogson, tmp_path, tiles, PEERS[theirs], "--method", "nearest", "--weight-type", f"map-{kind}", "--weight-map", ".weight.fits",
                     "--variance", tmp_path / "v.fits")
    # Left to itself SWarp 2.41 takes a threshold of 0 for the maps of all tiles but the first.
    known = {} if kind == "weight" else {"WEIGHT_THRESH": 1e20}
    peer, weight = swarped(swarp, tmp_path, tmp_path / "o.fits", tiles, RESAMPLING_TYPE="NEAREST", COMBINE_TYPE=theirs,
                           WEIGHT_TYPE=f"MAP_{kind.upper()}", **known)
    inside = (slice(1, -1), slice(1, -1))
    print(f"{theirs} {kind}: {np.abs(found - peer)[inside].max():.2e}")
    # Sums of seven values of 20, or one of 500, in single precision.
    assert np.allclose(found[inside], peer[inside], rtol=2e-6, atol=1e-5)
    # The others' weights are 1, or of a median.
    if theirs in ("AVERAGE", "WEIGHTED", "SUM"):
        assert np.allclose((fits.getdata(tmp_path / "v.fits") * weight)[inside], 1, rtol=5e-6)


def test_clipping_is_swarps(pogson, swarp, stack, tmp_path):
    folder, values, _ = stack
    # SWarp's mean of what is left is weighted, the one here is not: maps of one value make them the same.
    maps = tmp_path / "maps"
    maps.mkdir()
    for k in range(7):
        fits.writeto(maps / f"t{k}.rms.fits", np.full(values.shape[1:], 3.0, "f4"))
        (tmp_path / f"t{k}.fits").symlink_to(folder / f"raw/t{k}.fits")
        (tmp_path / f"t{k}.weight.fits").symlink_to(maps / f"t{k}.rms.fits")
    tiles = [tmp_path / f"t{k}.fits" for k in range(7)]
    template(tmp_path / "out.hdr", header("TAN", STACK, 0), STACK)
    sigma = 2.0
    found = combined(pogson, tmp_path, tiles, "clipped", "--method", "nearest", "--clip", sigma, "--weight-type", "map-rms", "--weight-map", ".weight.fits")
    # A gain of 0 is documented as infinite, but makes SWarp's limits infinite too.
    peer, _ = swarped(swarp, tmp_path, tmp_path / "o.fits", tiles, RESAMPLING_TYPE="NEAREST", COMBINE_TYPE="CLIPPED", WEIGHT_TYPE="MAP_RMS",
                      WEIGHT_THRESH=1e20, CLIP_AMPFRAC=0, CLIP_SIGMA=sigma, GAIN_DEFAULT=1e12)
    inside = (slice(1, -1), slice(1, -1))
    # SWarp clips about the median once; a second look finds more only where the first moved the median past another value.
    first = np.abs(values - np.median(values, axis=0)) <= sigma * 3
    again = np.abs(values - np.nanmedian(np.where(first, values, np.nan), axis=0)) <= sigma * 3
    once = ~(first & ~again).any(axis=0)[inside]
    clipped = (~first).any(axis=0)[inside]
    apart = np.abs(found - peer)[inside]
    print(f"CLIPPED: {clipped.sum()} pixels clipped, {(~once).sum()} twice, {apart[once].max():.2e}")
    assert clipped.sum() > 10 and once.mean() > 0.99
    assert apart[once].max() < 1e-4


def test_weights_from_background_go_by_the_noise_that_swarp_finds(pogson, swarp, tmp_path):
    size, tiles = (512, 512), []
    random = np.random.default_rng(9)
    for k, sigma in enumerate((1.0, 2.0, 4.0)):
        fits.writeto(tmp_path / f"b{k}.fits", random.normal(100, sigma, size).astype("f4"), header("TAN", size, 0))
        tiles.append(tmp_path / f"b{k}.fits")
    template(tmp_path / "out.hdr", header("TAN", size, 0), size)
    found = combined(pogson, tmp_path, tiles, "weighted", "--method", "nearest", "--weight-type", "background")
    peer, _ = swarped(swarp, tmp_path, tmp_path / "o.fits", tiles, RESAMPLING_TYPE="NEAREST", COMBINE_TYPE="WEIGHTED", WEIGHT_TYPE="BACKGROUND",
                      BACK_SIZE=512, BACK_FILTERSIZE=1)
    values = np.array([fits.getdata(name).astype(float) - 100 for name in tiles])[:, 1:-1, 1:-1].reshape(3, -1)

    def shares(image):
        """The weights with which the tiles make up an image."""
        return np.linalg.lstsq(values.T, image[1:-1, 1:-1].ravel() - 100, rcond=None)[0]

    here, theirs = shares(found), shares(peer)
    # SWarp 2.41 takes its map of the background's rms for one of variance, so that it weighs by 1 / sigma: squared, the best weights.
    theirs = theirs**2 / (theirs**2).sum()
    truth = np.array([1, 1 / 4, 1 / 16]) / (1 + 1 / 4 + 1 / 16)
    print("shares:", truth, here, theirs)
    # The median of 65,000 second differences, neighbours of which go together, tells a variance to 1.2 %, the ratio of two to 1.7 %: three times that.
    assert np.abs(here / truth - 1).max() < 0.05
    assert np.abs(here / theirs - 1).max() < 0.05


@pytest.mark.parametrize("combine", ["mean", "sum", "min", "max", "first", "last"])
def test_mosaics_are_those_of_reproject_and_coadd(pogson, tmp_path, combine):
    size, out_size = (90, 80), (150, 110)
    random = np.random.default_rng(8)
    frames = [header("SIN", size, 3), header("SIN", size, -4), header("TAN", size, 12)]
    frames[1]["CRPIX1"] += 34.4
    frames[2]["CRPIX1"] -= 20.7
    names = [tmp_path / f"{k}.fits" for k in range(3)]
    tiles = []
    for name, cards in zip(names, frames):
        data = random.normal(50, 10, (size[1], size[0])).astype("f4")
        fits.writeto(name, data, cards)
        tiles.append((data.astype(float), WCS(cards)))
    template(tmp_path / "out.hdr", header("TAN", out_size, 20), out_size)
    found = combined(pogson, tmp_path, names, combine, "--method", "bilinear", "--tolerance", "1e-7")
    out = WCS(fits.getheader(tmp_path / "o.fits"))
    peer, _ = reproject_and_coadd(tiles, out, shape_out=(out_size[1], out_size[0]), reproject_function=reproject_interp, order="bilinear",
                                      combine_function=combine, roundtrip_coords=False)
    y, x = np.mgrid[: out_size[1], : out_size[0]]
    sky = out.wcs_pix2world(x, y, 0)
    known = np.zeros(peer.shape, int)
    clear = np.ones(peer.shape, bool)
    for _, tile in tiles:
        u, v = tile.wcs_world2pix(*sky, 0)
        depth = np.minimum(np.minimum(u, size[0] - 1 - u), np.minimum(v, size[1] - 1 - v))
        # A tile's weight in a mean rises over some pixels from its edge; reproject has no such seam.
        clear &= (depth > 16) | (depth < -1)
        known += depth > 16
    clear &= known > 0
    apart = np.abs(found - peer)[clear]
    print(f"{combine}: {clear.sum()} pixels, of several tiles {(clear & (known > 1)).sum()}, {apart.max():.2e}")
    assert (clear & (known > 1)).sum() > 500
    # Values of 80 and their sums in single precision.
    assert apart.max() < 5e-5
