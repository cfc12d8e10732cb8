"""The gate and servers on its machine that know nothing of it: nginx under `pogson wire run`, reached at `wire://`."""

import contextlib
import gzip
import hashlib
import http.client
import os
import signal
import socket
import subprocess
import threading
import urllib.request

from astropy import units
from astropy_healpix import HEALPix

from conftest import program
from test_wire_servers import files, nginx
from wire import free_port, listens, wait_until


class Gate(contextlib.AbstractContextManager):
    """The gate before one server, with the fixture's daemon."""

    def __init__(self, pogson, wire, folder, back, more=""):
        self.port = free_port()
        (folder / "gate.toml").write_text(f"""workers = 1
[[listen]]
address = "127.0.0.1:{self.port}"
[[pool]]
times = {{ connect = "2s", response_head = "5s" }}
{more}
[[pool.server]]
address = "wire://127.0.0.1:{back}"
""")
        # It needs no library: it brings its own.
        env = {**os.environ, "POGSON_WIRE_SOCKET": str(wire.socket)}
        self.process = subprocess.Popen([pogson.path, "gate", "serve", "--config", folder / "gate.toml"], env=env)
        wait_until("the gate", lambda: listens(self.port))

    def get(self, path, connection=None):
        """Status and body of a file; the body is what came of one that was cut off."""
        one = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            one.request("GET", f"/{path}")
            reply = one.getresponse()
            try:
                return reply.status, reply.read()
            except http.client.IncompleteRead as cut:
                return None, cut.partial
        finally:
            if not connection:
                one.close()

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(40) == 0


def checked(gate, made, rounds, names):
    """Fetches files over one connection and compares them."""
    one = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=30)
    for _ in range(rounds):
        for name in names:
            status, body = gate.get(name, one)
            assert (status, hashlib.sha256(body).hexdigest()) == (200, made[name]), name
    one.close()


def test_files_of_an_unmodified_server_come_by_shared_memory_byte_for_byte(pogson, wire, tmp_path):
    made = files(tmp_path)
    with Gate(pogson, wire, tmp_path, nginx(wire, tmp_path)) as gate:
        checked(gate, made, 150, ["small", "page"])
        asks = [threading.Thread(target=checked, args=(gate, made, 4, ["page", "large", "small", "huge"])) for _ in range(4)]
        for one in asks:
            one.start()
        for one in asks:
            one.join()
        checked(gate, made, 2, ["huge"])
        wire.used(bytes_ring=100 << 20)


def test_connections_that_the_server_closes_while_they_rest_cost_no_request(pogson, wire, tmp_path):
    made = files(tmp_path)
    back = nginx(wire, tmp_path, f"server {{ listen 127.0.0.1:PORT; root {tmp_path}/files; keepalive_timeout 1s; }}")
    with Gate(pogson, wire, tmp_path, back) as gate:
        for _ in range(3):
            checked(gate, made, 120, ["small"])
            # The server closes what rests for a second.
            threading.Event().wait(1.3)
        wire.used(bytes_ring=10_000)


def test_a_killed_server_cuts_its_replies_and_its_successor_serves_on(pogson, wire, tmp_path):
    made = files(tmp_path)
    back = nginx(wire, tmp_path)
    with Gate(pogson, wire, tmp_path, back, 'health.passive = { failures = 1000 }') as gate:
        checked(gate, made, 150, ["small"])
        # A client that reads slowly, so that the server dies in the middle of its reply.
        with socket.create_connection(("127.0.0.1", gate.port), timeout=30) as slow:
            slow.sendall(b"GET /huge HTTP/1.1\r\nHost: a\r\n\r\n")
            got = slow.recv(1000)
            assert got.startswith(b"HTTP/1.1 200 ")
            server = wire.started.pop()
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
            while piece := slow.recv(1 << 20):
                got += piece
        body = got.split(b"\r\n\r\n", 1)[1]
        assert len(body) < 40_000_000 and (tmp_path / "files" / "huge").read_bytes().startswith(body)
        assert gate.get("small")[0] in (502, 503)
        home = tmp_path / "nginx"
        wire.serve(program("nginx"), "-p", home, "-c", home / "nginx.conf", "-e", home / "error.log", port=back, name="again")
        wait_until("the next server", lambda: gate.get("small")[0] == 200, 30)
        before = wire.stats()["bytes_ring"]
        checked(gate, made, 200, ["page"])
        assert wire.stats()["bytes_ring"] > before + (1 << 20)


def test_without_the_daemon_all_goes_by_tcp(pogson, wire, tmp_path):
    made = files(tmp_path)
    back = nginx(wire, tmp_path)
    with Gate(pogson, wire, tmp_path, back) as gate:
        checked(gate, made, 150, ["small"])
        wire.daemon.kill()
        wire.daemon.wait()
        # Those that were joined go on, and further ones do without.
        checked(gate, made, 20, ["small", "large"])
        asks = [threading.Thread(target=checked, args=(gate, made, 20, ["page"])) for _ in range(4)]
        for one in asks:
            one.start()
        for one in asks:
            one.join()


def test_bodies_without_a_length_and_those_of_old_clients_come_from_shared_memory_as_well(pogson, wire, tmp_path):
    made = files(tmp_path)
    # What is packed on the way has no length; a client of HTTP/1.0 gets it until the connection ends, one of HTTP/1.1 in chunks.
    more = "gzip on; gzip_min_length 1; gzip_types *; gzip_http_version 1.0; gzip_proxied any;"
    back = nginx(wire, tmp_path, f"{more} server {{ listen 127.0.0.1:PORT; root {tmp_path}/files; keepalive_requests 1000000; }}")
    with Gate(pogson, wire, tmp_path, back) as gate:
        checked(gate, made, 120, ["page", "small"])
        for name in ["page", "large"]:
            one = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=60)
            for _ in range(5):
                one.request("GET", f"/{name}", headers={"Accept-Encoding": "gzip"})
                reply = one.getresponse()
                body = reply.read()
                assert reply.status == 200 and reply.getheader("Content-Encoding") == "gzip"
                assert hashlib.sha256(gzip.decompress(body)).hexdigest() == made[name]
            one.close()
            with socket.create_connection(("127.0.0.1", gate.port), timeout=60) as old:
                old.sendall(f"GET /{name} HTTP/1.0\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n".encode())
                got = b"".join(iter(lambda: old.recv(1 << 16), b""))
            head, body = got.split(b"\r\n\r\n", 1)
            assert head.startswith(b"HTTP/1.1 200 ") or head.startswith(b"HTTP/1.0 200 ")
            body = gzip.decompress(body) if b"gzip" in head.lower() else body
            assert hashlib.sha256(body).hexdigest() == made[name]
        wire.used(bytes_ring=1 << 20)


def test_a_client_that_reads_slowly_gets_all_of_a_file_while_others_are_served(pogson, wire, tmp_path):
    made = files(tmp_path)
    with Gate(pogson, wire, tmp_path, nginx(wire, tmp_path)) as gate:
        checked(gate, made, 150, ["small"])
        with socket.create_connection(("127.0.0.1", gate.port), timeout=60) as slow:
            slow.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            got = bytearray(slow.recv(1000))
            checked(gate, made, 50, ["page", "large"])
            while piece := slow.recv(50_000):
                got += piece
        assert hashlib.sha256(got.split(b"\r\n\r\n", 1)[1]).hexdigest() == made["large"]


def test_tiles_and_cutouts_of_a_portal_come_by_shared_memory_as_they_are(pogson, wire, tmp_path):
    center = "274.7 -13.8"
    pogson("simulate", "-o", tmp_path / "survey", "--size", "0.1", "--seed", "1", "--center", center)
    (tmp_path / "mosaics").mkdir()
    pogson("mosaic", tmp_path / "survey" / "raw", "-o", tmp_path / "mosaics" / "sim.fits")
    back = free_port()
    wire.serve(pogson.path, "portal", "serve", tmp_path / "mosaics", "--listen", f"127.0.0.1:{back}", port=back)
    tiles = HEALPix(nside=1 << 9, order="nested")
    tile = int(tiles.lonlat_to_healpix(274.7 * units.deg, -13.8 * units.deg))
    paths = [f"sim/Norder9/Dir{tile // 10000 * 10000}/Npix{tile}.fits"]
    paths += [f"sim/cutout?ra=274.7&dec=-13.8&size={size}" for size in (0.002, 0.02)]
    with Gate(pogson, wire, tmp_path, back) as gate:
        made = {}
        for path in paths:
            with urllib.request.urlopen(f"http://127.0.0.1:{back}/{path}", timeout=60) as answer:
                made[path] = hashlib.sha256(answer.read()).hexdigest()
        checked(gate, made, 40, paths)
        asks = [threading.Thread(target=checked, args=(gate, made, 10, paths)) for _ in range(4)]
        for one in asks:
            one.start()
        for one in asks:
            one.join()
        wire.used(bytes_ring=1 << 20)
