"""Debian's boinc-client, unmodified, against a Pogson project."""

import gzip
import shutil
import signal
import time

import h5py
import numpy as np
import pytest

from boinc import Client, Project, wait_for


@pytest.fixture
def world(pogson, tmp_path):
    """Makes projects and clients, and ends all of them."""
    if not shutil.which("boinc"):
        pytest.skip("boinc-client is not installed")
    made = []

    class World:
        dir = tmp_path

        @staticmethod
        def project(*more, **options):
            project = Project(pogson, tmp_path / f"project{len(made)}", *more, **options)
            project.set("scheduler", request_delay=1.0)
            made.append(project)
            return project

        @staticmethod
        def client(name, **options):
            client = Client(tmp_path / name, **options)
            made.append(client)
            return client

    yield World
    for one in reversed(made):
        one.stop()


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
    differ = [name for name in same(fit, status["galaxy"][0]["hdf5"]) if "user" not in name and "provenance" not in name and name != "galaxy/area"]
    assert not differ
    for client in clients:
        assert "Invalid or missing" not in client.log and "unrecognized" not in client.log.lower()
