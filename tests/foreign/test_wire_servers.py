"""Servers and their clients, unmodified, under the wire and over TCP: redis, memcached, nginx, HAProxy."""

import hashlib
import random
import re
import sys

import pytest

from conftest import program
from wire import free_port, wait_until

REDIS = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--daemonize", "no"]


def redis(way, *more):
    port = free_port()
    way.serve(program("redis-server"), "--port", port, *REDIS, *more, port=port)
    return port


@pytest.mark.parametrize(("clients", "pipeline", "size"), [(1, 1, 64), (20, 1, 64), (10, 16, 300), (4, 1, 60000)])
def test_redis_serves_its_benchmark(way, clients, pipeline, size):
    port = redis(way)
    count = 3000 if size > 1000 else 20000
    run = way.run(
        program("redis-benchmark"), "-p", port, "-t", "set,get,lpush,lrange_100,mset", "-n", count, "-c", clients, "-P", pipeline,
        "-d", size, "--csv", timeout=300,
    )
    rows = [line for line in run.out.decode().splitlines() if line.startswith('"')]
    assert len(rows) >= 6, run.out
    way.used(bytes_ring=count * size, upgraded=2 * clients)


def test_redis_serves_threads_of_input_and_output(way):
    port = redis(way, "--io-threads", "3", "--io-threads-do-reads", "yes")
    way.run(program("redis-benchmark"), "-p", port, "-t", "set,get", "-n", 30000, "-c", 30, "-P", 4, "-d", 500, "--threads", 2, "-q")
    way.used(bytes_ring=1 << 20)


def test_redis_keeps_what_its_client_pipes_in(way):
    port = redis(way)
    cli = program("redis-cli")
    random.seed(7)
    values = {f"key:{i}": random.randbytes(random.choice([1, 100, 5000, 60000])).hex() for i in range(1500)}
    commands = b"".join(
        b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(k), k.encode(), len(v), v.encode()) for k, v in values.items()
    )
    said = way.run(cli, "-p", port, "--pipe", input=commands).out.decode()
    assert "errors: 0, replies: 1500" in said
    got = way.run(cli, "-p", port, input="".join(f"GET {key}\n" for key in values).encode()).out.decode().split("\n")
    assert got[: len(values)] == list(values.values())
    way.used(bytes_ring=sum(map(len, values.values())) // 2)


def test_redis_is_copied_by_a_replica(way):
    port, other = redis(way), free_port()
    way.serve(
        program("redis-server"), "--port", other, *REDIS, "--replicaof", "127.0.0.1", port, "--repl-diskless-sync-delay", "0", port=other
    )
    way.run(program("redis-benchmark"), "-p", port, "-t", "set", "-n", 20000, "-r", 5000, "-d", 400, "-q")
    cli = program("redis-cli")
    assert way.run(cli, "-p", port, "WAIT", "1", "30000").out.strip() == b"1"
    digests = {way.run(cli, "-p", one, "DEBUG", "DIGEST", code=None).out for one in (port, other)}
    sizes = {way.run(cli, "-p", one, "DBSIZE").out for one in (port, other)}
    assert len(digests) == 1 and len(sizes) == 1
    way.used(bytes_ring=1 << 20)


def test_redis_publishes_to_subscribers(way):
    port = redis(way)
    cli = program("redis-cli")
    listening = way.start(cli, "-p", port, "SUBSCRIBE", "news", name="subscriber")
    wait_until("the subscription", lambda: "subscribe" in listening.log.read_text())
    way.run(cli, "-p", port, input="".join(f"PUBLISH news item-{i}\n" for i in range(2000)).encode())
    wait_until("the last item", lambda: "item-1999" in listening.log.read_text())
    items = re.findall(r"item-(\d+)", listening.log.read_text())
    assert items == [str(i) for i in range(2000)]
    way.used(bytes_ring=10000, upgraded=2)


MEMCACHED_CLIENT = """
import random, sys
from pymemcache.client.base import Client
random.seed(5)
client = Client(("127.0.0.1", int(sys.argv[1])))
values = {f"key{i}": random.randbytes(random.choice([1, 50, 4000, 200000])) for i in range(400)}
for key, value in values.items():
    assert client.set(key, value, noreply=False)
for key, value in values.items():
    assert client.get(key) == value, key
keys = list(values)
for at in range(0, 400, 20):
    assert client.get_many(keys[at:at + 20]) == {key: values[key] for key in keys[at:at + 20]}
for i in range(500):
    client.set("counter", str(i), noreply=True)
assert client.incr("counter", 1) == 500
client.close()
"""


def test_memcached_serves_a_client(way, tmp_path):
    pytest.importorskip("pymemcache")
    port = free_port()
    way.serve(program("memcached"), "-p", port, "-l", "127.0.0.1", "-U", "0", "-u", "root", "-m", "200", "-t", "2", port=port)
    script = tmp_path / "client.py"
    script.write_text(MEMCACHED_CLIENT)
    way.run(sys.executable, script, port)
    way.used(bytes_ring=4 << 20)


def nginx(way, folder, extra="", workers=1, name="nginx"):
    """A web server of the files in `folder`/files, with as many workers."""
    port = free_port()
    home = folder / name
    (home / "logs").mkdir(parents=True)
    (home / "nginx.conf").write_text(f"""
        daemon off; pid {home}/nginx.pid; error_log {home}/error.log info; worker_processes {workers}; user root;
        events {{ worker_connections 512; }}
        http {{
            access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; client_max_body_size 100m;
            client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u;
            scgi_temp_path {home}/s;
            {extra.replace("PORT", str(port)) or f'server {{ listen 127.0.0.1:{port}; root {folder}/files; }}'}
        }}
    """)
    way.serve(program("nginx"), "-p", home, "-c", home / "nginx.conf", "-e", home / "error.log", port=port, name=name)
    return port


def files(folder):
    """Files of several sizes, and their checksums."""
    random.seed(3)
    (folder / "files").mkdir()
    made = {}
    for name, size in {"small": 300, "page": 20000, "large": 5_000_000, "huge": 40_000_000}.items():
        data = random.randbytes(size)
        (folder / "files" / name).write_bytes(data)
        made[name] = hashlib.sha256(data).hexdigest()
    return made


@pytest.mark.parametrize("workers", [1, 2])
def test_nginx_serves_a_load_of_keep_alive_requests(way, tmp_path, workers):
    files(tmp_path)
    port = nginx(way, tmp_path, workers=workers)
    run = way.run(program("wrk"), "-t", 2, "-c", 10, "-d", "1s", f"http://127.0.0.1:{port}/page", timeout=60).out.decode()
    assert int(re.search(r"(\d+) requests in", run)[1]) > 100, run
    assert "Socket errors" not in run and "Non-2xx" not in run, run
    way.used(bytes_ring=1 << 20, upgraded=10)


def fetch(way, folder, port, names, *options):
    """Fetches files by one curl, over one connection."""
    args = []
    for i, name in enumerate(names):
        args += ["-o", folder / f"got-{i}", f"http://127.0.0.1:{port}/{name}"]
    way.run(program("curl"), "-sS", "--fail", *options, *args, timeout=120)
    return [hashlib.sha256((folder / f"got-{i}").read_bytes()).hexdigest() for i in range(len(names))]


def test_nginx_sends_files_of_all_sizes_whole(way, tmp_path):
    sums = files(tmp_path)
    port = nginx(way, tmp_path)
    names = ["small", "page", "large", "huge"] * 3 + ["small"] * 200 + ["huge"]
    assert fetch(way, tmp_path, port, names) == [sums[name] for name in names]
    way.used(bytes_ring=100_000_000, upgraded=2)


def test_nginx_sends_slowly_to_who_reads_slowly(way, tmp_path):
    sums = files(tmp_path)
    port = nginx(way, tmp_path)
    assert fetch(way, tmp_path, port, ["large"], "--limit-rate", "3M") == [sums["large"]]
    # All of it may lie in the socket before the reader's next call, in which it would offer a ring.
    way.used()


def test_nginx_sends_parts_of_files(way, tmp_path):
    files(tmp_path)
    port = nginx(way, tmp_path)
    whole = (tmp_path / "files/huge").read_bytes()
    assert fetch(way, tmp_path, port, ["huge"], "-r", "1234567-20000000") == [hashlib.sha256(whole[1234567:20000001]).hexdigest()]
    way.used(bytes_ring=10_000_000)


def test_nginx_before_nginx_passes_on_whole_files_and_uploads(way, tmp_path):
    sums = files(tmp_path)
    back = nginx(way, tmp_path, name="back", extra=f"""
        server {{ listen 127.0.0.1:PORT; root {tmp_path}/files;
          location /echo {{ proxy_pass http://127.0.0.1:PORT/sink; proxy_request_buffering off; proxy_http_version 1.1; }}
          location /sink {{ return 200 "taken"; }} }}""")
    front = nginx(way, tmp_path, name="front", extra=f"""
        upstream back {{ server 127.0.0.1:{back}; keepalive 8; }}
        server {{ listen 127.0.0.1:PORT; location / {{ proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection "";
          proxy_buffering on; }} }}""")
    names = ["small"] * 100 + ["large", "huge", "page"] * 2
    assert fetch(way, tmp_path, front, names) == [sums[name] for name in names]
    upload = way.run(
        program("curl"), "-sS", "--fail", "-X", "POST", "--data-binary", f"@{tmp_path}/files/large", f"http://127.0.0.1:{front}/echo"
    )
    assert upload.out == b"taken"
    way.used(bytes_ring=100_000_000, upgraded=4)


def haproxy(way, folder, to, name, mode="http"):
    port = free_port()
    conf = folder / f"{name}.cfg"
    conf.write_text(f"""
global
    maxconn 200
defaults
    mode {mode}
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend in
    bind 127.0.0.1:{port}
    default_backend out
backend out
    {"http-reuse always" if mode == "http" else ""}
    server one 127.0.0.1:{to}
""")
    way.serve(program("haproxy"), "-db", "-f", conf, port=port, name=name)
    return port


@pytest.mark.parametrize("mode", ["http", "tcp"])
def test_two_haproxies_in_a_chain_pass_on_what_nginx_serves(way, tmp_path, mode):
    sums = files(tmp_path)
    port = haproxy(way, tmp_path, haproxy(way, tmp_path, nginx(way, tmp_path), "inner", mode), "outer", mode)
    names = ["small"] * 100 + ["page", "large", "huge"] * 2
    assert fetch(way, tmp_path, port, names) == [sums[name] for name in names]
    run = way.run(program("wrk"), "-t", 1, "-c", 6, "-d", "1s", f"http://127.0.0.1:{port}/page", timeout=60).out.decode()
    assert "Socket errors" not in run and "Non-2xx" not in run and int(re.search(r"(\d+) requests in", run)[1]) > 50, run
    way.used(bytes_ring=100_000_000, upgraded=6)
