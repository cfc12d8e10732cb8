"""`pogson step` beside Montage's modules: each of them may take the other's place."""

import numpy as np
import pytest
from astropy.io import fits

from test_tables import montage_says_ok, rows


@pytest.fixture(scope="module")
def reference(shared):
    """Montage's own run on the M17 tiles: template, tables, mosaics."""
    return shared / "data/tiles_m17_2mass_k/montage_reference"


@pytest.fixture(scope="module")
def chain(pogson, shared, reference, tmp_path_factory):
    """Our steps on M17: a folder with images, tables, corrected images and the mosaic."""
    dir = tmp_path_factory.mktemp("step")
    raw, template = shared / "data/tiles_m17_2mass_k/raw", reference / "region.hdr"
    pogson("step", "project", raw, "--header", template, "-o", "projected", cwd=dir)
    pogson("table", "projected", "-o", "images.tbl", cwd=dir)
    pogson("step", "overlaps", "images.tbl", "-o", "diffs.tbl", cwd=dir)
    pogson("step", "diff-fit", "images.tbl", "diffs.tbl", "-o", "fits.tbl", cwd=dir)
    pogson("step", "model", "images.tbl", "fits.tbl", "-o", "corrections.tbl", cwd=dir)
    pogson("step", "correct", "images.tbl", "corrections.tbl", "-o", "corrected", cwd=dir)
    report = pogson.json("mosaic", raw, "--header", template, "-o", "mosaic.fits", cwd=dir)
    return dir, template, report


def numbers(path):
    return [{key: float(value) for key, value in row.items() if key not in ("fname", "others") and is_number(value)}
            for row in rows(path)]


def is_number(text):
    try:
        float(text)
        return True
    except ValueError:
        return False


def planes(path):
    """Plane of each image, by its number."""
    return {int(row["id"]): np.array([row["a"], row["b"], row["c"]]) for row in numbers(path)}


def box_moments(fit):
    """Second moments about CRPIX of the fit's box, evenly filled, per pixel."""
    w, h, t = fit["boxwidth"], fit["boxheight"], np.radians(fit["boxang"])
    c, s, x, y = np.cos(t), np.sin(t), fit["boxx"], fit["boxy"]
    xx, yy = (w * c) ** 2 / 12 + (h * s) ** 2 / 12 + x * x, (w * s) ** 2 / 12 + (h * c) ** 2 / 12 + y * y
    xy = (w * w - h * h) / 12 * s * c + x * y
    return np.array([[xx, xy, x], [xy, yy, y], [x, y, 1]])


def least_squares(fits_table):
    """Planes that leave the least over all boxes, by numpy."""
    ids = sorted({int(f[key]) for f in fits_table for key in ("plus", "minus")})
    at = {k: 3 * i for i, k in enumerate(ids)}
    matrix, right = np.zeros((3 * len(ids), 3 * len(ids))), np.zeros(3 * len(ids))
    for f in fits_table:
        m = box_moments(f) * f["boxwidth"] * f["boxheight"]
        d = m @ [f["a"], f["b"], f["c"]]
        i, j = at[int(f["plus"])], at[int(f["minus"])]
        for p, q, sign in ((i, i, 1), (j, j, 1), (i, j, -1), (j, i, -1)):
            matrix[p:p + 3, q:q + 3] += sign * m
        right[i:i + 3] += d
        right[j:j + 3] -= d
    scale = 1 / np.sqrt(np.diag(matrix))
    solution = scale * np.linalg.lstsq(matrix * scale[:, None] * scale, right * scale, rcond=1e-12)[0]
    return {k: solution[i:i + 3] for k, i in at.items()}


def left(fits_table, corrections):
    """What corrections leave of the fitted differences, weighted by pixels: rms of the planes, and of their levels."""
    pixels, plane, level = [], [], []
    for f in fits_table:
        rest = np.array([f["a"], f["b"], f["c"]]) - corrections[int(f["plus"])] + corrections[int(f["minus"])]
        pixels.append(f["npixel"])
        plane.append(rest @ box_moments(f) @ rest)
        level.append((rest @ [f["xcenter"], f["ycenter"], 1]) ** 2)
    return tuple(np.sqrt(np.average(v, weights=pixels)) for v in (plane, level))


def differ_by_one_plane(a, b, fits_table, tolerance):
    """Whether two solutions differ by a plane common to all images: over each overlap they do the same."""
    for f in fits_table:
        change = a[int(f["plus"])] - a[int(f["minus"])] - b[int(f["plus"])] + b[int(f["minus"])]
        assert np.sqrt(change @ box_moments(f) @ change) < tolerance, (f["plus"], f["minus"])


def judged(dir, images, template, work):
    """Fits of Montage's differences over a folder of images."""
    work.mkdir()
    (work / "diff").mkdir()
    montage_says_ok("mImgtbl", images, "images.tbl", cwd=work)
    montage_says_ok("mOverlaps", "images.tbl", "diffs.tbl", cwd=work)
    montage_says_ok("mDiffExec", "-p", images, "diffs.tbl", template, "diff", cwd=work)
    montage_says_ok("mFitExec", "diffs.tbl", "fits.tbl", "diff", cwd=work)
    return numbers(work / "fits.tbl")


def test_the_steps_give_the_very_pixels_of_the_mosaic(pogson, chain):
    dir, template, _ = chain
    pogson("step", "add", "images.tbl", "--corrections", "corrections.tbl", "--header", template, "-o", "a.fits", cwd=dir)
    assert fits.getdata(dir / "a.fits").tobytes() == fits.getdata(dir / "mosaic.fits").tobytes()


def test_our_model_is_least_squares_on_montages_fits_and_mbgmodel_meets_it(pogson, reference, tmp_path):
    pogson("step", "model", reference / "cimages.tbl", reference / "fits.tbl", "-o", "ours.tbl", cwd=tmp_path)
    fits_table, ours = numbers(reference / "fits.tbl"), planes(tmp_path / "ours.tbl")
    differ_by_one_plane(ours, least_squares(fits_table), fits_table, 1e-5)
    # Level and slope at once (-a) is the mode of mBgModel whose relaxation ends at least squares; its table has six digits.
    montage_says_ok("mBgModel", "-a", "-i", "100000", reference / "cimages.tbl", reference / "fits.tbl", "theirs.tbl", cwd=tmp_path)
    differ_by_one_plane(ours, planes(tmp_path / "theirs.tbl"), fits_table, 2e-3)
    # Its default mode stops elsewhere and leaves more: 0.1196 and 0.0572 DN, where least squares leaves 0.111 and 0.041.
    montage_says_ok("mBgModel", "-i", "100000", reference / "cimages.tbl", reference / "fits.tbl", "default.tbl", cwd=tmp_path)
    best, default = left(fits_table, ours), left(fits_table, planes(tmp_path / "default.tbl"))
    print(f"left over Montage's fits, rms of planes and of levels: ours {best}, mBgModel {default}")
    assert best[0] < default[0] and best[1] < default[1]
    assert best[0] < 0.112


def test_mbgexec_takes_our_corrections_and_corrects_as_we_do(chain):
    dir, _, _ = chain
    (dir / "theirs").mkdir()
    said = montage_says_ok("mBgExec", "-p", "projected", "images.tbl", "corrections.tbl", "theirs", cwd=dir)
    assert "nocorrection=0, failed=0" in said
    for ours in sorted((dir / "corrected").glob("*.fits")):
        a, b = fits.getdata(ours).astype(float), fits.getdata(dir / "theirs" / ours.name).astype(float)
        both = np.isfinite(a) & np.isfinite(b) & (b != 0)
        if not ours.name.endswith("_area.fits"):
            assert both.sum() > 0.9 * np.isfinite(a).sum()
        # Values of up to 1e4 in f32, less planes of ours.
        assert np.abs(a - b)[both].max() < 2e-3, ours.name


def test_montages_programs_take_our_projected_images(chain, tmp_path):
    dir, template, _ = chain
    fits_table = judged(dir, dir / "projected", template, tmp_path / "judge")
    assert len(fits_table) == 13
    work = tmp_path / "judge"
    (work / "corr").mkdir()
    montage_says_ok("mBgModel", "-a", "-i", "20000", "images.tbl", "fits.tbl", "corrections.tbl", cwd=work)
    montage_says_ok("mBgExec", "-p", dir / "projected", "images.tbl", "corrections.tbl", "corr", cwd=work)
    montage_says_ok("mImgtbl", "corr", "cimages.tbl", cwd=work)
    montage_says_ok("mAdd", "-e", "-p", "corr", "cimages.tbl", template, "m.fits", cwd=work)
    theirs, ours = fits.getdata(work / "m.fits"), fits.getdata(dir / "mosaic.fits").astype(float)
    assert theirs.shape == ours.shape
    both = np.isfinite(theirs) & np.isfinite(ours) & (theirs != 0)
    assert both.sum() > 0.99 * np.isfinite(ours).sum()
    y, x = np.nonzero(both)
    rest = (theirs - ours)[both]
    # Overlaps do not fix a common plane, and the two take different ones.
    design = np.column_stack([np.ones(len(x)), x / 1000, y / 1000])
    rest = rest - design @ np.linalg.lstsq(design, rest, rcond=None)[0]
    # What remains is how far Montage's fits of the overlaps and ours lead apart.
    assert np.median(np.abs(rest)) < 0.3


def test_seams_of_m17_are_as_small_as_montages(pogson, chain, reference, tmp_path):
    dir, template, report = chain
    # Montage's differences of our corrected images, judged by Montage's fits.
    ours = judged(dir, dir / "corrected", template, tmp_path / "judge")
    nothing = {int(f[key]): np.zeros(3) for f in ours for key in ("plus", "minus")}
    plane, level = left(ours, nothing)
    montage = left(numbers(reference / "fits.tbl"), planes(reference / "corrections.tbl"))
    print(f"rms of planes and levels that mFitExec finds: ours {plane:.4f} {level:.4f}, Montage {montage[0]:.4f} {montage[1]:.4f}")
    assert level < montage[1]
    # The planes of another program's fits, to which mBgModel was fitted and our corrections were not.
    assert plane < 1.1 * montage[0]
    for seam in report["overlap_reports"]:
        assert abs(seam["step_after"]) < 3 * seam["step_error"], seam
    assert report["residual_after"] < 0.03


def test_our_steps_take_montages_images_and_tables(pogson, shared, reference, tmp_path):
    raw, template = shared / "data/tiles_m17_2mass_k/raw", reference / "region.hdr"
    (tmp_path / "proj").mkdir()
    montage_says_ok("mImgtbl", raw, "raw.tbl", cwd=tmp_path)
    montage_says_ok("mProjExec", "-p", raw, "raw.tbl", template, "proj", "stats.tbl", cwd=tmp_path)
    montage_says_ok("mImgtbl", "proj", "images.tbl", cwd=tmp_path)
    montage_says_ok("mOverlaps", "images.tbl", "diffs.tbl", cwd=tmp_path)
    pogson("step", "diff-fit", "images.tbl", "diffs.tbl", "-o", "fits.tbl", "--dir", "proj", cwd=tmp_path)
    report = pogson.json("step", "model", "images.tbl", "fits.tbl", "-o", "corrections.tbl", cwd=tmp_path)
    assert report["residual_after"] < 0.05 < report["residual_before"]
    how = ["--corrections", "corrections.tbl", "--header", template, "--dir", "proj"]
    pogson("step", "add", "images.tbl", *how, "-o", "m.fits", cwd=tmp_path)
    # Unmatched, the sum is that of mAdd: both weigh by areas.
    pogson("step", "add", "images.tbl", "--header", template, "--dir", "proj", "-o", "plain.fits", cwd=tmp_path)
    montage_says_ok("mAdd", "-e", "-p", "proj", "images.tbl", template, "theirs.fits", cwd=tmp_path)
    ours, theirs = fits.getdata(tmp_path / "plain.fits").astype(float), fits.getdata(tmp_path / "theirs.fits")
    both = np.isfinite(ours) & np.isfinite(theirs) & (theirs != 0)
    assert both.sum() > 0.99 * np.isfinite(ours).sum()
    assert np.percentile(np.abs(ours - theirs)[both], 99) < 1e-3
