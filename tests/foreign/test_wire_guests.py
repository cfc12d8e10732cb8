"""Programs in two virtual machines of this host, by rings in memory that both have and over their network."""

import json
import re
import shutil
import time

import guests
import pytest

from conftest import program
from wire import wait_until, without_wire

SHARED = "/sys/bus/pci/devices/0000:00:04.0/resource2"


@pytest.fixture(scope="module")
def machines(pogson, compiled, tmp_path_factory):
    """The guests red and blue, with a daemon in each."""
    if why := without_wire(pogson):
        pytest.skip(why)
    for name in ["qemu-system-x86_64", "busybox", "cpio", "strip"]:
        shutil.which(name) or pytest.skip(f"{name} is not installed")
    if not guests.kernel():
        pytest.skip("no kernel with virtio_net.ko is in /boot and /lib/modules")
    folder = tmp_path_factory.mktemp("guests")
    programs = [pogson.path, *(program(name) for name in ["redis-server", "redis-benchmark", "redis-cli"]), compiled / "drains"]
    image = guests.system(folder, programs, {}, [*guests.MODULES, "drivers/net/tun"])
    for red, blue in guests.pair(folder, image, ["red", "blue"]):
        for guest in [red, blue]:
            write_map(guest)
            other, address = ("blue", "10.77.0.1/24") if guest is red else ("red", "10.77.0.2/24")
            region = f"--region {other}={SHARED} --network {address}"
            start(guest, f"pogson wire serve --guest {guest.name} --guests /run/map {region}", "serve")
        for guest in [red, blue]:
            wait_until(f"the daemon in {guest.name}", lambda guest=guest: stats(guest) is not None)
        for port, way in [(6379, ""), (6380, "pogson wire run -- ")]:
            start(blue, f"{way}redis-server --port {port} --bind 192.0.2.2 --save '' --protected-mode no", f"redis{port}")
        for port in [6379, 6380]:
            said = lambda port=port: red.do(f"redis-cli -h 192.0.2.2 -p {port} ping 2>&1 || true")  # noqa: E731
            wait_until(f"redis ({blue.do(f'tail -n 2 /run/redis{port}.log')})", lambda said=said: "PONG" in said())
        yield red, blue


def places(guests):
    """A map of guests by name, node and addresses."""
    return json.dumps({"guests": [{"name": name, "node": node, "addresses": addresses} for name, node, *addresses in guests]})


def write_map(guest, red="host", blue="host"):
    text = places([("red", red, "192.0.2.1", "10.77.0.1"), ("blue", blue, "192.0.2.2", "10.77.0.2")])
    guest.do(f"echo '{text}' > /run/map.new && mv /run/map.new /run/map")


def start(guest, command, name):
    guest.do(f"({command}) > /run/{name}.log 2>&1 < /dev/null & true")


def stats(guest):
    said = guest.do("pogson wire stats --json 2>/dev/null || true")
    return json.loads(said[said.index("{"):]) if "{" in said else None


def test_redis_in_one_guest_and_its_benchmark_in_the_other_talk_by_the_ring(machines):
    red, blue = machines
    before = stats(blue)["bytes_ring"]
    figures = {}
    for clients, size, count in [(1, 64, 1000), (10, 64, 3000), (4, 60000, 300)]:
        for port, way in [(6379, ""), (6380, "pogson wire run -- ")]:
            said = red.do(
                f"{way}redis-benchmark -h 192.0.2.2 -p {port} -t set,get -n {count} -c {clients} -d {size} --csv 2>/dev/null", timeout=300
            )
            rows = dict(re.findall(r'"(SET|GET)","([\d.]+)"', said))
            assert set(rows) == {"SET", "GET"}, said
            figures[clients, size, port] = rows
    for (clients, size, port), rows in figures.items():
        print(f"{clients} clients, {size} bytes, {'ring' if port == 6380 else 'virtio-net'}: {rows} a second")
    carried = stats(blue)["bytes_ring"] - before
    # GET's values; most of SET's go in the other direction.
    assert carried > 64 * 3000 + 60000 * 200, carried
    assert stats(red)["bytes_ring"] > 60000 * 200


def test_large_values_come_back_from_the_other_guest_byte_for_byte(machines):
    red, blue = machines
    red.do("head -c 20000000 /dev/urandom > /run/value")
    red.do("pogson wire run -- redis-cli -h 192.0.2.2 -p 6380 -x set value < /run/value", timeout=300)
    red.do("pogson wire run -- redis-cli -h 192.0.2.2 -p 6380 --raw get value | head -c 20000000 > /run/back", timeout=300)
    red.do("cmp /run/value /run/back", timeout=60)


def test_redis_answers_the_other_guest_by_the_memory_alone(machines):
    red, blue = machines
    for guest in machines:
        guest.do("ip link set eth0 down")
    try:
        start(blue, "pogson wire run -- redis-server --port 6381 --bind 10.77.0.2 --save '' --protected-mode no", "redis6381")
        wait_until("redis", lambda: "PONG" in red.do("redis-cli -h 10.77.0.2 -p 6381 ping 2>&1 || true"))
        before = stats(blue)["bytes_ring"]
        said = red.do("pogson wire run -- redis-benchmark -h 10.77.0.2 -p 6381 -t get,set -n 2000 -c 5 -d 3000 --csv 2>/dev/null", timeout=300)
        assert len(re.findall(r'"(SET|GET)"', said)) == 2, said
        assert stats(blue)["bytes_ring"] - before > 3000 * 1500
    finally:
        for guest in machines:
            guest.do("ip link set eth0 up")


def test_guests_that_the_map_parts_go_on_over_the_network_without_the_device(machines):
    red, blue = machines
    for guest in machines:
        write_map(guest, blue="elsewhere")
    time.sleep(3)
    before = stats(red)["pairs"]
    ask = "pogson wire run -- redis-benchmark -h 192.0.2.2 -p 6380 -t get -n 2000 -c 2 --csv 2>/dev/null"
    assert '"GET"' in red.do(ask, timeout=300)
    assert stats(red)["pairs"] == before
    # Nothing of red is left in the memory: its daemon has let go of it, and the device can be taken away.
    wait_until("red lets go", lambda: "0" == red.do("ls -l /proc/$(pidof pogson | cut -d' ' -f1)/fd | grep -c resource2 || true").strip())
    red.qmp("device_del", {"id": "shared"})
    wait_until("the device goes", lambda: "gone" in red.do(f"[ -e {SHARED} ] || echo gone"))
    assert '"GET"' in red.do(ask, timeout=300)
    # It comes back, and so do the rings.
    red.qmp("object-add", {**red.memory, "id": "again"})
    red.qmp("device_add", {"driver": "ivshmem-plain", "memdev": "again", "id": "shared", "addr": "0x4"})
    wait_until("the device comes", lambda: "there" in red.do(f"[ -e {SHARED} ] && echo there || true"))
    for guest in machines:
        write_map(guest)
    time.sleep(3)
    assert '"GET"' in red.do(ask, timeout=300)
    assert stats(red)["pairs"] > before


def test_the_device_is_taken_away_in_the_middle_of_a_connection_that_goes_on(machines):
    red, blue = machines
    start(blue, "pogson wire run -- drains threads serve 192.0.2.2 7000 /run/stop", "drains")
    wait_until("the server", lambda: "listens" in blue.do("cat /run/drains.log"))
    before = [stats(guest) for guest in machines]
    start(red, "pogson wire run -- drains threads connect 192.0.2.2 7000 /run/stop 192.0.2.1", "drains")

    def carried(which, since, least):
        return all(stats(guest)[which] > then[which] + least for guest, then in zip(machines, since, strict=True))

    wait_until("bytes by rings", lambda: carried("bytes_ring", before, 1_000_000))
    for guest in machines:
        write_map(guest, blue="elsewhere")
    wait_until("both to leave", lambda: not any(stats(guest)["guests"][0]["open"] for guest in machines))
    for guest in machines:
        guest.qmp("device_del", {"id": "shared"})
    for guest in machines:
        wait_until("the device goes", lambda guest=guest: "gone" in guest.do(f"[ -e {SHARED} ] || echo gone"))
    after = [stats(guest) for guest in machines]
    wait_until("bytes by TCP", lambda: carried("bytes_tcp", after, 1_000_000))
    for guest in machines:
        guest.do("touch /run/stop")
    numbers = []
    for guest in machines:
        wait_until("the end", lambda guest=guest: "received" in guest.do("cat /run/drains.log"))
        numbers.append(re.search(r"sent (\d+) received (\d+)\n", guest.do("cat /run/drains.log")))
    (sent, received), (sent_back, received_there) = (found.groups() for found in numbers)
    assert (sent, sent_back) == (received_there, received)
    for guest, then, now in zip(machines, before, after, strict=True):
        print(f"{guest.name}: {now['bytes_ring'] - then['bytes_ring']} by ring, {stats(guest)['bytes_tcp'] - then['bytes_tcp']} by TCP")
