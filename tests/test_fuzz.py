"""Damaged files are read, a short form of ``benchmarks.fuzz``."""

import os
from collections import Counter

import pytest

from benchmarks.damaged_files import write_intact
from benchmarks.fuzz import fuzz


def test_damaged_files_neither_crash_nor_hang_and_errors_name_them(tmp_path):
    results = fuzz(tmp_path, n_files=60, seed=1, n_processes=1)
    failures = {"crash", "hang", "too much memory", "unnamed error", "unnamed warning"}
    assert not [str(result) for result in results if result.outcome in failures]
    outcomes = Counter(result.outcome for result in results)
    # Otherwise, the files were not damaged, or everything is refused.
    assert outcomes["error"] > 10
    assert outcomes["as before"] > 2


@pytest.mark.skipif(
    not hasattr(os, "sched_getscheduler"), reason="the system has no scheduling policies"
)
def test_writing_all_formats_leaves_the_priority_of_the_process(tmp_path):
    before = os.sched_getscheduler(0)
    write_intact(tmp_path)
    assert os.sched_getscheduler(0) == before
