"""Memory of the gate and its answers to others while thousands of connections are open that do little or nothing.

usage: POGSON_BIN=target/release/pogson python3 bench/gate_connections.py [--connections N] [--json FILE]

In turn: connections that have asked once and wait (three times over, to see whether what they took is given back), heads that come a
byte at a time, clients that do not read their answers of 4 MB, and idle connections of HTTP/2. Printed are megabytes of the gate and the
percentiles of a client that asks one after the other meanwhile. Needs as many descriptors as connections (ulimit -n), and nothing else.
"""

import argparse
import asyncio
import json
import pathlib
import resource
import select
import socket
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "foreign"))

import gate_load  # noqa: E402
from gate import POGSON, Stage, free_port  # noqa: E402

GET = b"GET /own HTTP/1.1\r\nHost: sky\r\n\r\n"
BIG = b"GET /bytes/4000000/x HTTP/1.1\r\nHost: sky\r\n\r\n"
SETTINGS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"


def megabytes(process):
    return int(pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * 4096 / 1e6


def opened(port, count, turn, first, answered=True):
    """Connections that have sent `first`, each from an address of the turn's own, so that ports suffice."""
    ones = []
    for begin in range(0, count, 250):
        some = [
            socket.create_connection(("127.0.0.1", port), source_address=(f"127.0.{turn + 1}.{at // 5000 + 1}", 0), timeout=30)
            for at in range(begin, min(begin + 250, count))
        ]
        for one in some:
            one.sendall(first)
        for one in some if answered else []:
            one.recv(4096)
        ones += some
    return ones


def asked(port, count=200):
    """Percentiles of answers, milliseconds."""
    async def run():
        clients = gate_load.Clients(port)
        times = []
        for _ in range(count):
            how, took_s, _ = await clients.ask("GET", "/x")
            assert how == 200, how
            times.append(took_s * 1e3)
        clients.close()
        return statistics.median(times), sorted(times)[count * 99 // 100]
    return asyncio.run(run())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    found = []
    with Stage() as stage:
        back, port = free_port(), free_port()
        stage.start("back", back, sys.executable, gate_load.__file__, back, "--workers", 64, "--seconds", 0.0005)
        text = f'workers = 1\n[times]\nhead = "5s"\n[[listen]]\naddress = "127.0.0.1:{port}"\n[[route]]\npath = "/own"\nrespond = {{ status = 200, body = "here" }}\n[[route]]\npool = "main"\n[[pool]]\n[[pool.server]]\naddress = "http://127.0.0.1:{back}"\n'
        command = [POGSON] if pathlib.Path(POGSON).name == "serve" else [POGSON, "gate", "serve", "--config"]
        gate = stage.start("gate", port, *command, stage.write("gate.toml", text))

        def told(what, count):
            p50, p99 = asked(port)
            found.append({"what": what, "connections": count, "megabytes": megabytes(gate), "p50_ms": p50, "p99_ms": p99})
            print(f"{what:24} {count:6} connections  {megabytes(gate):6.1f} MB  p50 {p50:5.2f} p99 {p99:6.2f} ms", flush=True)

        def end(ones):
            for one in ones:
                one.close()
            time.sleep(1)
        told("nobody", 0)
        for turn in range(3):
            ones = []
            for count in (args.connections // 10, args.connections // 2, args.connections):
                ones += opened(port, count - len(ones), turn, GET)
                told(f"idle, turn {turn + 1}", count)
            end(ones)
            told("they are gone", 0)
        ones = opened(port, args.connections, 3, SETTINGS)
        told("idle, HTTP/2", args.connections)
        end(ones)
        ones, began = opened(port, args.connections, 4, b"G", answered=False), time.monotonic()
        told("head by the byte", args.connections)
        poll = select.poll()
        for one in ones[:1000]:
            poll.register(one, select.POLLIN)
        late, seen = 0, set()
        while len(seen) < 1000 and time.monotonic() < began + 30:
            for number, _ in poll.poll(1000):
                seen.add(number)
                poll.unregister(number)
        late = sum(b" 408 " in one.recv(200) for one in ones[:1000] if one.fileno() in seen)
        print(f"of 1000 that sent half a head {late} were told 408 within {time.monotonic() - began:.1f} s of the last")
        end(ones)
        ones = opened(port, args.connections // 20, 5, BIG, answered=False)
        time.sleep(2)
        told("answers not read, 4 MB", len(ones))
        end(ones)
        told("they are gone", 0)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
