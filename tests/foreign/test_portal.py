"""The portal beside astropy, astropy-healpix, reproject, mocpy, curl and Aladin's HiPS lint."""

import hmac
import http.server
import io
import json
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest

fits = pytest.importorskip("astropy.io.fits")
from astropy import units as u  # noqa: E402
from astropy.coordinates import SkyCoord  # noqa: E402
from astropy.wcs import WCS  # noqa: E402
from scipy.ndimage import map_coordinates  # noqa: E402

from conftest import program  # noqa: E402

CENTER = SkyCoord(274.7, -13.8, unit="deg")


class Portal:
    """A running portal."""

    def __init__(self, pogson, folder, *options):
        command = [pogson.path, "portal", "serve", folder, "--listen", "127.0.0.1:0", *options]
        self.process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
        self.said = []
        for line in self.process.stderr:
            self.said.append(line)
            if "is served at " in line:
                self.url = line.split("is served at ")[1].split("/;")[0]
                break
        else:
            pytest.fail("".join(self.said))
        # What it says later must not fill the pipe.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def get(self, path, **headers):
        """Status, headers and body."""
        request = urllib.request.Request(self.url + path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def image(self, path):
        """The first HDU of a FITS answer."""
        status, _, body = self.get(path)
        assert status == 200, body
        return fits.open(io.BytesIO(body))[0]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture(scope="module")
def mosaics(pogson, tmp_path_factory):
    """A folder with the mosaic of a simulated survey."""
    folder = tmp_path_factory.mktemp("portal")
    pogson("simulate", "-o", folder / "survey", "--size", "0.3", "--seed", "1", "--center", CENTER.to_string())
    (folder / "mosaics").mkdir()
    pogson("mosaic", folder / "survey" / "raw", "-o", folder / "mosaics" / "sim.fits")
    return folder / "mosaics"


@pytest.fixture(scope="module")
def portal(pogson, mosaics):
    running = Portal(pogson, mosaics)
    yield running
    assert running.stop() == 0


def finest(portal):
    """Order of the finest tiles, and the one under the survey's middle."""
    healpix = pytest.importorskip("astropy_healpix")
    order = json.loads(portal.get("/")[2])["data_sets"][0]["order"]
    grid = healpix.HEALPix(2**order, order="nested")
    return order, int(grid.lonlat_to_healpix(CENTER.ra, CENTER.dec))


def tile_path(order, index, end="fits"):
    return f"/sim/Norder{order}/Dir{index // 10000 * 10000}/Npix{index}.{end}"


def spline(mosaic, places):
    """The mosaic at places of the sky, by scipy's quintic splines, and where its pixels around are all known."""
    x, y = WCS(mosaic.header).world_to_pixel(places)
    known = np.isfinite(mosaic.data)
    values = map_coordinates(np.where(known, mosaic.data, 0).astype(float), [y, x], order=5, mode="nearest")
    sure = map_coordinates(known.astype(float), [y, x], order=1, mode="constant") > 0.999
    # Splines carry what is unknown a dozen pixels far.
    for dx, dy in ((-20, 0), (20, 0), (0, -20), (0, 20)):
        sure &= map_coordinates(known.astype(float), [y + dy, x + dx], order=0, mode="constant") > 0.5
    return values, sure


def interleave(columns, rows):
    out = np.zeros(np.shape(columns), np.int64)
    for bit in range(16):
        out |= ((columns >> bit) & 1) << (2 * bit) | ((rows >> bit) & 1) << (2 * bit + 1)
    return out


@pytest.mark.parametrize("up", [0, 1, 3])
def test_pixels_of_a_tile_lie_where_healpix_has_them(portal, up):
    healpix = pytest.importorskip("astropy_healpix")
    order, index = finest(portal)
    order, index = order - up, index >> (2 * up)
    tile = portal.image(tile_path(order, index))
    assert tile.data.shape == (512, 512)
    j, i = np.mgrid[0:512:31, 0:512:29]
    # HiPS 1.0: columns go along HEALPix's rows, rows down its columns.
    cells = index * 512**2 + interleave(511 - j, i)
    lon, lat = healpix.HEALPix(512 * 2**order, order="nested").healpix_to_lonlat(cells)
    found = WCS(tile.header).pixel_to_world(i, j)
    assert found.separation(SkyCoord(lon, lat)).max() < 1e-9 * u.deg


def test_values_of_a_tile_are_the_mosaics(portal, mosaics):
    mosaic = fits.open(mosaics / "sim.fits")[0]
    tile = portal.image(tile_path(*finest(portal)))
    j, i = np.mgrid[0:512, 0:512]
    values, sure = spline(mosaic, WCS(tile.header).pixel_to_world(i, j))
    assert sure.mean() > 0.3
    assert np.abs(tile.data - values)[sure].max() < 1e-5 * np.nanmax(np.abs(mosaic.data))


def test_a_cutout_has_the_pixels_of_pogson_reproject(portal, pogson, mosaics, tmp_path):
    for query in (
        f"ra={CENTER.ra.deg}&dec={CENTER.dec.deg}&size=0.1",
        f"ra={CENTER.ra.deg}&dec={CENTER.dec.deg}&size=0.15&width=150",
        f"ra={CENTER.ra.deg + 0.03}&dec={CENTER.dec.deg}&size=0.05,0.03&width=200&projection=SIN",
    ):
        part = portal.image("/sim/cutout?" + query)
        (tmp_path / "part.hdr").write_text(part.header.tostring(sep="\n") + "\n")
        pogson("reproject", mosaics / "sim.fits", "-o", tmp_path / "whole.fits", "--header", tmp_path / "part.hdr", "--force")
        whole = fits.getdata(tmp_path / "whole.fits")
        assert np.array_equal(np.isnan(part.data), np.isnan(whole))
        assert np.nanmax(np.abs(part.data - whole)) <= 1e-6 * np.nanmax(np.abs(whole)), query


def coverage(portal):
    """What mocpy makes of the coverage; it reads files."""
    mocpy = pytest.importorskip("mocpy")
    with tempfile.NamedTemporaryFile(suffix=".fits") as file:
        file.write(portal.get("/sim/Moc.fits")[2])
        file.flush()
        return mocpy.MOC.load(file.name, format="fits")


def covered(portal, order):
    return coverage(portal).degrade_to_order(order).flatten()


def test_the_coverage_is_the_mosaics_in_all_three_forms(portal, mosaics):
    mocpy = pytest.importorskip("mocpy")
    table = coverage(portal)
    assert mocpy.MOC.from_json(json.loads(portal.get("/sim/Moc.json")[2])) == table
    assert mocpy.MOC.from_string(portal.get("/sim/Moc.txt")[2].decode(), format="ascii") == table
    mosaic = fits.open(mosaics / "sim.fits")[0]
    known = np.argwhere(np.isfinite(mosaic.data))[::997]
    places = WCS(mosaic.header).pixel_to_world(known[:, 1], known[:, 0]).icrs
    assert table.contains_skycoords(places).all()
    area = np.isfinite(mosaic.data).sum() * WCS(mosaic.header).proj_plane_pixel_area().to_value(u.deg**2)
    assert area <= table.sky_fraction * 41252.96125 < 1.3 * area


def test_there_is_no_tile_outside_the_coverage(portal):
    status, headers, body = portal.get(tile_path(9, 7))
    assert status == 404 and b"Moc.fits" in body and headers["Access-Control-Allow-Origin"] == "*"
    assert portal.get("/sim/cutout?ra=10&dec=10&size=0.1")[0] == 404
    assert portal.get("/other/properties")[0] == 404


def test_spellings_of_a_cutout_give_the_same_bytes(portal):
    ra, dec = CENTER.ra, CENTER.dec
    wanted = portal.get(f"/sim/cutout?ra={ra.deg}&dec={dec.deg}&size=0.02")
    hms, dms = ra.to_string("hour", sep=":", precision=6), dec.to_string(sep=":", precision=5)
    for query in (f"POS=CIRCLE+{ra.deg}+{dec.deg}+0.01", f"ra={hms}&dec={dms}&size=0.02", f"center={hms}+{dms}&size=0.02,0.02"):
        found = portal.get("/sim/cutout?" + query)
        assert found[2] == wanted[2] and found[1]["Pogson-Context"] == wanted[1]["Pogson-Context"], query
        assert found[1]["Cache-Status"] == "pogson; hit"


def test_curl_gets_ranges_and_is_told_what_it_has(portal, tmp_path):
    curl = program("curl")
    url = portal.url + tile_path(*finest(portal))

    def run(*options):
        command = [curl, "-s", "-o", tmp_path / "body", "-D", tmp_path / "head", *options, url]
        subprocess.run(list(map(str, command)), check=True, timeout=60)
        lines = (tmp_path / "head").read_text().splitlines()
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        return int(lines[0].split()[1]), headers, (tmp_path / "body").read_bytes()

    status, headers, whole = run()
    assert status == 200 and int(headers["content-length"]) == len(whole)
    assert run("-r", "2880-5759")[::2] == (206, whole[2880:5760])
    status, part, body = run("-r", "-100")
    assert (status, body, part["content-range"]) == (206, whole[-100:], f"bytes {len(whole) - 100}-{len(whole) - 1}/{len(whole)}")
    assert run("-r", f"{len(whole)}-")[0] == 416
    assert run("-H", f"If-None-Match: {headers['etag']}")[0] == 304
    assert run("-H", f"If-Modified-Since: {headers['last-modified']}")[0] == 304
    status, head, _ = run("-I")
    assert (status, head["content-length"], head["etag"]) == (200, headers["content-length"], headers["etag"])
    assert "immutable" not in headers["cache-control"]
    version = json.loads(portal.get("/")[2])["data_sets"][0]["version"]
    url += f"?v={version}"
    assert run()[1]["cache-control"] == "public, immutable, max-age=31536000"


def test_pictures_are_the_tiles_upside_down_with_the_unknown_transparent(portal):
    Image = pytest.importorskip("PIL.Image")
    order, index = finest(portal)
    tile = portal.image(tile_path(order - 2, index >> 4)).data[::-1]
    picture = np.asarray(Image.open(io.BytesIO(portal.get(tile_path(order - 2, index >> 4, "png"))[2])).convert("LA"))
    assert np.array_equal(picture[..., 1] == 0, np.isnan(tile))
    known = np.isfinite(tile)
    rank = np.argsort(tile[known], kind="stable")
    assert (np.diff(picture[..., 0][known][rank].astype(int)) >= 0).all(), "brighter is never darker"


def test_wrong_requests_are_refused_by_a_sentence(portal):
    for query, word in (("ra=1&size=1", "position"), ("ra=x&dec=1&size=1", "'x 1'"), ("ra=1&dec=1&size=1&width=0", "width '0'")):
        status, _, body = portal.get("/sim/cutout?" + query)
        assert status == 400 and word in body.decode(), body
    assert portal.get("/health")[2] == b"ok\n"


def test_aladins_lint_finds_the_hips_compatible(portal, tmp_path):
    java = program("java")
    jar = "/usr/share/java/aladin.jar"
    run = subprocess.run(
        [java, "-cp", jar, "cds.allsky.HipsGen", f"out={portal.url}/sim", "LINT"], capture_output=True, text=True, timeout=300, cwd=tmp_path
    )
    said = run.stdout + run.stderr
    if "ClassNotFound" in said or "could not find" in said.lower():
        pytest.skip("aladin is not installed")
    assert "is IVOA HiPS 1.0 compatible" in said and "*ERROR*" not in said, said


def test_the_cache_stays_within_its_bound_and_misses_cost_the_stores_delay(pogson, mosaics):
    running = Portal(pogson, mosaics, "--cache", "4MiB", "--workers", "1", "--store-delay", "40ms")
    try:
        order, _ = finest(running)
        for cell in covered(running, order):
            status, headers, _ = running.get(tile_path(order, int(cell)))
            assert status in (200, 404)
            if headers["Cache-Status"] == "pogson; fwd=miss":
                timing = dict(part.split(";dur=") for part in headers["Server-Timing"].split(", "))
                assert float(timing["store"]) >= 40
        cache = json.loads(running.get("/status")[2])["cache"]
        assert cache["misses"] > 0 and 0 < cache["bytes"] <= cache["limit_bytes"] == 4 << 20
    finally:
        assert running.stop() == 0


def test_requests_under_way_are_answered_when_the_portal_ends(pogson, mosaics):
    running = Portal(pogson, mosaics, "--workers", "1", "--store-delay", "700ms")
    answers = []
    asking = threading.Thread(target=lambda: answers.append(running.get(tile_path(*finest(running)))))
    asking.start()
    for _ in range(200):
        if json.loads(running.get("/status")[2])["queue"]["active"]:
            break
        time.sleep(0.01)
    assert running.stop() == 0
    asking.join(20)
    assert answers and answers[0][0] == 200 and len(answers[0][2]) > 512 * 512 * 4


def test_reports_are_pushed_and_signed(pogson, mosaics, tmp_path):
    key = b"a key that both sides have"
    (tmp_path / "key").write_bytes(key + b"\n")
    taken = []

    class Gate(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            taken.append((self.headers["pogson-report"], self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    gate = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gate)
    threading.Thread(target=gate.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{gate.server_port}/reports"
    running = Portal(pogson, mosaics, "--report-to", url, "--name", "tiles-1", "--key", tmp_path / "key")
    try:
        _, headers, _ = running.get("/sim/cutout?ra=274.7&dec=-13.8&size=0.01", pogson_class="7")
        assert "request_seconds" in headers["endpoint-load-metrics"]
        marks = [(headers["pogson-report"], headers["endpoint-load-metrics"].encode())]
        for _ in range(300):
            if len(taken) >= 3:
                break
            time.sleep(0.05)
        sequences = []
        for mark, payload in marks + taken:
            said, signature = mark.rsplit("; signature=", 1)
            assert hmac.new(key, said.encode() + b"\n" + payload, "sha256").hexdigest() == signature
            assert "name=tiles-1" in said
        # Answers and pushes are of one life and one sequence, or a gate that gets both believes one kind alone.
        fields = [dict(field.split("=", 1) for field in mark.split("; ")) for mark, _ in marks + taken]
        assert len({one["boot"] for one in fields}) == 1
        assert len({one["sequence"] for one in fields}) == len(fields)
        for mark, payload in taken:
            sequences.append(int(mark.split("sequence=")[1].split(";")[0]))
            assert json.loads(payload)["named_metrics"]["cache_limit_bytes"] == 64 << 20
        assert sequences == sorted(sequences) and len(taken) >= 3
        # In answers and by push it has one life, and uses no number twice.
        marks += [(headers["pogson-report"], b"") for headers in (running.get("/sim/properties")[1] for _ in range(20)) if "pogson-report" in headers]
        all_marks = [mark for mark, _ in marks + taken]
        assert len({mark.split("boot=")[1].split(";")[0] for mark in all_marks}) == 1
        assert len({mark.split("sequence=")[1].split(";")[0] for mark in all_marks}) == len(all_marks)
    finally:
        assert running.stop() == 0
        gate.shutdown()


def test_a_real_survey_is_served(pogson, shared, tmp_path):
    tiles = shared / "data" / "tiles_m17_2mass_k" / "raw"
    folder = tmp_path / "mosaics" / "m17"
    folder.mkdir(parents=True)
    pogson("mosaic", tiles, "-o", folder / "k.fits")
    running = Portal(pogson, tmp_path / "mosaics")
    try:
        sets = json.loads(running.get("/")[2])["data_sets"]
        assert [s["name"] for s in sets] == ["m17"]
        middle = sets[0]
        part = running.image(f"/m17/cutout?ra={middle['ra_deg']}&dec={middle['dec_deg']}&size=0.1")
        mosaic = fits.open(folder / "k.fits")[0]
        j, i = np.mgrid[0 : part.data.shape[0], 0 : part.data.shape[1]]
        values, sure = spline(mosaic, WCS(part.header).pixel_to_world(i, j))
        assert sure.mean() > 0.5
        assert np.abs(part.data - values)[sure].max() < 1e-4 * np.nanmax(np.abs(mosaic.data))
    finally:
        assert running.stop() == 0
