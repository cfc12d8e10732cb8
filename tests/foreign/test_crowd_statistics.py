"""A simulated project has the statistics of the paper's first year; `bench/crowd_tables.py` does it with more units."""

import math

from crowd_statistics import OUTCOMES, TABLE_2, VALIDITY, simulate, tables

UNITS = 3000


def test_results_a_unit_outcomes_and_validity_are_the_papers(pogson, tmp_path):
    server, said = simulate(pogson.path, tmp_path, UNITS, hosts=120, days=60, seed=11)
    found = tables(server)
    assert not said["errors"], said["errors"]
    # With eight failures or five successes a unit is given up: at these rates one in ten million.
    assert found["units"] == UNITS
    for name, wanted, of in (("table_2", TABLE_2, UNITS), ("outcomes", OUTCOMES, found["results"]), ("validity", VALIDITY, found["results"])):
        for key, share in wanted.items():
            # Four standard deviations of a binomial share, and the rounding of the paper's figures.
            far = 4 * math.sqrt(share * (100 - share) / of) + 0.05
            assert abs(found[name][key] - share) < far, (name, key, found[name], far)
    server.run("check", server.folder)
