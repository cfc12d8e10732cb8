"""The gate beside HAProxy and nginx, all in turn on this machine.

usage: POGSON_BIN=target/release/pogson python3 bench/gate.py [plane] [large] [wire] [direct] [portals] [--turns N] [--seconds N] [--json FILE]

plane    small and large files from nginx through each front end, one thread each: answers a second, processor time of the front end
         for each, 99th percentile. Ratios are medians over the turns of the ratio within a turn.
large    files of 64 kB to 256 MB: processor time of the front end for each megabyte, with bodies that go by the kernel (`splice`) and
         copied ones, beside HAProxy with `option splice-response`.
wire     small files from one nginx, and answers of the same sizes that it has in memory, to the gate over TCP and over `pogson wire`:
         processor time of both together for each answer.
direct   cut-outs of 64 kB and 1 MB from one portal, which the gate passes on and which the portal writes to the gate's clients itself:
         processor time of each for an answer.
portals  cut-outs of a mosaic of two degrees from four portals with one worker and a bounded cache each, a block that is not cached
         taking 36 ms more: hits, answers a second where as much is asked as comes, percentiles at 70 % of what the slowest reaches.
         Each front end once by the address and once by the storage block, so that the gain of the key and that of the policy are apart.

Needs haproxy, nginx and wrk; numpy and astropy for the mosaic; `cargo build --release -p pogson-gate --example ask` for portals.
"""

import argparse
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

POGSON = os.path.abspath(os.environ.get("POGSON_BIN", "target/release/pogson"))
ASK = os.environ.get("POGSON_ASK", os.path.join(os.path.dirname(POGSON), "examples", "ask"))
BLOCK_ORDER = 10
# Memory of one: the rectangle around a cell with what kernels reach.
BLOCK_BYTES = 229_000


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Stage(contextlib.AbstractContextManager):
    """Programs that end together, with a folder."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-gate-"))
        self.folder.chmod(0o755)
        self.started = []

    def start(self, name, port, *command):
        log = (self.folder / f"{name}.log").open("w")
        one = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        self.started.append(one)
        until = time.monotonic() + 60
        while not listens(port):
            if one.poll() is not None or time.monotonic() > until:
                sys.exit(f"{name} did not come:\n" + (self.folder / f"{name}.log").read_text())
            time.sleep(0.05)
        return one

    def end(self, *which):
        for one in which or self.started[::-1]:
            with contextlib.suppress(ProcessLookupError):
                one.send_signal(signal.SIGTERM)
            try:
                one.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(one.pid, signal.SIGKILL)
                one.wait()
            self.started.remove(one)

    def __exit__(self, *_):
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return self.folder / name


def processor_s(one):
    """Processor time of a program and its children, seconds."""
    pids = [one.pid, *map(int, subprocess.run(["pgrep", "-P", str(one.pid)], capture_output=True, text=True).stdout.split())]
    return sum(
        int(pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
        for pid in pids for task in os.listdir(f"/proc/{pid}/task")
    ) / 1e9


def nginx(stage, name, port, server, more="", under=()):
    text = f"""user root; worker_processes 1; daemon off; pid {stage.folder}/{name}.pid; error_log {stage.folder}/{name}.err;
events {{ worker_connections 8192; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; keepalive_timeout 300;
  client_body_temp_path {stage.folder}/{name}-b; proxy_temp_path {stage.folder}/{name}-p; fastcgi_temp_path {stage.folder}/{name}-f;
  uwsgi_temp_path {stage.folder}/{name}-u; scgi_temp_path {stage.folder}/{name}-s;
  {more}
  server {{ listen 127.0.0.1:{port} backlog=4096; {server} }} }}
"""
    return stage.start(name, port, *under, "nginx", "-e", f"{stage.folder}/{name}.err", "-c", stage.write(f"{name}.conf", text))


def nginx_front(stage, name, port, backs, key):
    servers = " ".join(f"server 127.0.0.1:{back};" for back in backs)
    upstream = f"upstream backs {{ hash {key} consistent; {servers} keepalive 128; keepalive_requests 100000000; }}"
    passes = 'location / { proxy_pass http://backs; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $remote_addr; }'
    return nginx(stage, name, port, passes, upstream)


def haproxy_front(stage, name, port, backs, balance, more=""):
    servers = "\n".join(f"  server s{back} 127.0.0.1:{back}" for back in backs)
    text = f"""global
  nbthread 1
  maxconn 8192
  maxpipes 512
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option forwardfor
frontend front
  bind 127.0.0.1:{port}
  default_backend backs
backend backs
  balance {balance}
  hash-type consistent
  {more}
  http-reuse always
{servers}
"""
    return stage.start(name, port, "haproxy", "-f", stage.write(f"{name}.cfg", text))


def gate_front(stage, name, port, backs, more="", pool="", scheme="http"):
    servers = "\n".join(f'[[pool.server]]\naddress = "{scheme}://127.0.0.1:{back}"' for back in backs)
    text = f'workers = 1\n{more}\n[[listen]]\naddress = "127.0.0.1:{port}"\n[[pool]]\n{pool}\n{servers}\n'
    return stage.start(name, port, POGSON, "gate", "serve", "--config", stage.write(f"{name}.toml", text))


def wrk(port, path, seconds, connections=64):
    out = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", "--timeout", "60s", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}/{path}"], capture_output=True, text=True, check=True
    ).stdout
    if bad := re.search(r"Non-2xx.*|Socket errors.*", out):
        print(f"  {port}/{path}: {bad[0]}", file=sys.stderr)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", out)
    read = re.search(r"requests in ([\d.]+)(ms|s|m), ([\d.]+)([KMGT]?)B read", out)
    spent_s = float(read[1]) * {"ms": 1e-3, "s": 1, "m": 60}[read[2]]
    count = float(read[3]) * 1024 ** " KMGT".index(read[4] or " ")
    return {
        "answers": int(re.search(r"(\d+) requests in", out)[1]),
        "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]),
        "bytes": count,
        "bytes_s": count / spent_s,
        "p99_ms": float(p99[1]) * {"us": 1e-3, "ms": 1, "s": 1e3}[p99[2]],
    }


def plane(turns, seconds):
    """Figures of the data plane, by file and front end."""
    found = {}
    with Stage() as stage:
        www = stage.folder / "www"
        www.mkdir()
        dice = random.Random(1)
        for name, size in (("1k", 1 << 10), ("64k", 64 << 10)):
            (www / name).write_bytes(dice.randbytes(size))
        backs = [free_port(), free_port()]
        for back in backs:
            nginx(stage, f"back-{back}", back, f"root {www};")
        fronts = {}
        for name, make in {
            "nginx hash": lambda name, port: nginx_front(stage, name, port, backs, "$uri"),
            "HAProxy uri": lambda name, port: haproxy_front(stage, name, port, backs, "uri"),
            "HAProxy uri 150": lambda name, port: haproxy_front(stage, name, port, backs, "uri", "hash-balance-factor 150"),
            "gate": lambda name, port: gate_front(stage, name, port, backs),
        }.items():
            port = free_port()
            fronts[name] = (port, make(name.replace(" ", "-"), port))
        for turn in range(turns):
            for path in ("1k", "64k"):
                for name, (port, program) in fronts.items():
                    before = processor_s(program)
                    one = wrk(port, path, seconds)
                    one["processor_us"] = (processor_s(program) - before) / one["answers"] * 1e6
                    found.setdefault(path, {}).setdefault(name, []).append(one)
    for path, fronts in found.items():
        for name, ones in fronts.items():
            mean = {key: statistics.median(one[key] for one in ones) for key in ("rate", "processor_us", "p99_ms")}
            print(f"{path:4} {name:16} {mean['rate']:8.0f} /s  {mean['processor_us']:6.1f} us of processor  p99 {mean['p99_ms']:6.2f} ms")

    def ratio(path, key, peer):
        ones = zip(found[path]["gate"], found[path][peer])
        return statistics.median(gate[key] / other[key] for gate, other in ones)

    wanted = [
        (f"{path}: processor time by HAProxy's", ratio(path, "processor_us", "HAProxy uri"), "<=", 1.0) for path in found
    ] + [
        (f"{path}: answers a second by HAProxy's", ratio(path, "rate", "HAProxy uri"), ">=", 1.0) for path in found
    ] + [
        (f"{path}: p99 by nginx's", ratio(path, "p99_ms", "nginx hash"), "<=", 1.1) for path in found
    ]
    report(wanted)
    return found


def large(turns, seconds, sizes=("64k", "1M", "16M", "256M")):
    """Processor time of the front end for a megabyte, by size of the files and front end."""
    found = {}
    with Stage() as stage:
        www = stage.folder / "www"
        www.mkdir()
        piece = random.Random(2).randbytes(1 << 16)
        counts = {size: int(size[:-1]) << (10 if size.endswith("k") else 20) for size in sizes}
        for size, count in counts.items():
            with (www / size).open("wb") as file:
                for _ in range(count >> 16):
                    file.write(piece)
        back = free_port()
        nginx(stage, "back", back, f"root {www};")
        fronts = {}
        for name, make in {
            "HAProxy splice": lambda name, port: haproxy_front(stage, name, port, [back], "roundrobin", "option splice-response"),
            "gate copied": lambda name, port: gate_front(stage, name, port, [back], 'splice = "off"'),
            "gate": lambda name, port: gate_front(stage, name, port, [back]),
        }.items():
            port = free_port()
            fronts[name] = (port, make(name.replace(" ", "-"), port))
        for turn in range(turns):
            for size, count in counts.items():
                for name, (port, program) in fronts.items():
                    before = processor_s(program)
                    one = wrk(port, size, seconds, 64 if count < 1 << 20 else 4)
                    # What a measure ends in the middle of is little of small files, and is known of none.
                    one["processor_us_mb"] = (processor_s(program) - before) / max(one["bytes"], 1) * 1e12
                    found.setdefault(size, {}).setdefault(name, []).append(one)
    for size, fronts in found.items():
        for name, ones in fronts.items():
            middle = statistics.median(one["processor_us_mb"] for one in ones)
            print(f"{size:5} {name:16} {middle:8.1f} us of processor for a megabyte  {statistics.median(one['bytes_s'] for one in ones) / 1e6:8.0f} MB/s")
    return found


def wire(turns, seconds):
    """Processor time of the gate and its server together for an answer, over TCP and over shared memory: files, which the server opens and
    reads for each, and answers that it has in memory."""
    found = {}
    paths = ("1k", "64k", "1k-memory", "64k-memory")
    piece = "a" * 1024
    memory = f'set $a "{piece}"; location /1k-memory {{ return 200 $a; }} location /64k-memory {{ return 200 "{"$a" * 64}"; }}'
    with Stage() as stage:
        www = stage.folder / "www"
        www.mkdir()
        dice = random.Random(3)
        for name, size in (("1k", 1 << 10), ("64k", 64 << 10)):
            (www / name).write_bytes(dice.randbytes(size))
        rings = stage.folder / "wire.sock"
        daemon = subprocess.Popen([POGSON, "wire", "serve", "--socket", rings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stage.started.append(daemon)
        while not rings.exists():
            time.sleep(0.05)
        os.environ["POGSON_WIRE_SOCKET"] = str(rings)
        ways = {}
        for name, scheme, under in (("tcp", "http", ()), ("wire", "wire", ("env", "POGSON_WIRE_SPIN_US=0", POGSON, "wire", "run", "--socket", rings, "--"))):
            back, front = free_port(), free_port()
            server = nginx(stage, f"back-{name}", back, f"root {www}; {memory}", under=under)
            ways[name] = (front, gate_front(stage, f"gate-{name}", front, [back], scheme=scheme), server)
        for turn in range(turns):
            for path in paths:
                for name, (port, *programs) in ways.items():
                    # Connections leave TCP once they have carried some.
                    wrk(port, path, 1)
                    before = [processor_s(one) for one in programs]
                    one = wrk(port, path, seconds)
                    spent = [(processor_s(program) - was) / one["answers"] * 1e6 for program, was in zip(programs, before)]
                    one["gate_us"], one["server_us"] = spent
                    one["processor_us"] = sum(spent)
                    found.setdefault(path, {}).setdefault(name, []).append(one)
        stats = json.loads(subprocess.run([POGSON, "wire", "stats", "--json", "--socket", rings], check=True, capture_output=True, text=True).stdout)
        if not stats["upgraded"]:
            sys.exit(f"nothing went by shared memory: {stats}")
    for path, ways in found.items():
        for name, ones in ways.items():
            mean = {key: statistics.median(one[key] for one in ones) for key in ("rate", "gate_us", "server_us", "processor_us")}
            print(f"{path:10} {name:5} {mean['rate']:8.0f} /s  gate {mean['gate_us']:6.1f}  server {mean['server_us']:6.1f}  both {mean['processor_us']:6.1f} us")
    report([
        (f"{path}: processor time over TCP by that over the wire",
         statistics.median(tcp["processor_us"] / ring["processor_us"] for tcp, ring in zip(ways["tcp"], ways["wire"])), ">=", 1.3)
        for path, ways in found.items()
    ])
    return found


def direct(turns, seconds):
    """Processor time of the gate and of a portal for an answer that goes through the gate, and for one that goes past it."""
    found = {}
    with Stage() as stage:
        data = stage.folder / "data"
        data.mkdir()
        mosaic(data)
        back, local = free_port(), stage.folder / "portal.sock"
        portal = stage.start("portal", back, POGSON, "portal", "serve", data, "--listen", f"127.0.0.1:{back}", "--unix", local, "--workers", 1, "--cache", "256MiB")
        ways = {}
        for name, server in (("tcp", f'address = "http://127.0.0.1:{back}"'), ("unix", f'address = "unix:{local}"'), ("direct", f'address = "unix:{local}"\ndirect = true')):
            front = free_port()
            text = f'workers = 1\n[[listen]]\naddress = "127.0.0.1:{front}"\n[[pool]]\n[[pool.server]]\n{server}\n'
            ways[name] = (front, stage.start(f"gate-{name}", front, POGSON, "gate", "serve", "--config", stage.write(f"{name}.toml", text)), portal)
        for turn in range(turns):
            for size, side in (("64k", 126), ("1M", 511)):
                for name, (port, *programs) in ways.items():
                    before = [processor_s(one) for one in programs]
                    one = wrk(port, f"sky/cutout?ra=180&dec=0&size=0.1&width={side}&height={side}", seconds, 8)
                    one["gate_us"], one["server_us"] = [(processor_s(program) - was) / one["answers"] * 1e6 for program, was in zip(programs, before)]
                    found.setdefault(size, {}).setdefault(name, []).append(one)
    for size, ways in found.items():
        for name, ones in ways.items():
            mean = {key: statistics.median(one[key] for one in ones) for key in ("rate", "gate_us", "server_us")}
            print(f"{size:4} {name:6} {mean['rate']:8.0f} /s  gate {mean['gate_us']:6.1f}  portal {mean['server_us']:8.1f} us")
    return found


def report(wanted):
    for what, value, sign, bound in wanted:
        met = value <= bound if sign == "<=" else value >= bound
        print(f"{what:48} {value:6.3f}  {sign} {bound}  {'met' if met else 'NOT MET'}")


def mosaic(folder):
    """A mosaic of two degrees, noise and a gradient, 2 arcseconds a pixel."""
    import numpy
    from astropy.io import fits

    side, scale = 3600, 2 / 3600
    header = fits.Header()
    for key, value in {
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 180.0, "CRVAL2": 0.0, "CRPIX1": side / 2, "CRPIX2": side / 2,
        "CDELT1": -scale, "CDELT2": scale, "CUNIT1": "deg", "CUNIT2": "deg", "RADESYS": "ICRS", "FILTER": "r",
    }.items():
        header[key] = value
    pixels = numpy.random.default_rng(1).normal(100, 5, (side, side)).astype("float32")
    fits.PrimaryHDU(pixels, header).writeto(folder / "sky.fits")


def cutouts(count, each, seed):
    """Addresses of cut-outs, as they are asked for: blocks by Zipf's law with exponent 0.8, of each `each` cut-outs. With each address the
    block that it needs, by HEALPix, which front ends that know nothing of the sky are told in a field."""
    from astropy import units
    from astropy_healpix import HEALPix

    dice = random.Random(seed)
    cells = HEALPix(nside=1 << BLOCK_ORDER, order="nested")
    by_block = {}
    for _ in range(40_000):
        ra, dec = dice.uniform(179.05, 180.95), dice.uniform(-0.95, 0.95)
        by_block.setdefault(int(cells.lonlat_to_healpix(ra * units.deg, dec * units.deg)), []).append((ra, dec))
    blocks = list(by_block)
    dice.shuffle(blocks)
    weights = [1 / (rank + 1) ** 0.8 for rank in range(len(blocks))]
    lines = []
    for block in dice.choices(blocks, weights, k=count):
        places = by_block[block][:each]
        ra, dec = dice.choice(places)
        lines.append((f"/sky/cutout?ra={ra:.5f}&dec={dec:.5f}&size=0.01", block))
    return lines, len(blocks)


def asked(port, paths, way, amount, seconds):
    out = subprocess.run([ASK, f"127.0.0.1:{port}", paths, way, str(amount), str(seconds)], capture_output=True, text=True, check=True).stdout
    return json.loads(out)


def portals(seconds, workers=4):
    """Figures of four portals behind each front end."""
    found = {}
    with Stage() as stage:
        data = stage.folder / "data"
        data.mkdir()
        mosaic(data)
        lines, count = cutouts(200_000, 30, 7)
        plain = stage.write("plain", "\n".join(path for path, _ in lines))
        named = stage.write("named", "\n".join(f"{path} {block}" for path, block in lines))
        # Two thirds of all blocks fit into the caches together.
        cache = count * BLOCK_BYTES // 6
        by_address = '[[context]]\nkind = "url"\n'
        by_block = f'[[context]]\nkind = "cutout"\npath = "/{{dataset**}}/cutout"\norder = {BLOCK_ORDER}\n'
        fronts = {
            "nginx hash, address": (plain, lambda name, port, backs: nginx_front(stage, name, port, backs, "$request_uri")),
            "HAProxy uri, address": (plain, lambda name, port, backs: haproxy_front(stage, name, port, backs, "uri whole")),
            "HAProxy uri 150, address": (plain, lambda name, port, backs: haproxy_front(stage, name, port, backs, "uri whole", "hash-balance-factor 150")),
            "gate, address": (plain, lambda name, port, backs: gate_front(stage, name, port, backs, by_address)),
            "nginx hash, block": (named, lambda name, port, backs: nginx_front(stage, name, port, backs, "$http_x_block")),
            "HAProxy, block": (named, lambda name, port, backs: haproxy_front(stage, name, port, backs, "hdr(X-Block)")),
            "HAProxy 150, block": (named, lambda name, port, backs: haproxy_front(stage, name, port, backs, "hdr(X-Block)", "hash-balance-factor 150")),
            "gate, block": (plain, lambda name, port, backs: gate_front(stage, name, port, backs, by_block)),
        }

        def with_front(name, measure):
            paths, make = fronts[name]
            backs = [free_port() for _ in range(workers)]
            started = [
                stage.start(f"portal-{back}", back, POGSON, "portal", "serve", data, "--listen", f"127.0.0.1:{back}", "--cache", cache,
                            "--workers", 1, "--store-delay", "36ms", "--block-order", BLOCK_ORDER, "--queue", 4096)
                for back in backs
            ]
            port = free_port()
            started.append(make(re.sub(r"\W+", "-", name), port, backs))
            try:
                return measure(port, paths)
            finally:
                stage.end(*started)
        for name in fronts:
            found[name] = {"peak": with_front(name, lambda port, paths: asked(port, paths, "closed", 64, seconds))}
            one = found[name]["peak"]
            print(f"{name:26} {one['rate']:7.1f} /s  hits {one['hit_rate']:.3f}  p50 {one['p50_ms']:7.1f}  p99 {one['p99_ms']:7.1f} ms  failed {one['failed']} {one['statuses']}", flush=True)
        rate = 0.7 * min(one["peak"]["rate"] for one in found.values())
        for name in fronts:
            found[name]["open"] = one = with_front(name, lambda port, paths: asked(port, paths, "open", round(rate, 1), seconds))
            print(f"{name:26} at {rate:.0f}/s  hits {one['hit_rate']:.3f}  p50 {one['p50_ms']:7.1f}  p99 {one['p99_ms']:7.1f} ms  failed {one['failed']} {one['statuses']}", flush=True)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["plane", "large", "wire", "direct", "portals"])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=0, help="of each measure (25 for portals, 3 for the others)")
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    for program in ("haproxy", "nginx", "wrk"):
        if not shutil.which(program):
            sys.exit(f"{program} is not installed")
    found = {}
    if "plane" in args.parts:
        found["plane"] = plane(args.turns, args.seconds or 3)
    if "large" in args.parts:
        found["large"] = large(args.turns, args.seconds or 3)
    if "wire" in args.parts:
        found["wire"] = wire(args.turns, args.seconds or 3)
    if "direct" in args.parts:
        found["direct"] = direct(args.turns, args.seconds or 3)
    if "portals" in args.parts:
        found["portals"] = portals(args.seconds or 25)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
