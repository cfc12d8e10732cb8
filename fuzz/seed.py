"""Copies the FITS files of at most 64 KiB below the folders named, unpacked if gzip, to fuzz/corpus/fits_open, and
their headers to fuzz/corpus/header_parse; writes what clients and servers of a gate say to the corpora of its targets."""

import gzip
import hashlib
import pathlib
import sys

LARGEST = 65536
root = pathlib.Path(__file__).parent / "corpus"

HEAD = "POST /a/%7Eb/../c?ra=10.5&dec=-2&q=SELECT+1 HTTP/1.1\r\nHost: sky.example:80\r\nCookie: a=1; s=x.y\r\n"
REQUESTS = [
    HEAD + "Content-Length: 5\r\n\r\nhello",
    HEAD + "Transfer-Encoding: chunked\r\nTE: trailers\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
    "GET http://a/Norder3/Dir0/Npix281.png HTTP/1.1\r\nHost: b\r\nX-Forwarded-For: 10.0.0.1, 192.0.2.1\r\n\r\n",
    "GET /cone?POS=CIRCLE%2010%205%200.1&RA=01:02:03&DEC=-05:06:07 HTTP/1.0\r\nForwarded: for=\"[::1]:80\";proto=https\r\n\r\n",
    "GET /tap/sync?LANG=ADQL&QUERY=SELECT+TOP+5+*+FROM+cat+WHERE+1%3DCONTAINS(POINT('ICRS',ra,dec),CIRCLE('ICRS',10,5,0.1)) HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer correct horse\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: [::1]\r\n\r\n",
]
REPLIES = [
    "HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\nConnection: x, close\r\n\r\nab",
    "HTTP/1.0 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
    "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n",
]
CHUNKS = ["4;a=b\r\nwiki\r\n6 \r\npedia \r\n0\r\nX-Sum: 1\r\n\r\nGET", "000a\r\n0123456789\r\n0\r\n\r\n"]
V2 = b"\r\n\r\n\0\r\nQUIT\n"
PROXIED = [
    b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET /",
    b"PROXY TCP6 ::1 2001:db8::2 1 65535\r\n",
    b"PROXY UNKNOWN\r\n",
    V2 + b"\x21\x11\0\x10" + bytes(12) + b"\x03\0\1\x09",
    V2 + b"\x21\x21\0\x24" + bytes(36),
    V2 + b"\x20\0\0\0",
]
REPORTS = [
    '{"named_metrics":{"queue":3,"queue_limit":64},"cpu_utilization":0.5,"rps_fractional":100,"eps":0,"mem_utilization":0.25}',
    "TEXT cpu_utilization=0.5, named_metrics.queue=3, rps_fractional=100",
    "JSON {\"cpu_utilization\":0.5}",
    "v=1; name=a; boot=0000000000000001; sequence=1; time=1700000000000; signature=" + "0" * 64,
]
LOG = '192.0.2.1 - u [10/Oct/2000:13:55:36 -0700] "GET /a?b HTTP/1.1" 200 2326 "-" "curl"'
LOGS = [
    LOG,
    '0.012 0.011 HIT "GET /a HTTP/1.1" 200x-',
    '{"u":"/a","t":0.5}\n{"u":"/a","t":0.5}',
    "$request_time $status\n0.5 200",
    "%t %D %r\n[10/Oct/2000:13:55:36 -0700] 12 GET / HTTP/1.1",
    "Active connections: 291 \nserver accepts handled requests\n 16 16 31 \nReading: 6 Writing: 179 Waiting: 106 \n",
]
ADDRESSES = [
    "/m17/K/Norder9/Dir1860000/Npix1863470.fits",
    "/m17/Norder3/Allsky.png",
    "/m%317/cutout?ra=18:20:48&dec=-16:10:12&size=0.1,0.2&width=512&height=64&projection=SIN&format=png",
    "POS=CIRCLE+275.2+-16.17+0.01&BAND=K&RESPONSEFORMAT=image/fits",
    "POS=RANGE 10 10.2 -inf +inf",
    "POLYGON=10 -1 11 -1 10.5 1&height=4096",
    "center=18h20m48s+-16d10m12s&fov=1e-7&v=1",
]
FORMS = [
    b"\0\xff" + b'{"a": ["x", 1], "b": {"c": true}}',
    b"\1\x80a=1&QUERY=SELECT+TOP+5+*+FROM+cat+WHERE+1%3DCONTAINS(POINT('ICRS',ra,dec),CIRCLE('ICRS',10,5,0.1))&b=2",
    b"\1\xffra=10.5&dec=-2&size=0.1&band=K",
    b'\2\xff--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n2\r\n--x--',
]
TRACES = [
    "ask 0.1 1 2a 0 - 0\nanswer 0.13 1 miss 0.03\nask 0.2 2 2a 0 0 1\nwithdraw 0.3 2\n",
    "report 0.5 0 3 64 0.12 1:2\nweight 1 0 2\nhold 1 1 4\nroom 1 0 9\nup 2 1 false\nanew 3 0\nleave 4 1\njoin 5 c5 9 1\n",
    "pogson-trace 1\nset policy pogson\nset costs known 0.004:0.04\nset seed 7\njoin 0 a3 500 1\nask 0.1 1 2a 0 - 0\n",
]
CONFIG = """workers = 2
[[listen]]
address = "127.0.0.1:80"
limits = { head = "16 KiB", connections = 100 }
[times]
head = "10s"
[[route]]
host = "*.sky.example"
path = "/a/{rest}"
pool = "p"
[[pool]]
name = "p"
policy = "lard"
retries = { attempts = 1, on = ["connect"] }
[[pool.server]]
address = "http://127.0.0.1:8080"
weight = 2
[[class]]
name = "high"
network = ["10.0.0.0/8", "2001:db8::/32"]
[[context]]
kind = "cone"
"""


def seeds():
    """What each target of the gate begins with, by its name."""
    first = [bytes([number]) for number in (0, 1)]
    texts = {
        "gate_wire": REQUESTS + REPLIES + CHUNKS,
        "gate_decide": REQUESTS,
        "gate_proxy": PROXIED,
        "gate_chunks": CHUNKS,
        "gate_heads": REQUESTS + REPLIES,
    }
    marked = {name: [one + text for one in first for text in map(as_bytes, all)] for name, all in texts.items()}
    plain = {
        "report": REPORTS,
        "access_log": LOGS,
        "gate_config": [CONFIG],
        "gate_forms": FORMS,
        "gate_tokens": [b"\0\x1e\5\1ada"],
        "gate_trace": TRACES,
        "portal_query": ADDRESSES,
    }
    return marked | {name: list(map(as_bytes, all)) for name, all in plain.items()}


def as_bytes(text):
    return text.encode() if isinstance(text, str) else text


for name, all in seeds().items():
    (root / name).mkdir(parents=True, exist_ok=True)
    for one in all:
        (root / name / hashlib.sha256(one).hexdigest()[:16]).write_bytes(one)
for name in ("fits_open", "header_parse"):
    (root / name).mkdir(parents=True, exist_ok=True)
count = 0
for folder in sys.argv[1:]:
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if not path.is_file() or not any(s in (".fits", ".fz", ".hdr") for s in path.suffixes):
            continue
        data = path.read_bytes()
        packed = data[:2] == b"\x1f\x8b"
        whole = gzip.decompress(data) if packed else data
        digest = hashlib.sha256(data).hexdigest()[:16]
        (root / "header_parse" / digest).write_bytes(whole[:8640])
        for kept in {data, whole}:
            if len(kept) <= LARGEST:
                digest = hashlib.sha256(kept).hexdigest()[:16]
                (root / "fits_open" / digest).write_bytes(kept)
                count += 1
print(f"{count} files")
