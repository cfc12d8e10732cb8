"""Spectra, filters and model libraries against synphot, speclite and numpy."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

LIGHT = 2.99792458e18  # Angstrom/s
NAMES = ["GALEX_FUV", "GALEX_NUV", "SDSS_u", "SDSS_g", "SDSS_r", "SDSS_i", "SDSS_z", "2MASS_J", "2MASS_H", "2MASS_Ks",
         "WISE_W1", "WISE_W2", "WISE_W3", "WISE_W4", "PACS_70", "PACS_100", "PACS_160", "SPIRE_250"]


@pytest.fixture(scope="module")
def curves(shared):
    """Name to wavelength (Angstrom) and response of all curves of the source."""
    with fits.open(shared / "data/filters/filters.fits") as file:
        table, rows = file["FILTERS"].data, file["CURVES"].data
        return {row["NAME"].strip(): (rows["WAVE"][row["FIRST"]:row["FIRST"] + row["NPTS"]].astype(float),
                                      rows["TRANS"][row["FIRST"]:row["FIRST"] + row["NPTS"]].astype(float))
                for row in table}


@pytest.fixture(scope="module")
def spectra(pogson, tmp_path_factory):
    """Spectra from the ultraviolet to the far infrared: young and old stars, a power law, a cold body. Jy."""
    folder = tmp_path_factory.mktemp("spectra")
    made = {}
    for age, metallicity in [(5e6, 0.02), (3e8, 0.008), (1e10, 0.03)]:
        path = folder / f"{age:.0e}_{metallicity}.txt"
        pogson("library", "spectrum", "--age", age, "--metallicity", metallicity, "-o", path)
        wave, light = np.loadtxt(path, unpack=True)
        keep = wave < 3e5
        made[path.stem] = (wave[keep], light[keep] * 1e17)
    wave = np.geomspace(900, 1.2e7, 6000)
    made["power"] = (wave, (wave / 5000) ** 1.3)
    x = 1.438776877e8 / (wave * 25)
    made["cold"] = (wave, 1e-6 + x**5 * np.exp(-np.minimum(x, 600)) / -np.expm1(-x))
    return made


def magnitudes(pogson, tmp_path, wave, flux, names, *more):
    path = tmp_path / "spectrum.txt"
    np.savetxt(path, np.column_stack([wave, flux]), fmt="%.12e")
    lines = pogson.json("library", "photometry", path, "--filters", ",".join(names), *more)
    return {line["name"]: line["ab_magnitude"] for line in lines}


def covered(names, curves, wave):
    return [name for name in names if wave[0] < curves[name][0][0] and curves[name][0][-1] < wave[-1]]


def test_magnitudes_agree_with_synphot(pogson, curves, spectra, tmp_path):
    """All 32 filters, five spectra, within 0.002 mag."""
    synphot = pytest.importorskip("synphot")
    from synphot.models import Empirical1D

    worst = 0
    for title, (wave, flux) in spectra.items():
        names = covered(list(curves), curves, wave)
        ours = magnitudes(pogson, tmp_path, wave, flux, names)
        source = synphot.SourceSpectrum(Empirical1D, points=wave * u.AA, lookup_table=flux * u.Jy)
        for name in names:
            x, y = curves[name]
            band = synphot.SpectralElement(Empirical1D, points=x * u.AA, lookup_table=y)
            # All points of both, so that no step of one is jumped over by the other.
            grid = np.union1d(x, wave[(wave > x[0]) & (wave < x[-1])]) * u.AA
            bins = np.linspace(x[0], x[-1], 50) * u.AA
            theirs = synphot.Observation(source, band, binset=bins).effstim(u.ABmag, wavelengths=grid).value
            worst = max(worst, abs(ours[name] - theirs))
            assert abs(ours[name] - theirs) < 0.002, (title, name, ours[name], theirs)
    print(f"synphot: greatest difference {worst:.5f} mag")


def test_magnitudes_agree_with_speclite(pogson, curves, spectra, tmp_path):
    filters = pytest.importorskip("speclite.filters")
    worst = 0
    for title, (wave, flux) in spectra.items():
        names = covered(["SDSS_g", "SDSS_r", "2MASS_J", "WISE_W1", "IRAC_ch4", "WISE_W3", "SPIRE_250"], curves, wave)
        ours = magnitudes(pogson, tmp_path, wave, flux, names)
        per_angstrom = (flux * u.Jy).to(u.erg / u.s / u.cm**2 / u.AA, u.spectral_density(wave * u.AA))
        for name in names:
            x, y = curves[name]
            # speclite wants a response that begins and ends at 0.
            x = np.concatenate([[x[0] - 1e-3], x, [x[-1] + 1e-3]])
            y = np.concatenate([[0], np.maximum(y, 0), [0]])
            response = filters.FilterResponse(x * u.AA, y, {"group_name": "g", "band_name": f"b{abs(hash((title, name)))}"})
            grid = np.union1d(x, wave[(wave > x[0]) & (wave < x[-1])])
            light = np.interp(grid, wave, per_angstrom.value) * per_angstrom.unit
            theirs = response.get_ab_magnitude(light, grid * u.AA)
            worst = max(worst, abs(ours[name] - theirs))
            assert abs(ours[name] - theirs) < 0.002, (title, name, ours[name], theirs)
    print(f"speclite: greatest difference {worst:.5f} mag")


def test_energy_counters_follow_their_definition(pogson, tmp_path):
    wave = np.linspace(4000, 9000, 4000)
    flux = 1 + ((wave - 4000) / 2000) ** 2
    x, y = np.array([5000.0, 5500, 6400, 7000]), np.array([0.0, 1, 0.7, 0])
    curve = tmp_path / "mine.txt"
    curve.write_text("# counting energy\n" + "".join(f"{a} {b}\n" for a, b in zip(x, y)))
    grid = np.linspace(5000, 7000, 200001)
    weight = np.interp(grid, x, y) / grid**2
    mean = np.trapezoid(weight * (1 + ((grid - 4000) / 2000) ** 2), grid) / np.trapezoid(weight, grid)
    ours = magnitudes(pogson, tmp_path, wave, flux, ["mine"], "--curve", f"mine={curve}")["mine"]
    assert abs(ours - -2.5 * np.log10(mean / 3630.7805)) < 1e-4


def test_a_votable_of_the_filter_profile_service_is_the_curve_it_holds(pogson, curves, tmp_path):
    from astropy.io.votable import from_table, writeto
    from astropy.table import Table

    x, y = curves["SDSS_g"]
    table = Table({"Wavelength": x * u.AA, "Transmission": y})
    path = tmp_path / "g.xml"
    writeto(from_table(table), str(path))
    wave = np.linspace(3000, 9000, 3000)
    both = magnitudes(pogson, tmp_path, wave, wave / 5000, ["mine", "SDSS_g"], "--curve", f"mine={path}")
    assert abs(both["mine"] - both["SDSS_g"]) < 1e-5


def test_embedded_spectra_are_the_sources(pogson, shared, tmp_path):
    """At the table's own ages and metallicities to its precision; colours between them to 0.002 mag."""
    with fits.open(shared / "data/spectra/ssp_pegase2_kroupa.fits") as file:
        light = file["LNU"].data.astype(float)
        wave, age, metal = (file[name].data.field(0).astype(float) for name in ("WAVE", "AGE", "METAL"))
    path = tmp_path / "s.txt"

    def ours(t, z):
        pogson("library", "spectrum", "--age", t, "--metallicity", z, "-o", path, "--force")
        return np.loadtxt(path, unpack=True)

    for t, z in [(0, 2), (10, 4), (40, 0), (62, 5)]:
        x, y = ours(age[t], metal[z])
        own = np.isin(x, wave)
        assert np.array_equal(x[own], wave)
        assert np.allclose(y[own], light[z, t], rtol=1e-7, atol=0)
    bands = ["GALEX_FUV", "SDSS_u", "SDSS_g", "SDSS_r", "2MASS_Ks", "WISE_W1"]
    for t, z in [(2.2e7, 0.015), (7.7e8, 0.005), (8.3e9, 0.031)]:
        i, j = np.searchsorted(age, t) - 1, np.searchsorted(metal, z) - 1
        a = np.log(t / age[i]) / np.log(age[i + 1] / age[i])
        b = np.log(z / metal[j]) / np.log(metal[j + 1] / metal[j])
        reference = ((1 - b) * ((1 - a) * light[j, i] + a * light[j, i + 1])
                     + b * ((1 - a) * light[j + 1, i] + a * light[j + 1, i + 1]))
        x, y = ours(t, z)
        mine = magnitudes(pogson, tmp_path, x, y * 1e17, bands)
        keep = reference > 0
        theirs = magnitudes(pogson, tmp_path, wave[keep], reference[keep] * 1e17, bands)
        for red, blue in zip(bands[1:], bands):
            assert abs((mine[blue] - mine[red]) - (theirs[blue] - theirs[red])) < 0.002


def records(*lists):
    """Lists of numbers as GALAXEV writes them: how many, then six to a line."""
    return "\n".join(f"{len(v)} " + "\n".join(" ".join(f"{x:.7E}" for x in v[k:k + 6]) for k in range(0, len(v), 6))
                     for v in lists)


def as_bc03(folder, z, wave, age, light, mass):
    about = f"0.1 100. 0 4\n0. 0.\nPadova 1994\nX=0.7000, Y=0.2800, Z={z:.4f}, [Fe/H]=+0.09\nPadova\nPadova\n"
    spectra = "\n".join(records(row * LIGHT / wave**2, np.zeros(52)) for row in light)
    last = records(*(mass if k == 1 else np.zeros(len(age)) for k in range(12)))
    path = folder / f"m{z}.ised_ASCII"
    path.write_text(f"{records(age)}\n{about}{records(wave)}\n{spectra}\n{last}\n")
    return path


def as_fsps(folder, z, wave, age, light, mass):
    lines = [f"#   Log(Z/Zsol): {np.log10(z / 0.019):.7f}", f"{len(age)} {len(wave)}", " ".join(f"{w:.6f}" for w in wave)]
    for t, row, m in zip(age, light, mass):
        lines += [f"{np.log10(t):.9f} {np.log10(m):.8f} 0.0 -70.0", " ".join(f"{x:.7E}" for x in row * 3.826 / 3.839)]
    path = folder / f"m{z}.spec"
    path.write_text("\n".join(lines) + "\n")
    return path


def as_bpass(folder, z, wave, age, light, mass):
    name = f"imf135_100.z{round(z * 1000):03d}.dat"
    np.savetxt(folder / f"spectra-{name}", np.column_stack([wave, (light * LIGHT / wave**2 * 1e6).T]), fmt="%.8e")
    np.savetxt(folder / f"starmass-{name}", np.column_stack([np.log10(age), mass * 1e6, 0 * mass]), fmt="%.8e")
    return folder / f"spectra-{name}"


@pytest.mark.parametrize("write", [as_bc03, as_fsps, as_bpass])
def test_spectra_come_out_of_other_codes_forms_as_they_went_in(pogson, shared, tmp_path, write):
    with fits.open(shared / "data/spectra/ssp_pegase2_kroupa_12z100t.fits") as file:
        light, table = file["LNU"].data.astype(float), file["PROPS"].data
        wave, age, metal = (file[name].data.field(0).astype(float) for name in ("WAVE", "AGE", "METAL"))
        mass = table["MLIVE"].astype(float).reshape(len(metal), len(age))
    # BPASS's ages.
    age = 10 ** np.linspace(6, 11, 51)
    light, mass = light[:, :51], mass[:, :51]
    files = [write(tmp_path, metal[k], wave, age, light[k], mass[k]) for k in (4, 9)]
    given = [word for path in files for word in ("--ssp", path)]
    for t, k in [(0, 4), (30, 9), (50, 4)]:
        pogson("library", "spectrum", "--age", age[t], "--metallicity", metal[k], *given, "-o", tmp_path / "s.txt",
               "--force")
        x, y = np.loadtxt(tmp_path / "s.txt", unpack=True)
        own = np.isin(np.round(x, 3), np.round(wave, 3))
        assert own.sum() == len(wave)
        assert np.allclose(y[own], light[k, t], rtol=1e-5, atol=1e-33)
    pogson("library", "build", "--filters", "SDSS_r,WISE_W3", "--redshift", 0.01, "--stellar", 20, "--dust", 5, *given,
           "-o", tmp_path / "l.lib")
    twice = pogson("library", "build", "--filters", "SDSS_r", *given[:2], *given[:2], "-o", tmp_path / "t.lib", code=3)
    assert "which" in twice.stderr and "leave one of them out" in twice.stderr


@pytest.fixture(scope="module")
def library(pogson, tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    path = folder / "a.lib"
    pogson("library", "build", "--filters", ",".join(NAMES), "--redshift", 0.03, "--stellar", 400, "--dust", 300,
           "--seed", 9, "-o", path, "--lbr", folder / "lbr")
    return path


def rows(folder, kind):
    return np.loadtxt(next(folder.glob(f"{kind}*.lbr")), skiprows=2)


def test_dust_gives_back_what_it_takes(pogson, library, tmp_path):
    """Sums over frequency by numpy; the library's values beside them."""
    sfh = rows(library.parent / "lbr", "starformhist")
    path = tmp_path / "m.txt"

    def light(wave, values):
        return -np.trapezoid(values, LIGHT / wave)

    for number, dust in [(1, 1), (17, 5), (200, 300), (400, 33)]:
        told = pogson.json("library", "spectrum", "--library", library, "--stellar", number, "--dust", dust, "-o", path,
                           "--force")
        parts = {"stars": [], "dust": []}
        for line in path.read_text().splitlines():
            if not line.startswith("#"):
                kind, *values = line.split()
                parts[kind].append([float(value) for value in values])
        stars, grains = np.array(parts["stars"]), np.array(parts["dust"])
        taken = light(stars[:, 0], stars[:, 1] - stars[:, 2])
        given = light(grains[:, 0], grains[:, 1])
        assert abs(given / taken - 1) < 1e-6
        assert abs(sfh[number - 1, 21] / taken - 1) < 1e-6
        assert abs(told["f_mu"] - sfh[number - 1, 22]) < 1e-6
        # By wavelength in place of frequency the same to the rule's own error.
        whole = np.trapezoid(stars[:, 1] * LIGHT / stars[:, 0] ** 2, stars[:, 0])
        assert abs(light(stars[:, 0], stars[:, 1]) / whole - 1) < 0.005


def test_fluxes_are_those_of_the_models_spectra(pogson, library, curves, tmp_path):
    """A model's magnitudes in the .lbr files against its spectrum through curves by numpy, within 0.002 mag."""
    lbr = library.parent / "lbr"
    sfh, infrared = rows(lbr, "starformhist"), rows(lbr, "infrared")
    wavelengths = {name: float(wave) for name, wave, *_ in
                   (line.split() for line in (lbr / "filters.dat").read_text().splitlines()[1:])}
    path = tmp_path / "m.txt"
    pogson("library", "spectrum", "--library", library, "--stellar", 50, "--dust", 70, "-o", path)
    parts = {"stars": [], "dust": []}
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            kind, *values = line.split()
            parts[kind].append([float(value) for value in values])
    stars, grains = np.array(parts["stars"]), np.array(parts["dust"])

    def magnitude(name, wave, light):
        x, y = curves[name]
        grid = np.union1d(np.linspace(x[0], x[-1], 20001), x)
        weight = np.interp(grid, x, np.maximum(y, 0)) / grid
        flux = 1.03 * np.trapezoid(weight * np.interp(grid / 1.03, wave, light), grid) / np.trapezoid(weight, grid)
        return -2.5 * np.log10(flux / 3117336.0) - 48.6

    column = 25
    for name in NAMES:
        if wavelengths[name] / 1.03 < 10:
            assert abs(sfh[49, column] - magnitude(name, stars[:, 0], stars[:, 2])) < 0.002, name
            column += 1
    column = 8
    luminosity = sfh[49, 21]
    for name in NAMES:
        if wavelengths[name] / 1.03 > 2.5:
            assert abs(infrared[69, column] - magnitude(name, grains[:, 0], grains[:, 1] / luminosity)) < 0.002, name
            column += 1


def test_vector_widths_and_threads_give_the_same_bytes(pogson, tmp_path):
    made = []
    for k, (level, threads) in enumerate([("off", 1), ("avx2", 2), ("avx512", 3)]):
        path = tmp_path / f"{k}.lib"
        pogson("library", "build", "--filters", "FUV,SDSS_r,W3,SPIRE_250", "--redshift", "0,0.05", "--stellar", 1500,
               "--dust", 1100, "-o", path, "--threads", threads, env={"POGSON_SIMD": level})
        made.append(path.read_bytes())
    assert made[0] == made[1] == made[2]


def test_damaged_and_wrong_files_are_told_from_sound_ones(pogson, library, tmp_path):
    bytes_ = library.read_bytes()
    cut, damaged = tmp_path / "cut.lib", tmp_path / "damaged.lib"
    cut.write_bytes(bytes_[:-100])
    damaged.write_bytes(bytes_[:5000] + bytes([bytes_[5000] ^ 1]) + bytes_[5001:])
    assert "cut off" in pogson("library", "info", cut, code=3).stderr
    assert "damaged" in pogson("library", "info", damaged, "--check", code=3).stderr
    assert pogson.json("library", "info", library, "--check")["checked"]
    assert "did you mean SDSS_r" in pogson("library", "build", "--filters", "SDSS_rr", "-o", tmp_path / "x", code=3).stderr
    assert "twice" in pogson("library", "build", "--filters", "W1,WISE_W1", "-o", tmp_path / "x", code=3).stderr
    assert not (tmp_path / "x").exists()
    pogson("library", "build", "--filters", "W1", "-o", library, code=1)


def test_mocks_have_the_noise_and_truth_that_they_state(pogson, library, tmp_path):
    observations, truth = tmp_path / "o.dat", tmp_path / "t.txt"
    pogson("library", "mock", library, "-n", 600, "--snr", 8, "--seed", 3, "-o", observations, "--truth", truth)
    measured = np.loadtxt(observations, usecols=range(2, 2 + 2 * len(NAMES)))
    names = truth.read_text().splitlines()[0].lstrip("#").split()
    values = np.genfromtxt(truth, dtype=None, encoding=None, names=names, comments=None, skip_header=1)
    flux = np.column_stack([values[name] for name in names[-len(NAMES):]])
    pull = (measured[:, ::2] - flux) / measured[:, 1::2]
    assert abs(pull.mean()) < 0.04 and abs(pull.std() - 1) < 0.03
    assert np.allclose(measured[:, 1::2] * 8, flux, rtol=1e-5)
    assert (abs(values["f_mu_sfh"] - values["f_mu_ir"]) <= 0.15001).all()
    assert values["m_star"].min() > 1e4 and values["m_star"].max() < 1e9
