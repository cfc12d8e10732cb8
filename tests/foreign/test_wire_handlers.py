"""Signal handlers of programs under the wire: installed, called, put back as without it."""

import pytest

from wire import Tcp, Wire, without_wire


def test_a_program_sees_its_signal_handlers_as_without_the_wire(pogson, tmp_path, compiled):
    plain = Tcp(tmp_path).run(compiled / "handlers").out.decode()
    assert "wrong 0" in plain and "one of two: exit 0" in plain
    if why := without_wire(pogson):
        pytest.skip(why)
    wire = Wire(pogson, tmp_path)
    try:
        assert wire.run(compiled / "handlers").out.decode() == plain
    finally:
        wire.close()
