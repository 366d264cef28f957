"""Damaged files are read, a short form of ``benchmarks.fuzz``."""

from collections import Counter

from benchmarks.fuzz import fuzz


def test_damaged_files_neither_crash_nor_hang_and_errors_name_them(tmp_path):
    results = fuzz(tmp_path, n_files=60, seed=1, n_processes=1)
    failures = {"crash", "hang", "too much memory", "unnamed error", "unnamed warning"}
    assert not [str(result) for result in results if result.outcome in failures]
    outcomes = Counter(result.outcome for result in results)
    # Otherwise, the files were not damaged, or everything is refused.
    assert outcomes["error"] > 10
    assert outcomes["as before"] > 2
