"""Tokens and signed cookies that run out, keys that are changed, and figures that are counted across it, read by Prometheus' own reader."""

import hmac
import math
import re
import signal
import time
from datetime import datetime, timezone

import pytest

from gate_world import SOON_S, World, in_threads, until

DAY_S = 86_400


@pytest.fixture
def world(pogson, tmp_path):
    one = World(pogson, tmp_path)
    for name in ("new", "old", "older", "strange"):
        (tmp_path / f"{name}.key").write_text(f"the {name} key of the gate, which is long\n")
    yield one
    one.ends()


def signed(name, level, ends_s, member="ada"):
    """A token as the documentation says, without any code of ours."""
    said = f"p1.{level}.{ends_s:.0f}.{member}"
    return f"{said}.{hmac.new(f'the {name} key of the gate, which is long'.encode(), said.encode(), 'sha256').hexdigest()}"


def moment(at_s):
    return datetime.fromtimestamp(at_s, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def members(**former):
    keys = ", ".join(f'{{ file = "{name}.key", until = {moment(at_s)} }}' for name, at_s in former.items())
    return f'[members]\nkey_file = "new.key"\nformer_keys = [{keys}]\n'


class Watched:
    """A gate, and what it counted between two looks."""

    def __init__(self, gate):
        self.gate, self.asked = gate, 0

    def believes(self, token, **how):
        """None where a token is believed, else why it is not."""
        names = ["malformed", "forged", "expired", "retired"]

        def count():
            until(lambda: self.gate.figure("requests_total") == self.asked, "not all is counted")
            refused = {name: self.gate.figure("tokens_refused_total", f'reason="{name}"') for name in names}
            return refused, self.gate.figure("requests_total", 'class="token"')

        before, believed = count()
        self.asked += 1
        assert self.gate.ask("/x", **(how or {"Pogson_Priority": token})) == [200]
        after, now_believed = count()
        why = [name for name in names if after[name] > before[name]]
        assert (now_believed - believed, len(why)) in [(1, 0), (0, 1)]
        return why[0] if why else None


def test_a_token_is_believed_by_each_way_until_its_time_is_over(world):
    one = Watched(world.gate({"tiles-1": world.back()}, more=members()))
    later = time.time() + DAY_S
    for level in ("high", "medium", "low"):
        assert one.believes(signed("new", level, later)) is None
    token = signed("new", "high", later)
    for how in ({"Cookie": f"a=b; pogson_priority={token}; c=d"}, {"Authorization": f"Bearer {token}"}):
        assert one.believes(token, **how) is None
    assert one.believes(signed("new", "high", time.time() - 1)) == "expired"
    assert one.believes(signed("strange", "high", later)) == "forged"
    assert one.believes(token.replace("ada", "eve")) == "forged"
    assert one.believes(token.replace("high", "highest")) == "malformed"
    assert one.believes("high") == "malformed"
    # The command's own, which runs out while it is used.
    made = world.pogson.json("gate", "token", "--key", world.folder / "new.key", "--level", "high", "--member", "ada", "--for", "8s")
    assert made["token"] == signed("new", "high", made["ends"])
    believed = one.believes(made["token"])
    assert believed is None or time.time() >= made["ends"]
    until(lambda: one.believes(made["token"]) == "expired", "it is believed for ever")
    assert time.time() >= made["ends"] - 1


def test_tokens_of_a_key_that_was_changed_are_believed_for_its_grace_alone_and_over_reloads(world):
    back = world.back()
    gate = world.gate({"tiles-1": back}, more='[members]\nkey_file = "old.key"\n')
    one = Watched(gate)
    later = time.time() + DAY_S
    old, new = signed("old", "high", later), signed("new", "high", later)
    assert (one.believes(old), one.believes(new)) == (None, "forged")

    def reloads(more):
        words = gate.said().count("is served as it is now")
        gate.writes({"tiles-1": f"127.0.0.1:{back.port}"}, more=more)
        gate.signals(signal.SIGHUP)
        until(lambda: gate.said().count("is served as it is now") > words, gate.said)

    reloads(members(old=later, older=time.time() - 10))
    assert "gate.toml:" in gate.said() and "the time of this key is over" in gate.said()
    assert (one.believes(old), one.believes(new)) == (None, None)
    assert one.believes(signed("older", "high", later)) == "retired"
    assert one.believes(signed("older", "high", time.time() - 1)) == "expired"
    assert one.believes(signed("strange", "high", later)) == "forged"
    # By a cookie, too, and beside one that is good.
    assert one.believes(old, Cookie=f"pogson_priority={old}") is None
    assert one.believes(old, Cookie=f"pogson_priority={signed('strange', 'high', later)}", Pogson_Priority=old) is None
    # The grace ends while the gate serves, without another word.
    ends = math.ceil(time.time()) + 8
    reloads(members(old=ends))
    assert one.believes(old) is None or time.time() >= ends
    until(lambda: one.believes(old) == "retired", "it is believed for ever")
    assert time.time() >= ends - 1
    assert one.believes(new) is None
    # A key that cannot be read changes nothing.
    gate.writes({"tiles-1": f"127.0.0.1:{back.port}"}, more=members(old=later).replace("old.key", "none.key"))
    gate.signals(signal.SIGHUP)
    until(lambda: "the old configuration is served on" in gate.said(), gate.said)
    assert re.search(r"gate\.toml:\d+:\d+: .*none\.key", gate.said())
    assert (one.believes(old), one.believes(new)) == ("retired", None)
    reloads('[members]\nkey_file = "new.key"\n')
    assert (one.believes(old), one.believes(new)) == ("forged", None)


def counters(gate):
    """Samples of all counters and of the counts of histograms, read as Prometheus does."""
    parser = pytest.importorskip("prometheus_client.parser")
    text = gate.read("/metrics")
    found = {}
    for family in parser.text_string_to_metric_families(text):
        assert family.documentation and family.type in ("counter", "gauge", "histogram"), family
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} is there twice"
            assert sample.value >= 0
            if family.type == "counter":
                assert sample.name.endswith("_total")
            found[key] = sample.value if family.type != "gauge" else None
    heads = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(set(heads)) == len(heads), "a family is there twice"
    return {key: value for key, value in found.items() if value is not None}


def test_counters_never_fall_while_a_gate_lives_and_begin_anew_with_the_next(world):
    backs = {name: world.back() for name in ("tiles-1", "tiles-2")}
    at = {name: f"127.0.0.1:{back.port}" for name, back in backs.items()}
    gate = world.gate(backs, more=members())
    later = time.time() + DAY_S
    stop, statuses = [], []

    def asks(_):
        while not stop:
            for path in ("/a?hit", "/b?miss", "/bad"):
                statuses.extend(gate.ask(path, Pogson_Priority=signed("strange", "low", later)))

    threads = in_threads(2, asks)
    last = counters(gate)

    def grows(but=lambda key: False):
        nonlocal last
        before = len(statuses)
        until(lambda: len(statuses) >= before + 12, "nobody is answered")
        now = counters(gate)
        fallen = {key: (value, now.get(key)) for key, value in last.items() if not but(key) and now.get(key, -1) < value}
        assert not fallen, fallen
        last = now

    def reloads(backs, **more):
        words = gate.said().count("is served as it is now")
        gate.writes(backs, **more)
        gate.signals(signal.SIGHUP)
        until(lambda: gate.said().count("is served as it is now") > words, gate.said)

    grows()
    # The same, other keys, another server, another policy.
    reloads(at, more=members())
    grows()
    reloads(at, more='[members]\nkey_file = "old.key"\n')
    grows()
    gone = ("server", "tiles-2")
    reloads({"tiles-1": at["tiles-1"]}, more=members())
    # Of a server that is gone its requests stay, and what it was itself goes.
    grows(but=lambda key: gone in key[1] and key[0].startswith(("pogson_gate_server_", "pogson_gate_reports_lost")))
    reloads(at, pool='policy = "lard"', more=members())
    grows()
    # One that takes over counts from nothing; nothing that was answered fails.
    before = sum(value for (name, _), value in last.items() if name == "pogson_gate_requests_total")
    old = gate.process
    gate.begins("--take-over")
    assert old.wait(SOON_S) == 0, gate.said()
    now = counters(gate)
    assert sum(value for (name, _), value in now.items() if name == "pogson_gate_requests_total") < before
    last = now
    grows()
    stop.append(True)
    [thread.join(SOON_S) for thread in threads]
    assert set(statuses) == {200, 500}
    assert statuses.count(500) * 3 == len(statuses)
