"""What MAGPHYS's spectra (CB07, Chabrier's IMF) and the built-in ones (PEGASE.2, Kroupa's) make of the same light.

Nine models of MAGPHYS's stellar library at z = 0.01, with tau_V, mu, sSFR, L_dust, f_mu and light in nine bands, are published
in the tests of ICRAR/boinc-magphys (client, ModelData's modelOptical; commit c42d9109). Each is matched, with its own tau_V and mu, by
40,000 histories of the priors of da Cunha, Charlot & Elbaz (2008) made here with the tables of ../shared/data/spectra: within
0.02 dex in the bands from the far-UV to z, L_dust and f_mu, and 0.03 dex in the star formation rate. What is left is by how much
the stellar mass (living stars and remnants) differs.

    python3 bench/cb07.py             (POGSON_SHARED: the folder with data/, default ../shared; numpy and astropy)
    python3 bench/cb07.py 1           the light of stars of about 0.9 Gyr beyond 0.8 um raised, up to 1 + 1 times at 2.2 um
"""

import os
import sys
from pathlib import Path

import numpy as np
from astropy.io import fits

DATA = Path(os.environ.get("POGSON_SHARED", "../shared")) / "data"
BANDS = "GALEX_FUV GALEX_NUV SDSS_u SDSS_g SDSS_r SDSS_i SDSS_z WISE_W1 WISE_W2".split()
REDSHIFT = 0.01
OLDEST = 13.34e9
COUNT = 40_000

# M* and SFR (1/yr, of that mass) as the library scales them; f_mu, L_dust per M*, mu, tau_V; light in Lsun/Hz per M*.
MODELS = [
    (2.5511, 2.96e-11, 0.918, 0.921171, 0.7220, 4.2970, "7.7541e-21 7.8758e-20 1.74635e-18 1.54986e-17 5.31584e-17 1.06977e-16 1.91554e-16 5.57869e-16 4.16229e-16"),
    (0.9455, 2.06e-12, 0.985, 0.946589, 0.4799, 1.5080, "2.33344e-17 5.17700e-17 1.89513e-16 6.55176e-16 1.01167e-15 1.41957e-15 1.99985e-15 1.71585e-15 1.13731e-15"),
    (0.3070, 1.67e-10, 0.157, 4.201954, 0.0702, 0.9018, "1.07796e-15 1.22124e-15 1.94340e-15 4.50694e-15 5.65876e-15 7.21243e-15 9.50783e-15 5.02992e-15 3.05775e-15"),
    (0.7528, 2.59e-13, 0.992, 0.274973, 0.3180, 4.5052, "3.94839e-20 1.30527e-19 3.97356e-18 3.52225e-17 1.08698e-16 1.95245e-16 3.09842e-16 4.65779e-16 3.24205e-16"),
    (0.7109, 3.56e-11, 0.910, 3.601069, 0.7684, 3.4571, "2.03578e-19 2.43182e-18 2.65199e-17 1.58464e-16 3.26837e-16 5.21112e-16 8.27582e-16 1.96016e-15 1.51137e-15"),
    (0.4644, 1.63e-10, 0.222, 1.263997, 0.3335, 0.1394, "9.30352e-16 1.03296e-15 1.48282e-15 3.35496e-15 4.40116e-15 5.45315e-15 6.96895e-15 4.77186e-15 3.08211e-15"),
    (0.2587, 1.92e-10, 0.479, 8.967917, 0.5718, 2.0988, "4.45968e-17 1.20499e-16 3.57424e-16 1.04912e-15 1.61802e-15 2.21893e-15 3.12279e-15 4.43183e-15 3.18730e-15"),
    (1.0672, 1.81e-14, 1.000, 0.413231, 0.4940, 3.1263, "2.40422e-20 3.13916e-19 9.59873e-18 6.17638e-17 1.63702e-16 2.76219e-16 4.21244e-16 5.45876e-16 3.48637e-16"),
    (0.4805, 2.20e-11, 0.760, 1.281998, 0.5172, 4.7424, "1.88298e-19 9.79504e-19 7.64480e-18 4.32800e-17 1.13786e-16 2.02921e-16 3.31808e-16 6.37979e-16 4.37448e-16"),
]


def brighter(wave, age, amount):
    """Factor by which the light of stars of 0.4 to 2 Gyr beyond 0.8 um is raised; axes age, wavelength (Angstrom)."""
    far = np.log(wave / 8000)
    colour = (0.3 + 0.7 * np.clip(far / np.log(2.2 / 0.8), 0, 1)) / (1 + np.exp(-far / 0.12))
    return 1 + amount * np.exp(-0.5 * ((np.log10(age) - 8.95) / 0.35) ** 2)[:, None] * colour


class Spectra:
    """The table, and the weights that turn spectra into light in a band (photon counting, at REDSHIFT)."""

    def __init__(self, amount):
        file = fits.open(DATA / "spectra/ssp_pegase2_kroupa_12z100t.fits")
        self.wave = file["WAVE"].data["WAVE"].astype(float)
        self.age = file["AGE"].data["AGE"].astype(float)
        self.metals = file["METAL"].data["Z"].astype(float)
        self.light = file["LNU"].data.astype(float) * brighter(self.wave, self.age, amount)
        props = file["PROPS"].data
        self.mass = (props["MSTARS"] + props["MREMN"]).astype(float).reshape(len(self.metals), len(self.age))
        self.frequency = -np.gradient(2.99792458e18 / self.wave)
        curves = fits.open(DATA / "filters/filters.fits")
        self.bands = [self.weights(curves, name) for name in BANDS]

    def weights(self, curves, name):
        table = curves[1].data
        row = table[[n.strip() for n in table["NAME"]].index(name)]
        points = curves[2].data[row["FIRST"] : row["FIRST"] + row["NPTS"]]
        wave, through = points.field(1).astype(float), points.field(2).astype(float)
        fine = np.geomspace(wave[0], wave[-1], 4000)
        weight = np.interp(fine, wave, through) / fine * np.gradient(fine)
        seen = self.wave * (1 + REDSHIFT)
        place = np.searchsorted(seen, fine) - 1
        share = (fine - seen[place]) / (seen[place + 1] - seen[place])
        sums = np.zeros(len(seen))
        np.add.at(sums, place, weight * (1 - share))
        np.add.at(sums, place + 1, weight * share)
        return sums / weight.sum()


class Histories:
    """Draws of the priors: mass formed by age of the table, per mass formed continuously, and the rate over 1e8 yr."""

    def __init__(self, ages, random):
        def falling(a, b):
            x = np.linspace(0, 1, 20001)
            sums = np.cumsum(1 - np.tanh(a * x - b))
            return np.interp(random.random(COUNT), sums / sums[-1], x)

        self.metallicity = random.uniform(0.02, 2, COUNT) * 0.02
        begun, gamma = random.uniform(0.1e9, OLDEST, COUNT), np.maximum(falling(8, 6), 1e-5) / 1e9
        edges = np.concatenate([[0], np.sqrt(ages[1:] * ages[:-1]), [1e11]])
        formed = np.exp(gamma[:, None] * (np.minimum(edges, begun[:, None]) - begun[:, None]))
        total = 1 - np.exp(-gamma * begun)
        self.formed = np.diff(formed, axis=1) / total[:, None]
        self.rate = (np.exp(gamma * (1e8 - begun)) - np.exp(-gamma * begun)) / total / 1e8
        for k in range(COUNT):
            start = begun[k]
            while (start := start - random.exponential(2e9 / np.log(2))) > 0:
                length = random.uniform(3e7, 3e8)
                rate, end = 0.03 * (4 / 0.03) ** random.random() / length, max(start - length, 0)
                self.formed[k] += rate * np.clip(np.minimum(edges[1:], start) - np.maximum(edges[:-1], end), 0, None)
                self.rate[k] += rate * (min(start, 1e8) - min(end, 1e8)) / 1e8

    def mixed(self, metals, table):
        """Sums over ages of a table by metallicity and age."""
        log = np.log(metals)
        at = np.clip(np.searchsorted(log, np.log(self.metallicity)) - 1, 0, len(log) - 2)
        share = np.clip((np.log(self.metallicity) - log[at]) / (log[at + 1] - log[at]), 0, 1)[:, None]
        return (self.formed * (table[at] * (1 - share) + table[at + 1] * share)).sum(1)


def main():
    spectra = Spectra(float(sys.argv[1]) if len(sys.argv) > 1 else 0.0)
    histories = Histories(spectra.age, np.random.default_rng(3))
    mixed = lambda table: histories.mixed(spectra.metals, table)
    mass = mixed(spectra.mass)
    young = spectra.light * (spectra.age <= 1e7)[:, None]
    rows = []
    print("log sSFR  tau_V    mu  chi2 of 10   mass, dex     W1, W2 of theirs over the match, dex")
    for m_star, rate, f_mu, dust, mu, tau, light in MODELS:
        clouds = np.exp(-(1 - mu) * tau * (spectra.wave / 5500) ** -1.3)
        diffuse = np.exp(-mu * tau * (spectra.wave / 5500) ** -0.7)
        inside = spectra.light - young * (1 - clouds)
        ours = [mixed((inside * diffuse) @ weights) for weights in spectra.bands]
        of_clouds = mixed((young * (1 - clouds)) @ spectra.frequency)
        of_diffuse = mixed((inside * (1 - diffuse)) @ spectra.frequency)
        theirs = np.log10(np.array(light.split(), dtype=float))
        values = [(theirs[k], np.log10(ours[k]), 0.02) for k in range(7)]
        values.append((np.log10(dust), np.log10(of_clouds + of_diffuse), 0.02))
        # Below 1e-12 a year the rate leaves no trace in the light.
        if rate / m_star > 1e-12:
            values.append((np.log10(rate / m_star), np.log10(histories.rate), 0.03))
        off, weight = [a - b for a, b, _ in values], [1 / s**2 for _, _, s in values]
        scale = np.average(off, axis=0, weights=weight)
        chi2 = sum(w * (o - scale) ** 2 for o, w in zip(off, weight))
        chi2 += ((of_diffuse / (of_clouds + of_diffuse) - f_mu) / 0.02) ** 2
        # Errors are widened until ten histories count.
        wider = 1.0
        while True:
            p = np.exp(-0.5 * (chi2 - chi2.min()) / wider)
            p /= p.sum()
            if 1 / (p**2).sum() > 10:
                break
            wider *= 1.3
        excess = scale + np.log10(mass)
        mean = (p * excess).sum()
        spread = np.sqrt((p * (excess - mean) ** 2).sum())
        red = [(p * (theirs[k] - np.log10(ours[k]) - scale)).sum() for k in (7, 8)]
        rows.append(mean)
        print(f"{np.log10(rate / m_star):8.2f} {tau:6.2f} {mu:5.2f} {chi2.min():11.1f}   {mean:+.3f} +- {spread:.3f}   {red[0]:+.3f} {red[1]:+.3f}")
    print(f"mean {np.mean(rows):+.3f}, root mean square about it {np.std(rows):.3f}")


if __name__ == "__main__":
    main()
