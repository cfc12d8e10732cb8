"""Cubes against independent computations: calibrations and sums by astropy and photutils, extinction by dust_extinction, Voronoi bins by
vorbin, convolution by astropy."""

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.wcs import WCS

CENTRE = (121.6, 1.033)
AB = 3631.0
# Zero-magnitude fluxes: Cohen, Wheaton & Megeath 2003; Jarrett et al. 2011.
VEGA = {"2MASS_J": 1594.0, "2MASS_H": 1024.0, "2MASS_K": 666.7,
        "WISE_W1": 309.540, "WISE_W2": 171.787, "WISE_W3": 31.674, "WISE_W4": 8.363}


def jy_of_one(name, header):
    """Janskys of a pixel value of 1, from the surveys' own documents."""
    if name in VEGA:
        return VEGA[name] * 10 ** (-0.4 * header["MAGZP"])
    if name.startswith("SDSS"):
        # Nanomaggies; u_AB = u - 0.04, z_AB = z + 0.02.
        return 3.631e-6 * 10 ** (-0.4 * {"SDSS_u": -0.04, "SDSS_z": 0.02}.get(name, 0.0))
    return AB * 10 ** (-0.4 * {"GALEX_FUV": 18.82, "GALEX_NUV": 20.08}[name])


def aperture(data, wcs, radius_arcsec):
    """Sum in a circle about CENTRE, exact overlaps; area in pixels."""
    photutils = pytest.importorskip("photutils.aperture")
    x, y = wcs.all_world2pix(*CENTRE, 0)
    side = np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix))) * 3600
    circle = photutils.CircularAperture((x, y), radius_arcsec / side)
    return circle.do_photometry(data, method="exact")[0][0], circle.area


@pytest.fixture(scope="module")
def host(pogson, shared, tmp_path_factory):
    """The cube of the host of SN 2010H as it comes, and its report."""
    out = tmp_path_factory.mktemp("cube") / "host.fits"
    report = pogson.json(
        "cube", shared / "data/galaxies/2010H_host", "-o", out, "--psf", "none", "--no-stars", "--no-floors",
        "--center", "%f %f" % CENTRE, "--size", "0.055", "--scale", "2",
    )["report"]
    return fits.open(out), report


def test_thirteen_raw_images_are_calibrated_as_their_surveys_say(host, shared):
    cube, report = host
    assert len(report["bands"]) == 13
    for band in report["bands"]:
        path = shared / "data/galaxies/2010H_host" / band["file"].rsplit("/")[-1]
        name = path.name.split(".")[0]
        with fits.open(path) as raw:
            header, data = raw[0].header, raw[0].data.astype(float)
        jy = data * jy_of_one(name, header) - band["sky_jy"]
        wanted, _ = aperture(np.nan_to_num(jy), WCS(header).celestial, 60)
        layer = cube[band["band"]]
        found, _ = aperture(np.nan_to_num(layer.data.astype(float)), WCS(layer.header), 60)
        assert layer.header["BUNIT"] == "Jy/pixel" and layer.header["FILTER"] == band["band"]
        assert found == pytest.approx(wanted, rel=0.01), band["band"]


def test_sky_levels_are_those_of_a_robust_measure(host, shared):
    """2MASS gives the level of its whole image, WISE the median of its tile; both are within two of the pixel's scatters."""
    _, report = host
    for band in report["bands"]:
        path = shared / "data/galaxies/2010H_host" / band["file"].rsplit("/")[-1]
        header = fits.getheader(path)
        if "SKYVAL" in header:
            name = path.name.split(".")[0]
            level = header["SKYVAL"] * jy_of_one(name, header)
            assert abs(band["sky_jy"] - level) < 2 * band["sky_scatter_jy"], band["band"]


def test_one_command_makes_a_cube_of_the_host_without_tuning(pogson, shared, tmp_path):
    out = tmp_path / "c.fits"
    report = pogson.json("cube", shared / "data/galaxies/2010H_host", "-o", out, "--report", tmp_path / "c.html")["report"]
    with fits.open(out) as cube:
        cube.verify("exception")
        names = [b["band"] for b in report["bands"]]
        assert [cube[n].header["WAVELEN"] for n in names] == sorted(cube[n].header["WAVELEN"] for n in names)
        assert (cube["MASK"].data == 0).sum() == report["usable"] > 100
        for n in names:
            good = np.isfinite(cube[n].data)
            assert (cube[n + "_SIGMA"].data[good] > 0).all()
        # Old stars: the spectrum per frequency rises from u to H and falls to W2.
        total = {b["band"]: b["object_jy"] for b in report["bands"]}
        assert total["SDSS_u"] < total["SDSS_r"] < total["SDSS_z"] < total["2MASS_H"] > total["WISE_W1"] > total["WISE_W2"]
    page = (tmp_path / "c.html").read_text()
    assert page.count("<img") >= 14 and "GALEX_FUV" in page


def test_four_bands_to_the_far_infrared_need_only_be_asked_for(pogson, shared, tmp_path):
    folder = shared / "data/galaxies/ngc5584"
    run = pogson("cube", folder, "-o", tmp_path / "n.fits", code=3)
    assert "--min-bands 4" in run.stderr
    report = pogson.json("cube", folder, "-o", tmp_path / "n.fits", "--min-bands", 4)["report"]
    assert [b["band"] for b in report["bands"]] == ["GALEX_NUV", "WISE_W3", "PACS_100", "SPIRE_250"]
    flux = {b["band"]: b["object_jy"] for b in report["bands"]}
    # IRAS at 100 um: 6.2 Jy for the whole galaxy (Faint Source Catalogue, to a tenth).
    assert flux["PACS_100"] == pytest.approx(6.5, rel=0.2)
    for path in folder.glob("*PACS*"):
        with fits.open(path) as raw:
            data, wcs = raw[0].data.astype(float), WCS(raw[0].header)
        photutils = pytest.importorskip("photutils.aperture")
        ra, dec = report["object_deg"]
        a, b, angle = report["object_ellipse"]
        # The image is turned: north lies CROTA2 from its rows.
        x, y = wcs.all_world2pix(ra, dec, 0)
        north = np.array(wcs.all_world2pix(ra, dec + 0.01, 0)) - (x, y)
        theta = np.arctan2(north[1], north[0]) + np.radians(angle)
        side = 3.0
        ellipse = photutils.EllipticalAperture((x, y), a / side, b / side, theta=theta)
        sky = next(b["sky_jy"] for b in report["bands"] if b["band"] == "PACS_100")
        found = ellipse.do_photometry(np.nan_to_num(data - sky))[0][0]
        # The cube's is convolved to 18", which takes some light out of the ellipse.
        assert flux["PACS_100"] == pytest.approx(found, rel=0.03)


def synthetic(path, fwhm, side, turn, flux, size, offset=(1.3, 2.1), unit="Jy/pixel"):
    """A star as a sampled Gaussian on a TAN grid turned by some degrees."""
    n = size
    w = WCS(naxis=2)
    w.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    w.wcs.crval = CENTRE
    w.wcs.crpix = [n / 2 + 0.8, n / 2 + 0.3]
    t = np.radians(turn)
    w.wcs.cd = side / 3600 * np.array([[-np.cos(t), np.sin(t)], [np.sin(t), np.cos(t)]])
    y, x = np.mgrid[:n, :n]
    dx, dy = x + 1 - w.wcs.crpix[0], y + 1 - w.wcs.crpix[1]
    # Offsets east and north by the matrix.
    east, north = 3600 * (w.wcs.cd @ np.array([dx.ravel(), dy.ravel()])).reshape(2, n, n)
    r2 = (east - offset[0]) ** 2 + (north - offset[1]) ** 2
    image = flux * side**2 * 4 * np.log(2) / (np.pi * fwhm**2) * np.exp(-4 * np.log(2) * r2 / fwhm**2)
    header = w.to_header()
    header["BUNIT"] = unit
    fits.writeto(path, image.astype("f4"), header)
    fits.writeto(path.with_name(path.stem + "_sigma.fits"), np.full((n, n), 1e-7, "f4"))


@pytest.mark.parametrize("psf", ["gaussian", "image"])
def test_encircled_energy_of_matched_stars_agrees_within_one_per_cent_at_all_radii(pogson, tmp_path, psf):
    photutils = pytest.importorskip("photutils.aperture")
    bands = {"SDSS_r": (1.4, 0.4, 95.0, 300), "2MASS_J": (3.0, 1.0, 20.0, 130), "WISE_W1": (6.1, 1.375, -30.0, 100),
             "WISE_W4": (12.0, 2.0, 0.0, 70)}
    args = []
    for name, (fwhm, side, turn, size) in bands.items():
        path = tmp_path / f"{name}.fits"
        synthetic(path, fwhm, side, turn, 1e-3, size)
        args += ["--sigma", f"{name}.fits={path.with_name(path.stem + '_sigma.fits')}", "--sky", f"{name}.fits=none"]
        if psf == "gaussian":
            args += ["--psf", f"{name}.fits={fwhm}"]
        else:
            m = int(np.ceil(2.2 * fwhm / side))
            y, x = np.mgrid[-m : m + 1, -m : m + 1]
            kernel = np.exp(-4 * np.log(2) * (x**2 + y**2) * side**2 / fwhm**2)
            fits.writeto(tmp_path / f"psf_{name}.fits", kernel)
            args += ["--psf", f"{name}.fits={tmp_path / f'psf_{name}.fits'}"]
    out = tmp_path / "cube.fits"
    images = [tmp_path / f"{name}.fits" for name in bands]
    pogson("cube", *images, "-o", out, "--min-bands", 4, "--center", "%f %f" % CENTRE, "--size", 90 / 3600, "--scale", 1, "--no-stars", *args)
    curves = []
    with fits.open(out) as cube:
        for name in bands:
            data = cube[name].data.astype(float)
            y, x = np.mgrid[: data.shape[0], : data.shape[1]]
            at = (data * x).sum() / data.sum(), (data * y).sum() / data.sum()
            radii = np.arange(0.75, 30, 0.75)
            curves.append([photutils.CircularAperture(at, r).do_photometry(data, method="exact")[0][0] / 1e-3 for r in radii])
    curves = np.array(curves)
    assert np.abs(curves - curves[-1]).max() < 0.01
    assert curves[:, -1] == pytest.approx(1.0, abs=2e-3)


def test_convolution_is_astropys(pogson, tmp_path):
    """A field of noise brought to a wider Gaussian on its own grid is what astropy's convolution gives."""
    from astropy.convolution import Gaussian2DKernel, convolve_fft
    from scipy.ndimage import map_coordinates

    path = tmp_path / "SDSS_r.fits"
    synthetic(path, 3.0, 1.0, 0.0, 1e-3, 120)
    with fits.open(path, mode="update") as f:
        f[0].data += np.random.default_rng(1).normal(0, 1e-6, f[0].data.shape).astype("f4")
        image, header = f[0].data.astype(float).copy(), f[0].header.copy()
    grid = tmp_path / "out.fits"
    w = WCS(header)
    ra, dec = w.all_pix2world(59.5, 59.5, 0)
    pogson("cube", path, "-o", grid, "--min-bands", 1, "--psf", "SDSS_r.fits=3.0", "--psf", "8", "--sky", "none", "--no-stars",
           "--sigma", f"SDSS_r.fits={tmp_path / 'SDSS_r_sigma.fits'}", "--center", f"{float(ra)} {float(dec)}", "--size", 80 / 3600, "--scale", 1)
    with fits.open(grid) as cube:
        found, wcs = cube["SDSS_r"].data.astype(float), WCS(cube["SDSS_r"].header)
    # Pixels fall on pixels but for a part in a thousand, so only the pixel's own spread is left out of the kernel.
    pixel = 1 / 12
    wide, narrow = (f / 2.354820045 for f in (8.0, 3.0))
    kernel = Gaussian2DKernel(np.sqrt(wide**2 - narrow**2 - pixel), x_size=61)
    smooth = convolve_fft(image, kernel, boundary="fill", normalize_kernel=True)
    y, x = np.mgrid[: found.shape[0], : found.shape[1]]
    u, v = w.all_world2pix(*wcs.all_pix2world(x, y, 0), 0)
    # Sharing out by areas at this phase.
    wanted = sum(
        weight * map_coordinates(smooth, [np.floor(v) + j, np.floor(u) + i], order=0)
        for j in (0, 1) for i in (0, 1)
        for weight in [(1 - abs(v - np.floor(v) - j)) * (1 - abs(u - np.floor(u) - i))]
    )
    assert np.abs(found - wanted).max() < 2e-3 * wanted.max()


@pytest.mark.parametrize("law,model", [("ccm89", "CCM89"), ("odonnell94", "O94"), ("f99", "F99")])
def test_extinction_is_dust_extinctions(pogson, tmp_path, law, model):
    laws = pytest.importorskip("dust_extinction.parameter_averages")
    names = ["GALEX_FUV", "GALEX_NUV", "SDSS_u", "SDSS_r", "SDSS_z", "2MASS_J", "2MASS_Ks"]
    args = []
    for name in names:
        path = tmp_path / f"{name}.fits"
        synthetic(path, 5.0, 1.5, 0.0, 1e-3, 60)
        args += ["--sigma", f"{path.name}={path.with_name(name + '_sigma.fits')}", "--sky", f"{path.name}=none", "--psf", f"{path.name}=5"]
    for r_v in (3.1, 4.0):
        report = pogson.json(
            "cube", *[tmp_path / f"{n}.fits" for n in names], "-o", tmp_path / "e.fits", "--force", "--ebv", 0.3, "--rv", r_v, "--law", law,
            "--no-stars", *args,
        )["report"]
        for band in report["bands"]:
            x = 1 / band["wavelength_um"]
            wanted = 0.3 * r_v * float(getattr(laws, model)(Rv=r_v)(x / units.micron))
            # Fitzpatrick's spline has published variants that differ by some thousandths.
            assert band["extinction_mag"] == pytest.approx(wanted, rel=0.012 if law == "f99" else 1e-4), (band["band"], r_v)


def test_voronoi_bins_are_as_many_and_as_even_as_vorbins(pogson, tmp_path):
    vorbin = pytest.importorskip("vorbin.voronoi_2d_binning")
    n, rng = 64, np.random.default_rng(4)
    path = tmp_path / "SDSS_r.fits"
    synthetic(path, 3.0, 1.0, 0.0, 0.0, n)
    y, x = np.mgrid[:n, :n]
    light = 12e-6 * np.exp(-np.hypot(x - 30, y - 33) / 9)
    with fits.open(path, mode="update") as f:
        f[0].data = (light + rng.normal(0, 1e-9, light.shape)).astype("f4")
    fits.writeto(tmp_path / "s.fits", np.full((n, n), 1e-6, "f4"))
    header = fits.getheader(path)
    ra, dec = WCS(header).all_pix2world(31.5, 31.5, 0)
    cube = tmp_path / "c.fits"
    # Pixels of the image itself: the grid falls on them and neither convolves nor correlates.
    pogson("cube", path, "-o", cube, "--min-bands", 1, "--psf", "none", "--sky", "none", "--no-stars", "--no-floors", "--sigma",
           f"SDSS_r.fits={tmp_path / 's.fits'}", "--center", f"{float(ra)} {float(dec)}", "--size", 50 / 3600, "--scale", 1)
    out = tmp_path / "b.fits"
    bins = pogson.json("cube", "bin", cube, "-o", out, "--voronoi", 15)["bins"]
    with fits.open(cube) as f:
        signal, sigma, rho = (f[name].data.astype(float) for name in ("SDSS_r", "SDSS_r_SIGMA", "SDSS_r_NCORR"))
    y, x = np.mgrid[: signal.shape[0], : signal.shape[1]]
    good = np.isfinite(signal)
    xs, ys, reach = x[good], y[good], rho.shape[0] // 2

    def ratio(index, s, n):
        """Signal to noise of pixels together, the noise of neighbours correlated."""
        index = np.atleast_1d(index)
        dx, dy = xs[index][:, None] - xs[index], ys[index][:, None] - ys[index]
        near = (abs(dx) <= reach) & (abs(dy) <= reach)
        r = np.where(near, rho[np.clip(dy, -reach, reach) + reach, np.clip(dx, -reach, reach) + reach], 0)
        return s[index].sum() / np.sqrt(n[index] @ r @ n[index])

    result = vorbin.voronoi_2d_binning(xs * 1.0, ys * 1.0, signal[good], sigma[good], 15, plot=0, quiet=1, sn_func=ratio)
    assert bins["bins"] == pytest.approx(len(result[3]), rel=0.15)
    assert bins["median_ratio"] == pytest.approx(15, rel=0.15)
    with fits.open(out) as f:
        number, mask = f["BINS"].data, f["MASK"].data
        assert number.max() == bins["bins"] and ((mask == 0).sum()) == bins["bins"]
        # Every bin holds its mean.
        for k in range(1, number.max() + 1):
            inside = number == k
            assert f["SDSS_r"].data[inside] == pytest.approx(signal[inside].mean(), rel=1e-4)


def test_sums_carry_the_covariance_that_the_file_tells(pogson, shared, tmp_path):
    from scipy.signal import fftconvolve

    cube = tmp_path / "c.fits"
    pogson("cube", shared / "data/galaxies/ngc5584", "-o", cube, "--min-bands", 4, "--size", 0.06, "--redshift", 0.0055)
    sums = pogson.json("cube", "sum", cube, "--magphys", tmp_path / "fit")["bands"]
    with fits.open(cube) as f:
        usable = f["MASK"].data == 0
        for band in sums:
            name = band["band"]
            flux, sigma = f[name].data.astype(float), f[name + "_SIGMA"].data.astype(float)
            header = f[name].header
            noise = np.sqrt(np.maximum(sigma**2 - (header["CALFLOOR"] * flux) ** 2, 0)) * usable
            rho = f[name + "_NCORR"].data.astype(float)
            variance = (noise * fftconvolve(noise, rho, mode="same")).sum()
            assert header["NCORR"] == pytest.approx(rho.sum(), rel=1e-4)
            assert band["sum"]["flux_jy"] == pytest.approx(flux[usable].sum(), rel=1e-6)
            assert band["sum"]["noise_jy"] == pytest.approx(np.sqrt(variance), rel=1e-3)
            total = variance + (header["SKYSIG"] * usable.sum()) ** 2 + (header["CALFLOOR"] * flux[usable].sum()) ** 2
            assert band["sum"]["sigma_jy"] == pytest.approx(np.sqrt(total), rel=1e-3)
    words = (tmp_path / "fit/observations.dat").read_text().splitlines()[1].split()
    assert float(words[1]) == 0.0055 and len(words) == 2 + 2 * 4


def test_bad_requests_end_in_a_sentence_and_exit_code(pogson, shared, tmp_path):
    host = shared / "data/galaxies/2010H_host"
    r, u = host / "SDSS_r.fits.gz", host / "SDSS_u.fits.gz"
    out = tmp_path / "o.fits"
    for args, code, word in [
        ([r, u, "--band", "SDSS_u.fits.gz=SDSS_r", "--min-bands", 2], 3, "twice"),
        ([r, "--band", "SDSS_r.fits.gz=Nonsense", "--min-bands", 1], 3, "Nonsense"),
        ([r, "--unit", "SDSS_r.fits.gz=furlong", "--min-bands", 1], 3, "furlong"),
        ([r, "--unit", "nothere=Jy", "--min-bands", 1], 2, "nothere"),
        ([r, shared / "data/galaxies/ngc5584/NGC5584_PACS_100.fits.gz", "--min-bands", 2], 3, "overlap"),
        ([r, "--psf", "1.0", "--min-bands", 1], 3, "sharpening"),
        ([r, "--scale", "0", "--min-bands", 1], 2, "--scale"),
    ]:
        run = pogson("cube", *args, "-o", out, code=code)
        assert word in run.stderr, run.stderr
        assert not out.exists()
    pogson("cube", r, "-o", out, "--min-bands", 1)
    assert "--force" in pogson("cube", r, "-o", out, "--min-bands", 1, code=1).stderr
    assert "POGCUBE" in pogson("cube", "bin", r, "-o", tmp_path / "b.fits", "--voronoi", 5, code=3).stderr


def test_the_same_bytes_for_any_number_of_threads_and_vector_width(pogson, shared, tmp_path):
    made = []
    for k, (threads, simd) in enumerate([(1, "off"), (2, "avx512"), (3, "avx2")]):
        out = tmp_path / f"{k}.fits"
        pogson("cube", shared / "data/galaxies/2010H_host", "-o", out, "--threads", threads, "--bin", "voronoi:10",
               env={"POGSON_SIMD": simd, "SOURCE_DATE_EPOCH": "0"})
        made.append(out.read_bytes())
    assert made[0] == made[1] == made[2]
