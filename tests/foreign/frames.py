"""Frames, templates and a scene that several tests reproject."""

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

SIZE, OUT = (80, 60), (100, 90)


def header(code, size, rotation, scale=1.0):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{code}", f"DEC--{code}"]
    wcs.wcs.crval = [275.2, -16.1]
    wcs.wcs.crpix = [size[0] / 2 + 0.3, size[1] / 2 - 0.2]
    wcs.wcs.cdelt = [-scale / 3600, scale / 3600]
    turn = np.radians(rotation)
    wcs.wcs.pc = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    cards = wcs.to_header()
    cards["EQUINOX"] = 2000.0
    cards["RADESYS"] = "FK5"
    return cards


def template(path, cards, size):
    lines = ["SIMPLE  = T", "BITPIX  = -64", "NAXIS   = 2", f"NAXIS1  = {size[0]}", f"NAXIS2  = {size[1]}"]
    wcs = WCS(cards)
    turn = np.degrees(np.arctan2(wcs.wcs.get_pc()[1, 0], wcs.wcs.get_pc()[0, 0]))
    for k in (0, 1):
        lines += [f"CTYPE{k + 1}  = '{wcs.wcs.ctype[k]}'", f"CRVAL{k + 1}  = {wcs.wcs.crval[k]:.10f}", f"CRPIX{k + 1}  = {wcs.wcs.crpix[k]:.10f}",
                  f"CDELT{k + 1}  = {wcs.wcs.cdelt[k]:.15f}"]
    lines += [f"CROTA2  = {turn:.12f}", "EQUINOX = 2000.0", "END"]
    path.write_text("\n".join(lines) + "\n")
    return path


def scene_of(folder):
    """A tile of smooth structure and noise in SIN, and a template in TAN, turned: its values and coordinates."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    data = 50 + 20 * np.sin(x / 5.0) * np.cos(y / 7.0) + np.random.default_rng(1).normal(0, 1, (SIZE[1], SIZE[0]))
    cards = header("SIN", SIZE, 0)
    fits.writeto(folder / "tile.fits", data.astype("f4"), cards)
    template(folder / "out.hdr", header("TAN", OUT, 20), OUT)
    return fits.getdata(folder / "tile.fits").astype(float), WCS(cards)


def made(pogson, folder, method, *more):
    pogson("reproject", folder / "tile.fits", "-o", folder / "o.fits", "--header", folder / "out.hdr", "--method", method, "--bitpix", "-64",
           "--footprint", folder / "f.fits", "--force", *more)
    return fits.getdata(folder / "o.fits"), fits.getdata(folder / "f.fits")


def stack_of(folder):
    """Seven tiles on one grid with noise of known variance, one of them with a cosmic ray, and weight maps of each kind."""
    random = np.random.default_rng(3)
    cards = header("TAN", (40, 30), 0)
    template(folder / "out.hdr", cards, (40, 30))
    tiles, variances = [], []
    for k in range(7):
        variance = np.full((30, 40), 1.0 + k) * random.uniform(0.9, 1.1, (30, 40))
        data = 20 + random.normal(0, np.sqrt(variance))
        if k == 2:
            data[10, 12] += 500
        (folder / "raw").mkdir(exist_ok=True)
        (folder / "maps").mkdir(exist_ok=True)
        fits.writeto(folder / f"raw/t{k}.fits", data.astype("f4"), cards)
        for kind, values in [("rms", np.sqrt(variance)), ("variance", variance), ("weight", 1 / variance)]:
            fits.writeto(folder / f"maps/t{k}.{kind}.fits", values.astype("f4"))
        tiles.append(data.astype("f4").astype(float))
        variances.append(variance)
    return np.array(tiles), np.array(variances)
