"""A server and clients of asyncio in two processes; each client sends what it keeps a checksum of and gets it back."""

import asyncio
import hashlib
import os
import random
import sys

CLIENTS, ROUNDS = 8, 150


async def echo(reader, writer):
    while size := await reader.read(4):
        size = int.from_bytes(size + await reader.readexactly(4 - len(size)), "big")
        writer.write(await reader.readexactly(size))
        await writer.drain()
    writer.close()


async def serve(pipe):
    server = await asyncio.start_server(echo, "127.0.0.1", 0, limit=1 << 20)
    os.write(pipe, str(server.sockets[0].getsockname()[1]).encode())
    await asyncio.sleep(3600)


async def client(port, seed):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    dice = random.Random(seed)
    total = 0
    for i in range(ROUNDS):
        data = dice.randbytes(dice.choice([1, 60, 1000, 20000, 400000 if i % 30 == 29 else 500]))
        writer.write(len(data).to_bytes(4, "big") + data)
        back = await asyncio.wait_for(reader.readexactly(len(data)), 60)
        assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest(), (seed, i)
        total += len(data)
    try:
        await asyncio.wait_for(reader.read(1), 0.05)
        raise AssertionError("something came that nobody sent")
    except asyncio.TimeoutError:
        pass
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(1), 60) == b""
    writer.close()
    await writer.wait_closed()
    return total


async def clients(port):
    return sum(await asyncio.gather(*[client(port, seed) for seed in range(CLIENTS)]))


out, into = os.pipe()
if (child := os.fork()) == 0:
    asyncio.run(serve(into))
try:
    print("right,", asyncio.run(clients(int(os.read(out, 20)))), "bytes")
finally:
    os.kill(child, 9)
    os.waitpid(child, 0)
sys.exit(0)
