"""Many connections between two processes: all leave TCP, and cost few descriptors and little memory.

POGSON_WIRE_FULL=1 makes 10,000 of them, else 2,000; each process needs as many descriptors.
"""

import os
import re
import resource
from pathlib import Path

import pytest

from wire import wait_until

COUNT = 10_000 if os.environ.get("POGSON_WIRE_FULL") else 2_000


def test_many_connections_cost_few_descriptors_and_little_memory(way, compiled):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < COUNT + 1000:
        pytest.skip(f"a process may not have {COUNT + 1000} descriptors here")
    held_before = len(list(Path(f"/proc/{way.daemon.pid}/fd").iterdir())) if way.carries else 0
    both = way.start(compiled / "many", COUNT, 3)
    told = lambda: re.findall(r"connections (\d+) held (\d+) kilobytes (-?\d+)\n", both.log.read_text())
    wait_until("all connections", lambda: both.poll() is not None or len(told()) == 2, 400)
    lines = told()
    assert len(lines) == 2, both.log.read_text()
    if way.carries:
        stats = way.stats()
        assert stats["upgraded"] >= 2 * COUNT * 99 // 100, stats
        assert len(list(Path(f"/proc/{way.daemon.pid}/fd").iterdir())) <= held_before + 10
    for connections, held, kilobytes in lines:
        assert int(connections) == COUNT and int(held) < 200
        assert int(kilobytes) * 1024 / COUNT < 8192, f"{int(kilobytes) * 1024 / COUNT} bytes for each connection"
    assert both.wait(60) == 0, both.log.read_text()
