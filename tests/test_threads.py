"""Fits and predictions with any number of threads, and in forked processes."""

import multiprocessing
import threading

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from sklearn_temo import IGLandmarkSelector, LandmarkAligner, TEMOClassifier
from sklearn_temo._threads import _controller, one_thread
from sklearn_temo.attribution import integrated_gradients
from sklearn_temo.datasets import make_expression_clips


@pytest.fixture(scope="module")
def aligned():
    clips = make_expression_clips(n_clips=56, n_frames=8, random_state=0)
    return LandmarkAligner().fit_transform(clips.data), clips.target


@pytest.fixture
def several_threads():
    """As many threads as on a machine with two cores, whatever the environment says."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with threadpool_limits(2):
        yield
    torch.set_num_threads(before)


def numbers_of_threads():
    # Libraries that other tests load later take no part in fits.
    libraries = [*_controller("openmp").info(), *_controller("blas").info()]
    return [*(library["num_threads"] for library in libraries), torch.get_num_threads()]


def test_one_thread_is_used_inside_and_the_limits_are_restored(several_threads):
    before = numbers_of_threads()
    with one_thread(), one_thread():
        assert set(numbers_of_threads()) == {1}
    assert numbers_of_threads() == before


def test_limits_are_restored_after_an_error(several_threads):
    before = numbers_of_threads()
    with pytest.raises(ValueError, match="needs samples of at least 2 classes"):
        TEMOClassifier().fit(np.ones((4, 2 * 468 * 3)), np.zeros(4))
    assert numbers_of_threads() == before


def test_limits_are_restored_when_blocks_of_several_threads_overlap(several_threads):
    before = numbers_of_threads()
    inside, may_leave = threading.Barrier(3), threading.Event()

    def work():
        with one_thread():
            inside.wait()
            may_leave.wait()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    inside.wait()
    with one_thread():
        pass
    may_leave.set()
    for worker in workers:
        worker.join()
    assert numbers_of_threads() == before


def test_one_thread_is_used_in_every_thread(several_threads):
    """Also when another thread has set a limit before, which threadpoolctl then reserves to it."""
    before = numbers_of_threads()
    with one_thread():
        pass
    seen = []

    def work():
        with one_thread():
            seen.append(set(numbers_of_threads()))
        seen.append(set(numbers_of_threads()))

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert seen[0] == {1}
    assert seen[1] != {1} or set(before) == {1}
    assert numbers_of_threads() == before


def test_limits_are_restored_in_the_thread_whose_block_ends_first(several_threads):
    before = numbers_of_threads()
    inside, may_leave = threading.Barrier(2), threading.Event()

    def work():
        with one_thread():
            inside.wait()
            may_leave.wait()

    worker = threading.Thread(target=work)
    with one_thread():
        worker.start()
        inside.wait()
    may_leave.set()
    worker.join()
    assert numbers_of_threads() == before


def test_a_fit_runs_in_one_thread_and_leaves_the_limits_as_they_were(aligned, several_threads):
    before = numbers_of_threads()
    from skorch.callbacks import Callback

    seen = []

    class Spy(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append(set(numbers_of_threads()))

    TEMOClassifier(max_epochs=1, callbacks=[Spy()]).fit(*aligned)
    assert seen == [{1}]
    assert numbers_of_threads() == before


@pytest.mark.parametrize(
    "estimator",
    [
        TEMOClassifier(max_epochs=5, random_state=0),
        make_pipeline(
            IGLandmarkSelector(TEMOClassifier(max_epochs=5), k=64, random_state=0),
            TEMOClassifier(max_epochs=5, random_state=0),
        ),
    ],
    ids=["classifier", "selector"],
)
def test_results_do_not_depend_on_the_number_of_threads(aligned, estimator, several_threads):
    X, y = aligned
    found = clone(estimator).fit(X, y).predict_proba(X)
    torch.set_num_threads(1)
    with threadpool_limits(1):
        expected = clone(estimator).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(found, expected)


def test_a_search_in_two_processes_scores_as_in_one(aligned):
    selector = IGLandmarkSelector(TEMOClassifier(max_epochs=5), redundancy=None, random_state=0)
    pipe = make_pipeline(selector, LinearSVC(random_state=0))
    grid = {"iglandmarkselector__k": [16, 64]}
    one, two = (
        GridSearchCV(pipe, grid, cv=2, n_jobs=n_jobs, refit=False).fit(*aligned).cv_results_
        for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(one["mean_test_score"], two["mean_test_score"])


def _predict(model, X, results):
    results.put(model.predict_proba(X).sum(axis=0).tolist())


def _attribute(module, X, results):
    attributions, _ = integrated_gradients(module, X[:8], X[:2], target=0)
    results.put(attributions.sum(dtype=float))


# Python warns of forks in processes with threads; here, torch has some.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("work", ["predict", "attribute"])
def test_a_forked_process_works_after_a_fit_or_an_attribution(aligned, several_threads, work):
    X, y = aligned
    model = TEMOClassifier(max_epochs=5, random_state=0).fit(X, y)
    run, subject = (_predict, model) if work == "predict" else (_attribute, model.module_)
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    run(subject, X, results)
    child = context.Process(target=run, args=(subject, X, results))
    child.start()
    child.join(60)
    hangs = child.is_alive()
    child.kill()
    assert not hangs
    assert results.get() == pytest.approx(results.get(), rel=1e-4)
