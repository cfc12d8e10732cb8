"""info, cutout, convert, simulate and compare beside astropy and numpy."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_area, skycoord_to_pixel


@pytest.fixture(scope="module")
def survey(pogson, tmp_path_factory):
    """A small simulated survey with noise."""
    folder = tmp_path_factory.mktemp("survey")
    pogson("simulate", "-o", folder, "--size", "0.1", "--tile", "256x256", "--noise", "2", "--truth-image", "--seed", "5", "--force")
    return folder


@pytest.mark.parametrize("projection", ["SIN", "TAN", "ZEA", "STG", "ARC", "CAR", "MER", "AIT", "MOL"])
@pytest.mark.parametrize("frame", ["fk5", "galactic"])
def test_pixels_and_sky_agree_with_astropy(pogson, tmp_path, projection, frame):
    pogson("simulate", "-o", tmp_path / "s", "--size", "0.03", "--tile", "64x64", "--projection", projection, "--frame", frame, "--rotation", "30")
    tile = sorted((tmp_path / "s/raw").glob("*.fits"))[0]
    wcs = WCS(fits.getheader(tile))
    for x, y in [(1, 1), (32.5, 32.5), (64, 7.25)]:
        lon, lat = wcs.wcs_pix2world([[x, y]], 1)[0]
        found = pogson.json("info", tile, "--pix2sky", f"{x} {y}")
        assert abs((found["lon"] - lon + 180) % 360 - 180) * np.cos(np.radians(lat)) < 2e-13 * 5
        assert abs(found["lat"] - lat) < 1e-12
        back = pogson.json("info", tile, "--sky2pix", f"{lon} {lat}")
        assert abs(back["x"] - x) < 1e-8 and abs(back["y"] - y) < 1e-8


def test_positions_are_brought_from_frame_to_frame_as_astropy_does(pogson, survey):
    truth = survey / "truth.fits"
    place = SkyCoord("18h18m50s -13d47m10s", frame="icrs")
    x, y = skycoord_to_pixel(place, WCS(fits.getheader(truth)), 1)
    found = pogson.json("info", truth, "--sky2pix", "18:18:50 -13:47:10", "--frame", "icrs")
    assert abs(found["x"] - x) < 1e-3 and abs(found["y"] - y) < 1e-3


def test_star_fluxes_are_the_sums_that_numpy_finds(pogson, tmp_path):
    pogson("simulate", "-o", tmp_path / "s", "--size", "0.05", "--tile", "200x200", "--background", "flat", "--scale", "0.7")
    stars = np.loadtxt(tmp_path / "s/truth_stars.txt")
    checked = 0
    for tile in (tmp_path / "s/raw").glob("*.fits"):
        data, header = fits.getdata(tile).astype(float), fits.getheader(tile)
        wcs = WCS(header)
        x, y = skycoord_to_pixel(SkyCoord(stars[:, 0], stars[:, 1], unit="deg", frame="fk5"), wcs, 0)
        area = proj_plane_pixel_area(wcs) * 3600**2
        for px, py, flux in zip(x, y, stars[:, 2]):
            i, j = int(round(float(px))), int(round(float(py)))
            if 15 <= i < data.shape[1] - 15 and 15 <= j < data.shape[0] - 15:
                total = (data[j - 15 : j + 16, i - 15 : i + 16] - 640).sum() * area
                assert abs(total / flux - 1) < 1e-3 + 0.05 / flux
                checked += 1
    assert checked > 3


def test_residuals_are_those_that_numpy_finds(pogson, survey):
    tiles = sorted((survey / "raw").glob("*.fits"))[:2]
    a, b = (fits.getdata(tile) for tile in tiles)
    found = pogson.json("compare", *tiles)["residuals"]
    difference = (a - b).astype(float)
    assert found["pixels"] == difference.size
    assert found["median"] == pytest.approx(np.median(difference), abs=1e-9)
    assert found["rms"] == pytest.approx(np.sqrt(np.mean(difference**2)), rel=1e-9)
    assert found["max_abs"] == pytest.approx(np.abs(difference).max(), rel=1e-12)
    for entry in found["percentiles"]:
        assert entry["value"] == pytest.approx(np.percentile(difference, entry["percent"]), rel=1e-6, abs=1e-9)


def test_a_cutout_is_the_slice_that_astropy_takes(pogson, survey, tmp_path):
    source = survey / "truth.fits"
    pogson("cutout", source, "-o", tmp_path / "c.fits", "--pixels", "31:90,51:100")
    with fits.open(tmp_path / "c.fits", checksum=True) as cut:
        cut.verify("exception")
        assert np.array_equal(cut[0].data, fits.getdata(source)[50:100, 30:90])
        before = WCS(fits.getheader(source)).wcs_pix2world([[60, 70]], 1)
        assert np.allclose(WCS(cut[0].header).wcs_pix2world([[30, 20]], 1), before, rtol=0, atol=1e-12)


@pytest.mark.parametrize("codec", ["rice", "gzip1", "gzip2", "hcompress"])
def test_astropy_reads_what_convert_compresses(pogson, survey, tmp_path, codec):
    image = sorted((survey / "raw").glob("*.fits"))[0]
    packed = tmp_path / "packed.fits"
    quantize = "0" if codec.startswith("gzip") else "16"
    pogson("convert", image, "-o", packed, "--compress", codec, "--quantize", quantize)
    with fits.open(packed, checksum=True) as found:
        values, expected = found[1].data, fits.getdata(image)
        # A step is a sixteenth of the noise, which is 2.
        assert values.shape == expected.shape
        assert np.abs(values - expected).max() <= (0 if quantize == "0" else 2 / 16)


@pytest.mark.parametrize("bitpix", [16, 32, 64, -64])
def test_astropy_reads_the_other_types(pogson, survey, tmp_path, bitpix):
    source = sorted((survey / "raw").glob("*.fits"))[0]
    scaling = ["--bscale", "2", "--bzero", "640"] if bitpix > 0 else []
    pogson("convert", source, "-o", tmp_path / "c.fits", "--bitpix", bitpix, *scaling)
    with fits.open(tmp_path / "c.fits", do_not_scale_image_data=True) as raw:
        assert raw[0].header["BITPIX"] == bitpix
    assert np.abs(fits.getdata(tmp_path / "c.fits") - fits.getdata(source)).max() <= (1.001 if bitpix > 0 else 0)
