"""The result of a fit as h5py and h5dump read it, and maps as astropy reads them."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable
from astropy.wcs import WCS

h5py = pytest.importorskip("h5py")

SIDE = 20
# Fluxes of a mildly dusty, star-forming galaxy, mJy at its centre.
BANDS = {"SDSS_u": 0.030, "SDSS_g": 0.090, "SDSS_r": 0.150, "SDSS_i": 0.200, "SDSS_z": 0.240, "2MASS_J": 0.300, "2MASS_Ks": 0.320}


def image(path, band, centre_mjy):
    """An exponential disc in one band, with noise of 1/40 of its centre, in Jy a pixel."""
    rng = np.random.default_rng(sum(map(ord, band)))
    y, x = np.mgrid[:SIDE, :SIDE]
    disc = np.exp(-np.hypot(x - 9.6, (y - 10.2) / 0.7) / 4)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [150.0, 2.5], [10.5, 10.5]
    wcs.wcs.cdelt = [-1.5 / 3600, 1.5 / 3600]
    header = wcs.to_header()
    header["FILTER"], header["BUNIT"] = band, "Jy/pixel"
    sigma = 1e-3 * centre_mjy / 40
    fits.writeto(path, 1e-3 * centre_mjy * disc + rng.normal(0, sigma, disc.shape), header)
    fits.writeto(path.with_name(f"{band}_variance.fits"), np.full(disc.shape, sigma**2), header)


@pytest.fixture(scope="module")
def fitted(pogson, tmp_path_factory):
    """Folder with galaxy.h5 and maps/."""
    if "unrecognized" in subprocess.run([pogson.path, "fit", "--help"], capture_output=True, text=True).stderr:
        pytest.skip("this build has no pogson fit")
    folder = tmp_path_factory.mktemp("result")
    for band, flux in BANDS.items():
        image(folder / f"{band}.fits", band, flux)
    files = [folder / f"{band}.fits" for band in BANDS]
    variances = [v for band in BANDS for v in ("--variance", f"{folder}/{band}.fits={folder}/{band}_variance.fits")]
    pogson(
        "cube", *files, *variances, "-o", folder / "cube.fits", "--center", "150.0 2.5", "--size", SIDE * 1.5 / 3600,
        "--scale", 1.5, "--psf", "none", "--sky", "none", "--no-stars", "--min-bands", 6,
    )
    pogson(
        "library", "build", "--filters", ",".join(BANDS), "--redshift", "0.01", "-o", folder / "lib",
        "--stellar", 2000, "--dust", 2000,
    )
    pogson("fit", folder / "cube.fits", "--redshift", "0.01", "--library", folder / "lib", "-o", folder / "galaxy.h5")
    pogson("maps", folder / "galaxy.h5", "-o", folder / "maps", "--models", "disc")
    return folder


def planes(file, parameter):
    """The seven planes of a parameter by name, rows from the bottom."""
    galaxy = file["galaxy"]
    names = [str(n) for n in galaxy.attrs["parameters"]]
    k = names.index(parameter)
    table = galaxy["pixel/pixels_0_0"] if k < 16 else galaxy["pixel/history_0_0"]
    return {str(n): table[:, :, k % 16 if k < 16 else k - 16, i].T for i, n in enumerate(galaxy.attrs["images"])}


def test_h5py_reads_the_layout_of_the_archive(fitted):
    with h5py.File(fitted / "galaxy.h5") as file:
        galaxy = file["galaxy"]
        assert file.attrs["format"] == "pogson fit"
        pixels = galaxy["pixel/pixels_0_0"]
        width, height = galaxy.attrs["dimension_x"], galaxy.attrs["dimension_y"]
        assert pixels.shape == (width, height, 16, 7)
        assert pixels.chunks is not None and pixels.compression == "gzip" and pixels.shuffle
        assert [b.decode() for b in galaxy["image_filters"][:]] == list(BANDS)
        details = galaxy["pixel/pixel_details_0_0"]
        fitted_there = details["pxresult_id"] > 0
        assert fitted_there.sum() == galaxy.attrs["pixel_count"] > 100
        assert np.array_equal(np.isfinite(pixels[:, :, 5, 1]), fitted_there)
        filters = galaxy["pixel/pixel_filters_0_0"][:][fitted_there]
        chi = (filters["observed_flux"] - filters["flux_bfm"]) / filters["observational_uncertainty"]
        assert filters.shape[1] == len(BANDS) and np.isfinite(chi).any(axis=1).all()
        for name in ["fits_header", "area", "area_user", "special_pixels/int_flux", "special_pixels/rad"]:
            assert name in galaxy
        # Each pixel lies in the area that it names, stripes of 7 rows as theSkyNet POGS cut them.
        areas = {row["area_id"]: row for row in galaxy["area"][:]}
        for x, y in np.argwhere(fitted_there):
            area = areas[details["area_id"][x, y]]
            assert area["top_x"] <= x <= area["bottom_x"] and area["top_y"] <= y <= area["bottom_y"]
            assert area["top_y"] // 7 == area["bottom_y"] // 7 == y // 7


def test_percentiles_stand_in_order_and_histograms_add_up(fitted):
    with h5py.File(fitted / "galaxy.h5") as file:
        for parameter in ["m_star", "sfr", "tau_v", "m_dust"]:
            p = planes(file, parameter)
            low, low1, mid, high1, high = (
                p[f"percentile_{n}"] for n in ["2_5", "16", "50", "84", "97_5"]
            )
            good = np.isfinite(mid)
            assert (low <= low1)[good].all() and (low1 <= mid)[good].all()
            assert (mid <= high1)[good].all() and (high1 <= high)[good].all()
        pixel = file["galaxy/pixel"]
        grid = pixel["pixel_histograms_grid_0_0"][:]
        ranges = pixel["pixel_parameters_0_0"][:]
        blocks = {int(n.rsplit("_")[-1]): pixel["histogram_blocks"][n][:] for n in pixel["histogram_blocks"]}
        there = np.argwhere(pixel["pixel_details_0_0"]["pxresult_id"] > 0)
        for x, y in there[:: max(1, len(there) // 20)]:
            for k in range(16):
                place, span = grid[x, y, k], ranges[x, y, k]
                if place["block_id"] == 0:
                    continue
                rows = blocks[place["block_id"]][place["index"] : place["index"] + place["length"]]
                assert (rows["hist_value"] >= 0.01).all() and rows["hist_value"].sum() <= 1 + 1e-9
                steps = (rows["x_axis"] - span["first_prob_bin"]) / span["bin_step"]
                assert np.allclose(steps, np.round(steps), atol=1e-6)
                assert rows["x_axis"][0] == span["first_prob_bin"]


def test_h5dump_reads_all_of_it(fitted):
    if not shutil.which("h5dump"):
        pytest.skip("h5dump is not installed")
    run = subprocess.run(["h5dump", fitted / "galaxy.h5"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert run.returncode == 0 and not run.stderr


def test_maps_are_the_planes_of_the_file(fitted):
    with h5py.File(fitted / "galaxy.h5") as file:
        for parameter in ["m_star", "tau_v", "age_mass"]:
            p = planes(file, parameter)
            with fits.open(fitted / f"maps/{parameter}.fits") as maps:
                maps.verify("exception")
                for extension, name in [
                    (0, "percentile_50"), ("P2_5", "percentile_2_5"), ("P16", "percentile_16"), ("P84", "percentile_84"),
                    ("P97_5", "percentile_97_5"), ("PEAK", "highest_prob_bin"), ("BEST", "best_fit"),
                ]:
                    assert np.array_equal(maps[extension].data, p[name], equal_nan=True), (parameter, name)
                    place = WCS(maps[extension].header).pixel_to_world(9.5, 9.5)
                    assert abs(place.ra.deg - 150) < 2e-4 and abs(place.dec.deg - 2.5) < 2e-4


def test_totals_are_the_sums_of_the_maps(fitted):
    said = json.loads((fitted / "maps/summary.json").read_text())
    for parameter in ["m_star", "sfr", "l_dust", "m_dust"]:
        total = said["levels"]["pixels"]["totals"][parameter]["sum_of_medians"]
        assert total == pytest.approx(np.nansum(10 ** fits.getdata(fitted / f"maps/{parameter}.fits").astype(float)), rel=1e-5)


def test_the_disc_and_its_profile_are_in_the_mass_map(fitted):
    said = json.loads((fitted / "maps/summary.json").read_text())["structure"]
    disc = {p["name"]: p["value"] for p in said["models"][0]["parameters"]}
    assert disc["disc_scale"] == pytest.approx(4 / 0.7, rel=0.35) or disc["disc_scale"] == pytest.approx(4, rel=0.35)
    assert disc["disc_axis_ratio"] == pytest.approx(0.7, abs=0.15)
    profile = QTable.read(fitted / "maps/profiles.ecsv", format="ascii.ecsv")
    assert len(profile) > 3 and (np.diff(profile["radius"]) > 0).all()
    assert profile["m_star"].unit.is_equivalent("solMass / kpc2")


def test_the_report_loads_nothing_from_elsewhere(fitted):
    page = (fitted / "maps/report.html").read_text()
    assert "http://" not in page and "https://" not in page and "<script" not in page
    assert page.count("<img") >= 22


def test_maps_are_not_replaced_unasked(pogson, fitted):
    assert "--force" in pogson("maps", fitted / "galaxy.h5", "-o", fitted / "maps", code=1).stderr
    assert "HDF5" in pogson("maps", fitted / "cube.fits", "-o", fitted / "other", code=3).stderr
