"""The portal behind the gate, read by astropy, httpx, curl and Aladin's HiPS lint: the same as without the gate."""

import io
import re
import ssl
import subprocess
import time
import urllib.request

import numpy as np
import pytest

fits = pytest.importorskip("astropy.io.fits")
from astropy import units as u  # noqa: E402
from astropy.coordinates import SkyCoord  # noqa: E402
from astropy.wcs import WCS  # noqa: E402

from conftest import program  # noqa: E402
from gate_world import World, until  # noqa: E402
from test_gate_h2 import SOON_S, Gate, answers, free_port  # noqa: E402
from test_portal import CENTER, Portal, finest, mosaics, portal, tile_path  # noqa: E402, F401

PART = f"/sim/cutout?ra={CENTER.ra.deg}&dec={CENTER.dec.deg}&size=0.1"


@pytest.fixture(scope="module")
def gate(pogson, portal, tmp_path_factory):  # noqa: F811
    running = Gate(pogson, tmp_path_factory.mktemp("gate"), portal.url.rsplit(":", 1)[1])
    yield running
    running.end()


def everything(portal):  # noqa: F811
    """Addresses of one of each that the portal serves."""
    order, index = finest(portal)
    tiles = [tile_path(order - up, index >> (2 * up), end) for up in (0, 2, 5) for end in ("fits", "png", "jpg")]
    whole = [f"/sim/Norder3/Allsky.{end}" for end in ("fits", "png", "jpg")]
    about = [f"/sim/{name}" for name in ("properties", "Moc.fits", "Moc.json", "Moc.txt", "")]
    parts = [PART, PART + "&format=png", f"/sim/cutout?POS=CIRCLE+{CENTER.ra.deg}+{CENTER.dec.deg}+0.02", "/sim/cutout?POS=RANGE+1", tile_path(order, 7)]
    return tiles + whole + about + parts


def essence(status, headers, body):
    """What has to be the same whichever way an answer came."""
    names = ("content-type", "etag", "last-modified", "cache-control", "accept-ranges", "access-control-allow-origin", "pogson-context")
    return status, [headers.get(name) for name in names], body


def test_answers_are_the_same_by_every_way(portal, gate):  # noqa: F811
    httpx = pytest.importorskip("httpx")
    pytest.importorskip("h2")
    trust = ssl.create_default_context(cafile=gate.cert)
    tls = f"https://localhost:{gate.tls_port}"
    with httpx.Client(timeout=60) as plain, httpx.Client(verify=trust, timeout=60) as one, httpx.Client(verify=trust, http2=True, timeout=60) as two:
        ways = [(plain, f"http://127.0.0.1:{gate.port}", "HTTP/1.1"), (one, tls, "HTTP/1.1"), (two, tls, "HTTP/2")]
        for path in everything(portal):
            status, headers, body = portal.get(path)
            wanted = essence(status, headers, body)
            assert status in (200, 400, 404) and body, path
            for client, url, version in ways:
                answer = client.get(url + path)
                assert answer.http_version == version
                assert essence(answer.status_code, answer.headers, answer.content) == wanted, (path, version)
                if status == 200 and "etag" in answer.headers:
                    part = client.get(url + path, headers={"Range": "bytes=10-29"})
                    assert (part.status_code, part.content) == (206, body[10:30]), (path, version)
                    again = client.get(url + path, headers={"If-None-Match": answer.headers["etag"]})
                    assert (again.status_code, again.content) == (304, b""), (path, version)


def test_answers_are_the_same_where_the_portal_writes_them_to_the_client(pogson, mosaics, tmp_path):  # noqa: F811
    httpx = pytest.importorskip("httpx")
    running = Portal(pogson, mosaics, "--unix", tmp_path / "portal.sock")
    port = free_port()
    (tmp_path / "gate.toml").write_text(f"""
        workers = 1
        [[listen]]
        address = "127.0.0.1:{port}"
        [[pool]]
        [[pool.server]]
        address = "unix:{tmp_path}/portal.sock"
        direct = true
    """)
    process = subprocess.Popen([pogson.path, "gate", "serve", "--config", tmp_path / "gate.toml"], stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + SOON_S
        while not answers(port):
            assert process.poll() is None and time.monotonic() < end, "the gate does not listen"
            time.sleep(0.02)
        with httpx.Client(timeout=60) as client:
            for path in everything(running) + [PART + "&width=1500&height=1500"]:
                wanted = essence(*running.get(path))
                answer = client.get(f"http://127.0.0.1:{port}{path}")
                assert essence(answer.status_code, answer.headers, answer.content) == wanted, path
                assert "pogson-direct" not in answer.headers
                # A part that is large goes there, too.
                part = client.get(f"http://127.0.0.1:{port}{path}", headers={"Range": "bytes=100-99999"})
                assert part.status_code != 206 or part.content == wanted[2][100:100_000], path
    finally:
        process.kill()
        process.wait(60)
        assert running.stop() == 0
    assert not (tmp_path / "portal.sock").exists()


def test_astropy_reads_the_same_through_the_gate(portal, gate):  # noqa: F811
    trust = ssl.create_default_context(cafile=gate.cert)

    def by_tls(path):
        return fits.open(io.BytesIO(urllib.request.urlopen(f"https://localhost:{gate.tls_port}{path}", context=trust, timeout=60).read()))

    for path in (tile_path(*finest(portal)), "/sim/Norder3/Allsky.fits", "/sim/Moc.fits", PART):
        direct = fits.open(portal.url + path, cache=False)
        direct.verify("exception")
        for through in (fits.open(f"http://127.0.0.1:{gate.port}{path}", cache=False), by_tls(path)):
            assert fits.FITSDiff(direct, through).identical, path


def test_astropy_reads_a_section_by_ranges(portal, gate):  # noqa: F811
    pytest.importorskip("fsspec")
    pytest.importorskip("aiohttp")
    path = PART + "&width=1500&height=1500"
    whole = portal.image(path).data
    for url in (portal.url, f"http://127.0.0.1:{gate.port}"):
        options = {"block_size": 1 << 16, "cache_type": "readahead"}
        with fits.open(url + path, use_fsspec=True, lazy_load_hdus=True, fsspec_kwargs=options) as file:
            part = file[0].section[700:710, 300:420]
            assert np.array_equal(part, whole[700:710, 300:420], equal_nan=True)
            assert file._file._file.cache.total_requested_bytes < whole.nbytes / 10


def lint(url, folder):
    run = subprocess.run(
        [program("java"), "-cp", "/usr/share/java/aladin.jar", "cds.allsky.HipsGen", f"out={url}/sim", "LINT"],
        capture_output=True, text=True, timeout=120, cwd=folder,
    )
    said = re.sub(r"\x1b\[\d*m", "", run.stdout + run.stderr)
    if "ClassNotFound" in said or "could not find" in said.lower():
        pytest.skip("aladin is not installed")
    # Dots and times say how long it took.
    return sorted(line for line in said.replace(url, "URL").splitlines() if "Lint" in line or "IVOA" in line or "*" in line)


def test_aladins_lint_says_the_same_through_the_gate(portal, gate, tmp_path):  # noqa: F811
    direct, through = lint(portal.url, tmp_path), lint(f"http://127.0.0.1:{gate.port}", tmp_path)
    assert direct == through
    said = "\n".join(direct)
    assert "IVOA HiPS 1.0 compatible" in said and "ERROR" not in said, said
    for name in ("Moc.fits", "properties", "Allsky.png", "Allsky.jpg", "Allsky.fits"):
        assert any(name in line and line.endswith("ok") for line in direct), said


@pytest.mark.parametrize("shape", [
    "RANGE 274.6 274.75 -13.85 -13.75",
    "POLYGON 274.6 -13.85 274.75 -13.85 274.7 -13.7",
    "POLYGON 274.65 -13.8 274.7 -13.85 274.72 -13.83 274.72 -13.76 274.69 -13.77",
    "CIRCLE 274.7 -13.8 0.05",
])
def test_a_part_is_the_smallest_image_about_a_shape(portal, gate, shape):  # noqa: F811
    word, *numbers = shape.split()
    numbers = [float(number) for number in numbers]
    if word == "RANGE":
        lon, lat = np.linspace(*numbers[:2], 41), np.linspace(*numbers[2:], 41)
        edge = [(a, b) for a in lon for b in numbers[2:]] + [(a, b) for a in numbers[:2] for b in lat]
    elif word == "POLYGON":
        edge = list(zip(numbers[::2], numbers[1::2]))
    else:
        ring = SkyCoord(*numbers[:2], unit="deg").directional_offset_by(np.linspace(0, 360, 361) * u.deg, numbers[2] * u.deg)
        edge = list(zip(ring.ra.deg, ring.dec.deg))
    query = "POS=" + shape.replace(" ", "+")
    part = portal.image("/sim/cutout?" + query)
    through = fits.open(f"http://127.0.0.1:{gate.port}/sim/cutout?{query}", cache=False)
    assert fits.HDUDiff(part, through[0]).identical
    x, y = WCS(part.header).world_to_pixel_values(*np.transpose(edge))
    height, width = part.data.shape
    # Sides are whole pixels, so that one more may be there.
    for found, size in ((x, width), (y, height)):
        assert -0.51 <= found.min() < 1 and size - 2 < found.max() <= size - 0.49, (found.min(), found.max(), size)


def test_a_gate_takes_a_portals_reports_in_answers_and_by_push(pogson, mosaics, tmp_path):  # noqa: F811
    (tmp_path / "key").write_text("a key that both sides have\n")
    world = World(pogson, tmp_path)
    gate = world.gate({}, begins=False)
    options = ["--name", "tiles-1", "--key", tmp_path / "key", "--report-to", gate.admin + "/reports"]
    running = Portal(pogson, mosaics, *options)
    try:
        gate.writes({"tiles-1": running.url.removeprefix("http://")}, pool='reports = { key_file = "key" }')
        gate.begins()

        def report():
            return gate.state()["pools"][0]["servers"][0]["report"] or {}

        def asks(times):
            for at in range(times):
                assert set(gate.ask(f"/sim/cutout?ra={CENTER.ra.deg + at % 7 / 1000}&dec={CENTER.dec.deg}&size=0.01")) == {200}

        until(lambda: report().get("cpu") is not None, "no push is taken")
        asks(30)
        taken = report()["taken"]
        # What only pushes tell is known again after answers, and once nobody asks.
        until(lambda: report()["taken"] >= taken + 3 and report()["cpu"] is not None, "pushes are not taken after answers")
        asks(30)
        results = dict(gate.state()["pools"][0]["reports"])
        assert results["taken"] > 8 and all(results[name] == 0 for name in results if name not in ("taken", "of-one-answer", "reordered")), results
    finally:
        running.stop()
        world.ends()
