"""Stars measured by SExtractor before and after reprojection: their light and their places stay, whatever the projection.

The way in which the Montage papers tell of their photometry and astrometry, with noise left away so that it can be sharp.
"""

import subprocess

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from scipy.spatial import cKDTree

SCALE, SIDE, LEVEL = 20.0, 640, 100.0
CENTRE = (274.7, -13.8)
# FWHM of 4 pixels, sigma of 1.7: a radius of 12 pixels holds all light but 1.5e-11, so that the 5 x 5 parts into which SExtractor divides
# pixels at the aperture's rim do not matter.
FWHM, APERTURE = 4, 24

# Reference point of each frame, and its PV cards. Zenithal ones are seen 8 degrees off their pole, where the area of a pixel changes by up
# to 3 % from star to star; the others off their equator or standard parallel.
FRAMES = {
    "TAN": ((269.0, -19.0), {}),
    "SIN": ((269.0, -19.0), {}),
    "STG": ((269.0, -19.0), {}),
    "ZEA": ((269.0, -19.0), {}),
    "ARC": ((269.0, -19.0), {}),
    "CAR": ((270.0, 0.0), {}),
    "AIT": ((280.0, 0.0), {}),
    "MER": ((270.0, 0.0), {}),
    "SFL": ((280.0, 0.0), {}),
    "COE": ((270.0, -25.0), {"PV2_1": -25.0}),
    "CEA": ((270.0, 0.0), {"PV2_1": 1.0}),
    "HPX": ((270.0, 0.0), {}),
}

PARAMETERS = "XWIN_IMAGE\nYWIN_IMAGE\nFLUX_APER\nFLAGS\n"


def measured(sextractor, image, folder):
    """Places (1-based pixels), fluxes: what SExtractor finds over a background that is known."""
    (folder / "wanted.param").write_text(PARAMETERS)
    catalogue = folder / f"{image.stem}.cat"
    settings = {
        "CATALOG_NAME": catalogue, "CATALOG_TYPE": "FITS_1.0", "PARAMETERS_NAME": folder / "wanted.param", "FILTER": "N", "CLEAN": "N",
        "MASK_TYPE": "NONE", "THRESH_TYPE": "ABSOLUTE", "DETECT_THRESH": 5, "ANALYSIS_THRESH": 5, "BACK_TYPE": "MANUAL", "BACK_VALUE": LEVEL,
        "PHOT_APERTURES": APERTURE, "SATUR_LEVEL": 1e9, "VERBOSE_TYPE": "QUIET", "STARNNW_NAME": "/dev/null",
    }
    (folder / "empty.sex").write_text("")
    command = [sextractor, str(image), "-c", str(folder / "empty.sex")]
    for name, value in settings.items():
        command += [f"-{name}", str(value)]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    found = fits.getdata(catalogue, 1)
    return np.stack([found["XWIN_IMAGE"], found["YWIN_IMAGE"]], axis=1), found["FLUX_APER"].astype(float).reshape(len(found))


def directions(wcs, places):
    """Unit vectors of 1-based pixel places."""
    return np.array(SkyCoord(*wcs.wcs_pix2world(places, 1).T, unit="deg").cartesian.xyz.T)


def pixel_areas(wcs, places):
    """Solid angles of the pixels about some places, from differences over a pixel: no formula of a projection is in them."""
    along = [directions(wcs, places + 0.5 * step) - directions(wcs, places - 0.5 * step) for step in np.eye(2)]
    return np.linalg.norm(np.cross(*along), axis=1)


def frame(path, code):
    """A template in a projection, its middle at the field's; pixels of 1.03 times the tile's side, turned by 10 degrees."""
    reference, parameters = FRAMES[code]
    turn = np.radians(10)
    cards = fits.Header([("WCSAXES", 2), ("CTYPE1", f"RA---{code}"), ("CTYPE2", f"DEC--{code}"), ("CRVAL1", reference[0]), ("CRVAL2", reference[1]),
                         ("CRPIX1", 0.0), ("CRPIX2", 0.0), ("CDELT1", -1.03 * SCALE / 3600), ("CDELT2", 1.03 * SCALE / 3600),
                         ("PC1_1", np.cos(turn)), ("PC1_2", -np.sin(turn)), ("PC2_1", np.sin(turn)), ("PC2_2", np.cos(turn)),
                         ("RADESYS", "FK5"), ("EQUINOX", 2000.0), *parameters.items()])
    x, y = WCS(cards).wcs_world2pix(*CENTRE, 1)
    cards["CRPIX1"], cards["CRPIX2"] = (SIDE + 1) / 2 - float(x), (SIDE + 1) / 2 - float(y)
    sizes = ["SIMPLE  =                    T", "BITPIX  =                  -32", "NAXIS   =                    2", f"NAXIS1  = {SIDE:20d}",
             f"NAXIS2  = {SIDE:20d}"]
    path.write_text("\n".join(sizes) + "\n" + cards.tostring(sep="\n", endcard=False, padding=False) + "\nEND\n")
    return path


@pytest.fixture(scope="module")
def field(pogson, sextractor, tmp_path_factory):
    """One tile of isolated stars over a flat background, free of noise, and what SExtractor measures in it."""
    folder = tmp_path_factory.mktemp("field")
    pogson("simulate", "-o", folder / "sim", "--size", SIDE * SCALE / 3600, "--center", f"{CENTRE[0]} {CENTRE[1]}", "--scale", SCALE, "--tile",
           f"{SIDE}x{SIDE}", "--stars", 12, "--flux", 4e5, 4e7, "--fwhm", FWHM, "--background", "flat", "--level", LEVEL, "--seed", 11)
    middle = SkyCoord(*CENTRE, unit="deg")
    tiles = {name: WCS(fits.getheader(name)) for name in (folder / "sim/raw").glob("*.fits")}
    name = min(tiles, key=lambda name: middle.separation(SkyCoord(*tiles[name].wcs.crval, unit="deg")))
    places, fluxes = measured(sextractor, name, folder)
    return folder, name, tiles[name], places, fluxes


def inside(places):
    return ((places > 1.5 * APERTURE) & (places < SIDE - 1.5 * APERTURE)).all(axis=1)


def test_sextractor_finds_the_simulated_light(field):
    folder, _, wcs, places, fluxes = field
    truth = np.loadtxt(folder / "sim/truth_stars.txt")
    apart, which = cKDTree(wcs.wcs_world2pix(truth[:, :2], 1)).query(places)
    here = inside(places)
    assert here.sum() > 80
    # Windowed places are iterated until they move by less than 1e-4 pixels; fluxes are single precision over a level of 100.
    assert apart[here].max() < 1e-3
    areas = pixel_areas(wcs, places) / np.radians(1 / 3600) ** 2
    change = fluxes * areas / truth[which, 2] - 1
    print(f"flux {np.abs(change[here]).max():.2e}, place {apart[here].max():.2e} px")
    assert np.abs(change[here]).max() < 1e-5


@pytest.mark.parametrize("code", FRAMES)
def test_stars_keep_their_light_and_place_in_every_projection(pogson, sextractor, field, tmp_path, code):
    _, name, tile, places, fluxes = field
    pogson("reproject", name, "-o", tmp_path / "o.fits", "--header", frame(tmp_path / "o.hdr", code))
    out = WCS(fits.getheader(tmp_path / "o.fits"))
    assert out.wcs.ctype[0].endswith(code)
    seen, light = measured(sextractor, tmp_path / "o.fits", tmp_path)
    apart, which = cKDTree(directions(tile, places)).query(directions(out, seen))
    apart /= np.radians(SCALE / 3600)
    here = inside(seen) & inside(places[which])
    assert here.sum() > 60
    areas = pixel_areas(out, seen) / pixel_areas(tile, places)[which]
    change = light * areas / fluxes[which] - 1
    print(f"{code}: {here.sum()} stars, areas {areas[here].min():.4f} to {areas[here].max():.4f}, "
          f"flux {np.abs(change[here]).max():.2e}, place {apart[here].max():.2e} px")
    # What is asked of a mosaic that science is done with: a hundredth of a pixel, a hundredth of a percent.
    assert apart[here].max() < 0.01
    assert np.abs(change[here]).max() < 1e-4
