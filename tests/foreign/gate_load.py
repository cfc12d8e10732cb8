"""Back ends of a known capacity, and clients that ask whether or not they are answered.

As a program it is a back end: `gate_load.py PORT [--workers N] [--service fixed|exponential|bimodal] [--seconds S] [--queue N]`. It
works on N requests at once, each for a time of mean S; what is more waits, at most as many as --queue, else it answers 503. The body of
an answer follows from its path. `/slower/2` makes all that follows take twice as long. The last part of the path of each POST goes
into the file --posts, a line each, before it is answered.
"""

import argparse
import asyncio
import collections
import hashlib
import random
import time


def body_of(path, length):
    """What a back end answers to a path, the same everywhere."""
    block = hashlib.sha256(path.encode()).digest()
    return (block * (length // len(block) + 1))[:length]


def length_of(path):
    """How many bytes that has: `/bytes/N/...` names it."""
    parts = path.split("/")
    return int(parts[2]) if parts[1] == "bytes" else 500


class Back:
    """A back end."""

    def __init__(self, workers, service, seconds, queue, seed, posts=None):
        self.free, self.queue, self.factor = workers, queue, 1.0
        self.dice = random.Random(seed)
        self.waiting = collections.deque()
        self.posts = posts and open(posts, "ab", buffering=0)
        self.seconds_of = {
            "fixed": lambda: seconds,
            "exponential": lambda: self.dice.expovariate(1 / seconds),
            # Nine of ten are short, the tenth takes as long as all of them.
            "bimodal": lambda: seconds * (5.0 if self.dice.random() < 0.1 else 5 / 9),
        }[service]

    async def worker(self):
        if self.free > 0:
            self.free -= 1
            return True
        if self.queue is not None and len(self.waiting) >= self.queue:
            return False
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise
        return True

    def leave(self):
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                return turn.set_result(None)
        self.free += 1

    async def answer(self, method, path):
        if path.startswith("/slower/"):
            self.factor = float(path.rsplit("/", 1)[1])
            return 200, b""
        if not await self.worker():
            return 503, b"full"
        try:
            if method == "POST":
                self.posts.write(path.rsplit("/", 1)[1].encode() + b"\n")
            await asyncio.sleep(self.seconds_of() * self.factor)
            return 200, body_of(path, length_of(path))
        finally:
            self.leave()

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                method, path, _ = head.split(" ", 2)
                at = head.lower().find("content-length:")
                if at >= 0:
                    await reader.readexactly(int(head[at + 15:].split("\r\n")[0]))
                status, body = await self.answer(method, path)
                writer.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (status, len(body)))
                for at in range(0, len(body), 1 << 16):
                    writer.write(body[at:at + (1 << 16)])
                    await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


class Clients:
    """Clients of a gate that share connections. Each request ends as one of: a status, "late", "cut", "wrong", "refused", "lost"."""

    def __init__(self, port, deadline_s=10.0):
        self.port, self.deadline_s = port, deadline_s
        self.idle = []
        self.sent = self.fresh = 0

    async def ask(self, method, path, fields="", body=b"", length=None):
        """What became of a request, in how many seconds, and whether it was told when to come again."""
        began = time.monotonic()
        self.sent += 1
        try:
            how, again = await asyncio.wait_for(self.talk(method, path, fields, body, length), self.deadline_s)
        except (asyncio.TimeoutError, TimeoutError):
            how, again = "late", False
        return how, time.monotonic() - began, again

    async def talk(self, method, path, fields, body, length):
        kept = None
        while self.idle and kept is None:
            kept = self.idle.pop()
            if kept[0].at_eof():
                # Closed while nothing was asked.
                kept[1].close()
                kept = None
        if kept:
            reader, writer = kept
        else:
            self.fresh += 1
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 18)
            except OSError:
                return "refused", False
        keeps = False
        began = False
        try:
            more = f"Content-Length: {len(body)}\r\n" if body else ""
            writer.write(f"{method} {path} HTTP/1.1\r\nHost: sky\r\n{fields}{more}\r\n".encode() + body)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status, began = int(head.split(" ", 2)[1]), True
            told = head.find("content-length:")
            # The gate's own refusals are its words.
            got = await reader.readexactly(int(head[told + 15:].split("\r\n")[0])) if told >= 0 else b""
            keeps = "connection: close" not in head
            if status == 200 and got != body_of(path, length_of(path) if length is None else length):
                return "wrong", False
            return status, "retry-after:" in head
        except (asyncio.IncompleteReadError, OSError) as why:
            began = began or bool(getattr(why, "partial", b""))
            return ("cut" if began else "lost"), False
        finally:
            if keeps:
                self.idle.append((reader, writer))
            else:
                writer.close()

    def close(self):
        for _, writer in self.idle:
            writer.close()
        self.idle.clear()


class Level:
    """What one level asks: `rate` a second at random times, by `members` members in turn; of which at each time a part is left, by `shape`."""

    def __init__(self, name, rate, fields, members=20, shape=None):
        self.name, self.rate, self.fields, self.members = name, rate, fields, members
        self.shape = shape or (lambda _: 1.0)
        self.ends = []

    async def run(self, clients, seconds, warm_s, seed, contexts=200):
        dice = random.Random(f"{self.name} {seed}")
        began = time.monotonic()
        due, tasks = 0.0, set()

        async def one(at):
            who = dice.randrange(self.members)
            path = f"/{self.name}/{dice.randrange(contexts)}"
            end = await clients.ask("GET", path, self.fields.format(who=f"{self.name}{who}"))
            if at >= warm_s:
                self.ends.append((at, who, *end))
        while True:
            due += dice.expovariate(self.rate)
            if due > seconds:
                break
            if dice.random() >= self.shape(due):
                continue
            if (left := began + due - time.monotonic()) > 0:
                await asyncio.sleep(left)
            task = asyncio.ensure_future(one(due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)

    def figures(self, capacity, span_s):
        """Of what was asked after the warm-up, `span_s` seconds."""
        how = collections.Counter(end[2] for end in self.ends)
        times = sorted(end[3] for end in self.ends if end[2] == 200)
        refusals = sorted(end[3] for end in self.ends if end[2] == 503)
        at = lambda values, part: values[min(int(len(values) * part), len(values) - 1)] * 1e3 if values else None
        return {
            "level": self.name,
            "offered": len(self.ends) / span_s,
            "answered": how[200] / span_s,
            "of_offered": how[200] / max(len(self.ends), 1),
            "of_capacity": how[200] / span_s / capacity,
            "refused": how[503],
            "refused_with_retry_after": sum(end[4] for end in self.ends if end[2] == 503),
            "late": how["late"],
            "cut": how["cut"] + how["wrong"],
            "lost": how["lost"] + how["refused"] + sum(count for key, count in how.items() if isinstance(key, int) and key not in (200, 503)),
            "p50_ms": at(times, 0.5),
            "p99_ms": at(times, 0.99),
            "refusal_p50_ms": at(refusals, 0.5),
            "refusal_p99_ms": at(refusals, 0.99),
        }


async def overload(port, levels, seconds, warm_s, seed, deadline_s=10.0, events=()):
    """Has all levels ask at once; `events` are (second, function) that happen meanwhile."""
    clients = Clients(port, deadline_s)

    async def happen(at, what):
        await asyncio.sleep(at)
        await asyncio.get_running_loop().run_in_executor(None, what)
    await asyncio.gather(*(level.run(clients, seconds, warm_s, seed) for level in levels), *(happen(*event) for event in events))
    clients.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--service", choices=["fixed", "exponential", "bimodal"], default="fixed")
    parser.add_argument("--seconds", type=float, default=0.02)
    parser.add_argument("--queue", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--posts")
    args = parser.parse_args()
    back = Back(args.workers, args.service, args.seconds, args.queue, args.seed, args.posts)

    async def run():
        server = await asyncio.start_server(back.serve, "127.0.0.1", args.port, limit=1 << 18, backlog=1024)
        async with server:
            await server.serve_forever()
    asyncio.run(run())


if __name__ == "__main__":
    main()
