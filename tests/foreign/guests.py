"""Virtual machines for tests: QEMU without KVM, a Debian kernel, BusyBox, and programs of this machine with their libraries."""

import contextlib
import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from wire import end, free_port

# What the kernel needs for the network, in this order.
MODULES = [
    "drivers/virtio/virtio_ring", "drivers/virtio/virtio", "drivers/virtio/virtio_pci_modern_dev",
    "drivers/virtio/virtio_pci_legacy_dev", "drivers/virtio/virtio_pci", "net/core/failover", "drivers/net/net_failover",
    "drivers/net/virtio_net",
]

INIT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev; mkdir -p /dev/shm; mount -t tmpfs t /run
for m in {modules}; do insmod /modules/$m.ko; done
ip link set lo up
stty -echo -icrnl < /dev/ttyS0
export PATH=/bin PS1= HOME=/
while :; do setsid sh -c 'exec sh -i < /dev/ttyS0 > /dev/ttyS0 2>/dev/null'; done
"""


def kernel():
    """A kernel of this machine and its modules, or None."""
    for image in sorted(Path("/boot").glob("vmlinuz-*")):
        modules = Path("/lib/modules") / image.name.removeprefix("vmlinuz-") / "kernel"
        if (modules / "drivers/net/virtio_net.ko").exists() and os.access(image, os.R_OK):
            return image, modules
    return None


def system(folder, programs, files, modules=MODULES):
    """An initial file system with kernel modules, programs, the libraries that they load, and files by their paths in it."""
    root = folder / "root"
    for name in ["bin", "proc", "sys", "dev", "tmp", "run", "modules", "lib", "lib64"]:
        (root / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), root / "bin/busybox")
    (root / "bin/sh").symlink_to("busybox")
    _, place = kernel()
    for module in modules:
        # Some are part of the kernel itself.
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(place / f"{module}.ko", root / "modules")
    loaded = []
    for program in programs:
        target = root / "bin" / Path(program).name
        shutil.copy(os.path.realpath(program), target)
        subprocess.run(["strip", target], check=True)
        loaded.append(str(target))
    for path, source in files.items():
        shutil.copy(source, root / path)
        loaded.append(str(source))
    said = subprocess.run(["ldd", *loaded], capture_output=True, text=True).stdout
    libraries = set(re.findall(r"(/lib\S+)", said))
    # What a library that is loaded later needs besides: glibc has had nothing in it since 2.34.
    libraries |= {str(Path(library).with_name("libdl.so.2")) for library in libraries if "/libc.so." in library}
    for library in sorted(libraries):
        target = root / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(library), target)
    init = root / "init"
    init.write_text(INIT.format(modules=" ".join(Path(module).name for module in modules)))
    init.chmod(0o755)
    names = subprocess.run(["find", "."], cwd=root, capture_output=True, check=True).stdout
    packed = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, input=names, capture_output=True, check=True).stdout
    image = folder / "initrd.gz"
    image.write_bytes(gzip.compress(packed, 1))
    shutil.rmtree(root)
    return image


class Guest:
    """A virtual machine with a shell on its serial line."""

    def __init__(self, name, folder, image, options):
        self.name, self.folder, self.count = name, folder, 0
        serial, monitor = folder / f"{name}.serial", folder / f"{name}.qmp"
        # Two processors, for the instructions of one alone are not atomic for other machines.
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "pc", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "768",
             "-nodefaults", "-display", "none", "-kernel", str(kernel()[0]), "-initrd", str(image),
             "-append", "console=ttyS0 quiet panic=-1 mitigations=off",
             "-serial", f"unix:{serial},server=on,wait=off", "-qmp", f"unix:{monitor},server=on,wait=off", *options],
            stdin=subprocess.DEVNULL, stdout=(folder / f"{name}.log").open("wb"), stderr=subprocess.STDOUT, start_new_session=True,
        )
        try:
            self.greet(serial, monitor)
        except BaseException:
            self.close()
            raise

    def greet(self, serial, monitor):
        """Waits for the monitor and for the shell."""
        self.serial, self.monitor = self.connected(serial), self.connected(monitor).makefile("rw")
        self.monitor.readline()
        self.qmp("qmp_capabilities", {})
        self.serial.settimeout(180)
        said = b""
        while b"built-in commands" not in said:
            said += self.serial.recv(65536)
        self.do("true")

    def connected(self, path):
        until = time.monotonic() + 30
        while True:
            assert self.process.poll() is None, (self.folder / f"{self.name}.log").read_text()
            one = socket.socket(socket.AF_UNIX)
            with contextlib.suppress(OSError):
                one.connect(str(path))
                return one
            assert time.monotonic() < until, f"no {path}"
            time.sleep(0.1)

    def do(self, command, timeout=120):
        """What a command prints; the test fails if it does."""
        self.count += 1
        mark = f"-{self.count}-DONE"
        self.serial.sendall(f"{command}\necho \"$?-\"{mark}\n".encode())
        said, until = "", time.monotonic() + timeout
        while (found := re.search(rf"(\d+)-{mark}", said)) is None:
            self.serial.settimeout(max(until - time.monotonic(), 0.001))
            try:
                said += self.serial.recv(65536).decode(errors="replace")
            except TimeoutError:
                raise TimeoutError(f"{self.name}: {command}: {said}") from None
        said = said[: found.start()].replace("\r", "")
        assert found[1] == "0", f"{self.name}: {command}: {found[1]}\n{said}"
        return said

    def qmp(self, command, arguments):
        """An answer of QEMU's monitor."""
        self.monitor.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.monitor.flush()
        while True:
            answer = json.loads(self.monitor.readline())
            if "event" not in answer:
                assert "return" in answer, answer
                return answer["return"]

    def close(self):
        end(self.process)


def pair(folder, image, names, megabytes=64):
    """Two guests with a network and with memory between them: interface eth0, PCI device 4."""
    port, memory = free_port(), Path("/dev/shm") / f"pogson-guests-{os.getpid()}-{time.monotonic_ns()}"
    guests = []
    try:
        for number, name in enumerate(names):
            way = f"listen=127.0.0.1:{port}" if number == 0 else f"connect=127.0.0.1:{port}"
            guests.append(Guest(name, folder, image, [
                "-netdev", f"socket,id=net,{way}", "-device", f"virtio-net-pci,netdev=net,mac=52:54:00:00:00:0{number + 1},addr=0x3",
                "-object", f"memory-backend-file,id=memory,share=on,mem-path={memory},size={megabytes}M",
                "-device", "ivshmem-plain,memdev=memory,id=shared,addr=0x4",
            ]))
            guests[-1].memory = {"qom-type": "memory-backend-file", "share": True, "mem-path": str(memory), "size": megabytes << 20}
            guests[-1].do(f"ip addr add 192.0.2.{number + 1}/24 dev eth0 && ip link set eth0 up")
        yield guests
    finally:
        for guest in guests:
            guest.close()
        memory.unlink(missing_ok=True)
