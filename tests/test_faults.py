"""A run is killed and started again, a short form of ``benchmarks.extraction_faults``."""

from benchmarks.extraction_faults import fault_run


def test_nothing_is_lost_or_done_twice(tmp_path):
    fault_run(tmp_path, n_good=6, n_broken=2, kills=["main"], seed=0)
