"""Tables that Montage's programs read, and ours beside theirs."""

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import program


def rows(path):
    """Data rows of an IPAC table as dictionaries, by the bars of the header."""
    lines = [line.rstrip("\n") for line in open(path) if line.strip() and not line.startswith("\\")]
    header = lines[0]
    bars = [i for i, c in enumerate(header) if c == "|"]
    names = [name.strip() for name in header.split("|")[1:-1]]
    ends = bars[1:-1] + [None]
    return [
        {name: line[start:end].strip() for name, start, end in zip(names, bars, ends)}
        for line in lines if not line.startswith("|")
    ]


def montage_says_ok(command, *args, cwd):
    run = subprocess.run([program(command), *map(str, args)], capture_output=True, text=True, cwd=cwd, timeout=300)
    assert 'stat="OK"' in run.stdout, f"{command}: {run.stdout}{run.stderr}"
    return run.stdout


@pytest.fixture
def raw(shared):
    return shared / "data/tiles_m17_2mass_k/raw"


def test_the_image_table_says_what_mimgtbl_says(pogson, raw, tmp_path):
    report = pogson.json("table", raw, "-o", tmp_path / "ours.tbl")
    assert (report["files"], report["images"], report["left_out"]) == (8, 8, [])
    montage_says_ok("mImgtbl", "-c", raw, tmp_path / "theirs.tbl", cwd=tmp_path)
    ours = {row["fname"].split("/")[-1]: row for row in rows(tmp_path / "ours.tbl")}
    theirs = {row["fname"].split("/")[-1]: row for row in rows(tmp_path / "theirs.tbl")}
    assert ours.keys() == theirs.keys()
    numbers = "crval1 crval2 cdelt1 cdelt2 crota2".split()
    # mImgtbl's centre is half a pixel off, and its low corners a pixel farther out than the image.
    places = "ra dec ra1 dec1 ra2 dec2 ra3 dec3 ra4 dec4".split()
    for name, row in ours.items():
        for key in ["naxis1", "naxis2", "ctype1", "ctype2", "size", "hdu"]:
            assert row[key] == theirs[name][key], (name, key)
        for key in numbers:
            assert float(row[key]) == pytest.approx(float(theirs[name][key]), abs=1.1e-7), (name, key)
        for key in places:
            assert float(row[key]) == pytest.approx(float(theirs[name][key]), abs=1.1 / 3600), (name, key)


def test_moverlaps_reads_our_images_and_finds_our_pairs(pogson, raw, tmp_path):
    pogson("table", raw, "-o", tmp_path / "images.tbl")
    montage_says_ok("mOverlaps", "images.tbl", "theirs.tbl", cwd=tmp_path)
    pogson("overlaps", tmp_path / "images.tbl", "-o", tmp_path / "ours.tbl")
    names = lambda path: {frozenset((row["plus"], row["minus"])) for row in rows(path)}  # noqa: E731
    assert names(tmp_path / "ours.tbl") == names(tmp_path / "theirs.tbl")
    pogson("overlaps", raw, "-o", tmp_path / "again.tbl")
    assert (tmp_path / "again.tbl").read_bytes() == (tmp_path / "ours.tbl").read_bytes()


def test_mdiffexec_reads_our_overlaps(pogson, shared, raw, tmp_path):
    (tmp_path / "projected").mkdir()
    (tmp_path / "diffs").mkdir()
    template = shared / "data/tiles_m17_2mass_k/montage_reference/region.hdr"
    tiles = sorted(raw.glob("*.fits"))[:3]
    for tile in tiles:
        montage_says_ok("mProjectPP", tile, tmp_path / "projected" / tile.name, template, cwd=tmp_path)
    areas = list((tmp_path / "projected").glob("*_area.fits"))
    for area in areas:
        area.rename(tmp_path / area.name)
    pogson("table", tmp_path / "projected", "-o", tmp_path / "images.tbl")
    report = pogson.json("overlaps", tmp_path / "images.tbl", "-o", tmp_path / "diffs.tbl")
    for area in areas:
        (tmp_path / area.name).rename(area)
    said = montage_says_ok("mDiffExec", "-p", "projected", "diffs.tbl", template, "diffs", cwd=tmp_path)
    assert f"count={report['overlaps']}" in said
    assert len(list((tmp_path / "diffs").glob("diff.*.*.fits"))) >= report["overlaps"]


def test_what_cannot_be_used_is_left_out_and_told(pogson, raw, tmp_path):
    tile = next(raw.glob("*.fits"))
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "in/deep/good.fits").write_bytes(tile.read_bytes())
    (tmp_path / "in/cut.fits").write_bytes(tile.read_bytes()[:100_000])
    (tmp_path / "in/page.fits").write_text("<html>")
    report = pogson.json("table", tmp_path / "in", "-o", tmp_path / "t.tbl")
    assert (report["images"], sorted(m["file"].split("/")[-1] for m in report["left_out"])) == (1, ["cut.fits", "page.fits"])
    pogson("table", tmp_path / "in", "-o", tmp_path / "u.tbl", "--strict", code=3)
    assert not (tmp_path / "u.tbl").exists()
    pogson("table", tmp_path / "in", "-o", tmp_path / "t.tbl", code=1)
    checked = pogson.json("check", tmp_path / "in", code=3)
    assert checked["errors"] >= 2
    good = [f for f in checked["files"] if all(finding["severity"] == "note" for finding in f["findings"])]
    assert [f["file"].split("/")[-1] for f in good] == ["good.fits"]


def test_check_finds_a_flipped_bit_by_its_sums(pogson, tmp_path):
    from astropy.io import fits

    fits.PrimaryHDU(data=[[1.0, 2.0], [3.0, 4.0]]).writeto(tmp_path / "a.fits", checksum=True)
    pogson("check", tmp_path / "a.fits")
    data = bytearray((tmp_path / "a.fits").read_bytes())
    data[2885] ^= 4
    (tmp_path / "a.fits").write_bytes(data)
    report = pogson.json("check", tmp_path / "a.fits", code=3)
    assert {f["message"].split()[0] for f in report["files"][0]["findings"] if f["severity"] == "error"} == {
        "DATASUM", "CHECKSUM"}


def test_get_lists_and_fetches_from_a_local_archive(pogson, raw, tmp_path):
    tiles = {f"/{tile.name}": tile.read_bytes() for tile in sorted(raw.glob("*.fits"))[:2]}

    class Archive(BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.split("?")[0]
            body = tiles.get(path)
            if path == "/sia":
                base = f"http://127.0.0.1:{self.server.server_port}"
                cells = "".join(f"<TR><TD>{base}{name}</TD><TD>image/fits</TD><TD>275.2</TD><TD>-16.1</TD></TR>" for name in tiles)
                fields = "".join(f'<FIELD name="{n}" datatype="{t}"/>' for n, t in [
                    ("access_url", 'char" arraysize="*'), ("access_format", 'char" arraysize="*'),
                    ("s_ra", "double"), ("s_dec", "double")])
                body = (f'<VOTABLE><RESOURCE type="results"><INFO name="QUERY_STATUS" value="OK"/><TABLE>{fields}<DATA>'
                        f"<TABLEDATA>{cells}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Archive)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/sia"
        options = ["--center", "18:20:47 -16:10:18", "--size", "0.3", "-o", tmp_path / "tiles", "--list", tmp_path / "l.tbl"]
        report = pogson.json("get", url, *options)
        assert [image["state"] for image in report["images"]] == ["fetched", "fetched"]
        for name, body in tiles.items():
            assert (tmp_path / "tiles" / name[1:]).read_bytes() == body
        assert [row["fname"] for row in rows(tmp_path / "l.tbl")] == [name[1:] for name in tiles]
        again = pogson.json("get", url, *options, "--force")
        assert [image["state"] for image in again["images"]] == ["fetched", "fetched"]
    finally:
        server.shutdown()
    pogson("get", "no-such-survey", "--center", "1 2", code=2)


def test_the_template_holds_every_tile_and_mprojectpp_takes_it(pogson, raw, tmp_path):
    from astropy.io import fits
    from astropy.wcs import WCS

    report = pogson.json("header", raw, "-o", tmp_path / "t.hdr")
    assert report["images"] == 8
    frame = WCS(fits.Header.fromtextfile(tmp_path / "t.hdr"))
    for tile in raw.glob("*.fits"):
        header = fits.getheader(tile)
        sky = WCS(header).calc_footprint(header, center=False)
        x, y = frame.all_world2pix(sky, 1).T
        assert x.min() >= 0.5 - 1e-6 and x.max() <= report["naxis1"] + 0.5 + 1e-6
        assert y.min() >= 0.5 - 1e-6 and y.max() <= report["naxis2"] + 0.5 + 1e-6
    tile = next(raw.glob("*.fits"))
    montage_says_ok("mProjectPP", tile, tmp_path / "p.fits", tmp_path / "t.hdr", cwd=tmp_path)
