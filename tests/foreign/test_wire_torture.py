"""Both ends do at random what programs do with a connection; every byte is compared.

POGSON_WIRE_OPERATIONS sets how many calls are made in all (two million in a full run).
"""

import os

import pytest

from conftest import program

OPERATIONS = int(os.environ.get("POGSON_WIRE_OPERATIONS", "50000"))
SEEDS = [1, 2, 3, 4]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_byte_is_wrong_whatever_both_ends_do(way, compiled, seed):
    # Two pairs are four busy processes, on two cores.
    run = way.run(
        program("taskset"), "-c", "0,1" if (os.cpu_count() or 1) > 1 else "0",
        compiled / "torture", seed, OPERATIONS // len(SEEDS), 2, code=None, timeout=120 + OPERATIONS // 500,
    )
    said = run.out.decode()
    assert run.code == 0 and "wrong" not in said and said.count("pair ") == 2, said + run.err.decode()
    way.used(bytes_ring=OPERATIONS * 25)
