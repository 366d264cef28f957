"""A run is killed and started again, a short form of ``benchmarks.extraction_faults``."""

from benchmarks.extraction_faults import fault_run


def test_interrupted_run_continues_and_loses_no_clip(tmp_path):
    fault_run(tmp_path, n_good=6, n_broken=2, kills=["all"], seed=0)
