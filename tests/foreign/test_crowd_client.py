"""Debian's boinc-client, unmodified, against a Pogson project."""

import re
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest

from boinc import wait_for


@pytest.fixture(scope="session")
def cube(pogson, shared, tmp_path_factory):
    """A cut-out of the host of SN 2010H."""
    cube = tmp_path_factory.mktemp("galaxy") / "cube.fits"
    pogson("cube", shared / "data/galaxies/2010H_host", "-o", cube, "--redshift", "0.0152", "--ebv", "0.025", "--scale", "12",
           "--min-snr", "10")
    return cube


def same(one, other):
    """Names of datasets that differ between two result files, but for those that tell who made them."""
    differ = []
    with h5py.File(one) as a, h5py.File(other) as b:
        names = [set(), set()]
        for file, found in ((a, names[0]), (b, names[1])):
            file.visititems(lambda name, item: found.add(name) if isinstance(item, h5py.Dataset) else None)
        for name in sorted(names[0] | names[1]):
            if name not in a or name not in b:
                differ.append(name)
                continue
            left, right = a[name][()], b[name][()]
            equal = left.dtype == right.dtype and np.shape(left) == np.shape(right) and np.array_equal(
                left, right, equal_nan=np.issubdtype(np.asarray(left).dtype, np.floating))
            if not equal:
                differ.append(name)
    return differ


def test_two_clients_fit_a_galaxy_and_are_paid(pogson, world, cube):
    project = world.project()
    added = pogson.json("crowd", "galaxy", "add", project.dir, cube, "--redshift", "0.0152", "--name", "host2010H",
                        "--stellar", 3000, "--dust", 3000)
    project.serve()
    wait_for(lambda: project.status()["results_unsent"] >= 2 * added["areas"], 60)
    clients = [world.client(name).start(project.url, project.user(name)) for name in ("ada", "bob")]
    for client in clients:
        assert client.wait(400) == 0, client.log[-4000:]
    def ended():
        """the galaxy's end"""
        status = project.status()
        return status["galaxy"][0]["hdf5"] and status
    status = wait_for(ended, 60)
    assert status["assimilated"] == status["work_units"] > 0
    assert status["valid"] == 2 * status["work_units"]
    assert status["results_in_progress"] == status["results_unsent"] == 0
    fits = status["galaxy"][0]["fits"]
    # theSkyNet POGS gave 8.85 for a pixel; two users, and sums over rings are fits, too.
    assert status["credit"] >= 2 * 8.85 * fits - 1e-6
    (library,) = (project.dir / "libraries").glob("*.lib")
    fit = world.dir / "fit.h5"
    pogson("fit", cube, "--redshift", "0.0152", "--library", library, "-o", fit)
    differ = [name for name in same(fit, status["galaxy"][0]["hdf5"]) if "user" not in name and "provenance" not in name]
    assert not differ
    for client in clients:
        assert "Invalid or missing" not in client.log and "unrecognized" not in client.log.lower()


CHEAT = """#!/bin/sh
# What an honest program answers, with one digit altered.
chmod +x worker
./worker || exit $?
answer=$(sed -n 's:.*<soft_link>\\(.*\\)</soft_link>.*:\\1:p' fits.txt)
answer=${answer:-fits.txt}
line=$(grep -n '[0-9]$' "$answer" | tail -1 | cut -d: -f1)
sed -i -e "${line}s/[0-8]$/9/;t" -e "${line}s/9$/3/" "$answer"
"""


def test_a_cheat_that_alters_one_digit_is_found_and_gets_nothing(pogson, world, cube):
    project = world.project()
    pogson("crowd", "galaxy", "add", project.dir, cube, "--redshift", "0.0152", "--name", "g", "--stellar", 1000, "--dust", 1000)
    project.serve()
    wait_for(lambda: project.status()["results_unsent"] > 0, 60)
    cheat = world.client("mallory")
    folder = cheat.dir / "projects" / f"127.0.0.1_{project.port}_pogs"
    folder.mkdir(parents=True)
    (folder / "cheat.sh").write_text(CHEAT)
    shutil.copy(Path(pogson.path).with_name("pogson-worker"), folder / "pogson-worker")
    for name in ("cheat.sh", "pogson-worker"):
        (folder / name).chmod(0o755)
    (folder / "app_info.xml").write_text("""<app_info>
<app><name>pogson_fit</name><user_friendly_name>mine</user_friendly_name></app>
<file_info><name>cheat.sh</name><executable/></file_info>
<file_info><name>pogson-worker</name><executable/></file_info>
<app_version><app_name>pogson_fit</app_name><version_num>100</version_num>
<file_ref><file_name>cheat.sh</file_name><main_program/></file_ref>
<file_ref><file_name>pogson-worker</file_name><open_name>worker</open_name><copy_file/></file_ref>
</app_version>
</app_info>
""")
    honest = world.client("ada").start(project.url, project.user("ada"))
    assert cheat.start(project.url, project.user("mallory")).wait(300) == 0, cheat.log[-4000:]
    assert honest.wait(300) == 0, honest.log[-4000:]
    before = project.status()
    assert before["assimilated"] == 0 and before["credit"] == 0, "two that differ agree on nothing"
    third = world.client("bob").start(project.url, project.user("bob"))
    assert third.wait(300) == 0, third.log[-4000:]
    wait_for(lambda: project.status()["galaxy"][0]["hdf5"], 60)
    user = lambda name: pogson.json("crowd", "user", "show", project.dir, f"{name}@example.org")
    assert user("mallory")["credit"] == 0
    assert user("ada")["credit"] == user("bob")["credit"] > 0
    pogson("crowd", "check", project.dir, "--deep")


def test_a_client_that_is_stopped_goes_on_where_it_was(pogson, world, shared):
    cube = world.dir / "cube.fits"
    pogson("cube", shared / "data/galaxies/2010H_host", "-o", cube, "--redshift", "0.0152", "--ebv", "0.025", "--scale", "6",
           "--min-snr", "3")
    project = world.project()
    pogson("crowd", "galaxy", "add", project.dir, cube, "--redshift", "0.0152", "--name", "g", "--stellar", 25000, "--dust", 25000)
    project.serve("--target-seconds", "1000")
    wait_for(lambda: project.status()["results_unsent"] > 0, 60)
    client = world.client("ada").start(project.url, project.user("ada"), until_idle=False)

    def fraction():
        """a task that is under way"""
        done = [line.split(":")[1] for line in client.command("--get_tasks").splitlines() if "fraction done:" in line]
        return max(map(float, done), default=0)

    wait_for(lambda: fraction() > 0.3, 200, 0.5)
    name = re.search(r"^\s*name: (\S+_\d+)$", client.command("--get_tasks"), re.M)[1]
    at = fraction()
    client.command("--quit")
    client.process.wait(90)
    wait_for(lambda: not client.slots(), 30)
    client.start(until_idle=True)
    assert client.wait(400) == 0, client.log[-4000:]
    result = pogson.json("crowd", "results", project.dir, name)
    assert result["outcome"] == "Success", result
    (count, none), (again, kept) = re.findall(r"(\d+) places, (\d+) of them done before", result["stderr"])
    assert (none, count) == ("0", again)
    # A task that is asked to end writes down what it has: at most the place that it was at is done again.
    assert int(kept) >= at * int(count) - 2
    told = float(re.search(r"done in ([0-9.]+) CPU s", result["stderr"])[1])
    assert result["cpu_seconds"] == pytest.approx(told, abs=3)


def test_over_https_with_a_certificate_of_ones_own(pogson, world, cube):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    folder = world.dir
    run = lambda *words: subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test", "-days", "3")
    run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    run("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.crt",
        "-days", "3", "-extfile", "names")
    project = world.project(scheme="https")
    project.set("server", certificate=str(folder / "server.crt"), certificate_key=str(folder / "server.key"))
    pogson("crowd", "galaxy", "add", project.dir, cube, "--redshift", "0.0152", "--name", "g", "--stellar", 1000, "--dust", 1000)
    project.serve()
    wait_for(lambda: project.status()["results_unsent"] > 0, 60)
    client = world.client("ada")
    shutil.copy(folder / "ca.crt", client.dir / "ca-bundle.crt")
    assert client.start(project.url, project.user("ada")).wait(300) == 0, client.log[-4000:]
    status = project.status()
    assert status["results_over"] == status["work_units"]
