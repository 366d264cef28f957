"""The cache of the selector."""

import os
import subprocess
import sys
import textwrap
from contextlib import suppress

import joblib
import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from skorch import NeuralNetClassifier
from skorch.dataset import ValidSplit

from sklearn_temo import IGLandmarkSelector, TEMOClassifier, make_temo_pipeline

N_FITS = "SKLEARN_TEMO_TEST_FITS"


class Counted(TEMOClassifier):
    """Writes a file for each fit, in whatever process."""

    def fit(self, X, y):
        folder = os.environ[N_FITS]
        with open(os.path.join(folder, f"{os.getpid()}_{len(os.listdir(folder))}"), "x"):
            return super().fit(X, y)


@pytest.fixture
def n_fits(tmp_path, monkeypatch):
    folder = tmp_path / "fits"
    folder.mkdir()
    monkeypatch.setenv(N_FITS, str(folder))
    return lambda: len(os.listdir(folder))


def selector(tmp_path, estimator=None, **parameters):
    estimator = Counted(max_epochs=2, hidden_size=8) if estimator is None else estimator
    settings = {"k": 64, "n_frames": 4, "random_state": 0, "memory": tmp_path / "memory"}
    return IGLandmarkSelector(estimator, **settings | parameters)


def assert_same(one, other):
    for name in ("landmark_scores_", "landmark_scores_per_class_", "ranking_", "baselines_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.completeness_gap_ == other.completeness_gap_
    assert one.n_gradient_evaluations_ == other.n_gradient_evaluations_
    for a, b in zip(
        one.estimator_.module_.parameters(), other.estimator_.module_.parameters(), strict=True
    ):
        assert torch.equal(a, b)


def test_fits_that_differ_in_k_share_an_entry_and_equal_fits_without_memory(
    tmp_path, n_fits, aligned
):
    for k, symmetric, redundancy in [
        (64, "auto", "avoid"),
        (16, "auto", None),
        (0.5, False, "avoid"),
        ("all", True, None),
    ]:
        found = selector(tmp_path, k=k, symmetric=symmetric, redundancy=redundancy).fit(*aligned)
        assert n_fits() == 1
        plain = selector(tmp_path, TEMOClassifier(max_epochs=2, hidden_size=8), memory=None)
        plain.set_params(k=k, symmetric=symmetric, redundancy=redundancy).fit(*aligned)
        assert_same(found, plain)
        np.testing.assert_array_equal(found.get_support(), plain.get_support())
        np.testing.assert_array_equal(
            found.estimator_.predict(aligned[0]), plain.estimator_.predict(aligned[0])
        )


@pytest.mark.parametrize(
    "change",
    [
        {"n_baselines": 2},
        {"baselines": "mean"},
        {"baselines": np.zeros((1, 4 * 468 * 3), dtype=np.float32)},
        {"n_steps": 4},
        {"tol": 1e-2},
        {"random_state": 1},
        {"estimator__lr": 0.01},
        {"estimator__randomized": True},
    ],
)
def test_other_parameters_have_other_entries(tmp_path, n_fits, aligned, change):
    selector(tmp_path).fit(*aligned)
    changed = selector(tmp_path).set_params(**change).fit(*aligned)
    assert n_fits() == 2
    plain = selector(tmp_path).set_params(**change, memory=None).fit(*aligned)
    assert_same(changed, plain)


def test_each_round_has_its_own_entry(tmp_path, n_fits, aligned):
    for k, n_rounds, n_trained in [(64, 3, 3), (16, 3, 3), (100, 3, 3), (10, 3, 3)]:
        found = selector(tmp_path, k=k, step=[234, 128]).fit(*aligned)
        assert len(found.n_landmarks_in_rounds_) == n_rounds
        assert n_fits() == n_trained
    plain = selector(tmp_path, TEMOClassifier(max_epochs=2, hidden_size=8), memory=None)
    assert_same(found, plain.set_params(k=10, step=[234, 128]).fit(*aligned))


def test_entries_depend_on_the_content_of_the_data(tmp_path, n_fits, aligned):
    X, y = aligned
    selector(tmp_path).fit(X, y)
    touched = X.copy()
    touched[-1, -1] = np.nextafter(touched[-1, -1], np.float32(np.inf))
    selector(tmp_path).fit(touched, y)
    assert n_fits() == 2
    labels = y.copy()
    labels[[0, 1]] = labels[[1, 0]]
    assert np.any(labels != y)
    selector(tmp_path).fit(X, labels)
    assert n_fits() == 3
    selector(tmp_path).fit(X[::-1], y[::-1])
    assert n_fits() == 4
    # Memory maps and lists of the same numbers share the entry.
    mapped = np.memmap(tmp_path / "X", dtype=np.float32, mode="w+", shape=X.shape)
    mapped[:] = X
    selector(tmp_path).fit(mapped, y)
    selector(tmp_path).fit(X.astype(float).tolist(), y)
    assert n_fits() == 4


def test_a_search_over_k_trains_once_a_fold_in_two_processes(tmp_path, n_fits, aligned):
    def search(memory):
        pipe = make_pipeline(selector(tmp_path, memory=memory), GaussianNB())
        grid = {"iglandmarkselector__k": [8, 16, 64, 128]}
        return GridSearchCV(
            pipe, grid, cv=StratifiedKFold(3), n_jobs=2, refit=False, error_score="raise"
        ).fit(*aligned)

    cached = search(tmp_path / "memory")
    # Both processes may start with the same fold.
    assert 3 <= n_fits() <= 6
    n_before = n_fits()
    plain = search(None)
    assert n_fits() == n_before + 12
    np.testing.assert_array_equal(
        cached.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )


def test_another_process_loads_the_entry(tmp_path, aligned):
    np.savez(tmp_path / "data.npz", X=aligned[0], y=aligned[1])
    code = f"""
    import numpy as np
    from sklearn_temo import IGLandmarkSelector, TEMOClassifier
    with np.load({str(tmp_path / "data.npz")!r}) as data:
        X, y = data["X"], data["y"]
    def train(self, X, y):
        raise RuntimeError("trained")
    if {{again}}:
        TEMOClassifier.fit = train
    temo = TEMOClassifier(max_epochs=2, hidden_size=8)
    s = IGLandmarkSelector(temo, n_frames=4, random_state=0, memory={str(tmp_path / "m")!r})
    print(repr(s.fit(X, y).landmark_scores_.tobytes()))
    """
    printed = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code).replace("{again}", str(again))],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for again in (False, True)
    ]
    assert printed[0] == printed[1]


def test_a_truncated_entry_is_computed_again(tmp_path, n_fits, aligned, caplog):
    first = selector(tmp_path).fit(*aligned)
    (entry,) = (tmp_path / "memory").rglob("output.pkl")
    entry.write_bytes(entry.read_bytes()[:1000])
    again = selector(tmp_path).fit(*aligned)
    assert "while loading" in caplog.text
    assert n_fits() == 2
    assert_same(first, again)


def test_convergence_warnings_are_repeated(tmp_path, n_fits, aligned):
    for _ in range(2):
        with pytest.warns(ConvergenceWarning, match="of 420 pairs"):
            selector(tmp_path, n_steps=1, tol=1e-9).fit(*aligned)
    assert n_fits() == 1


def test_without_random_state_nothing_is_cached_and_a_warning_says_so(tmp_path, n_fits, aligned):
    for _ in range(2):
        with pytest.warns(UserWarning, match="random_state"):
            selector(tmp_path, random_state=None).fit(*aligned)
    assert not list((tmp_path).rglob("output.pkl"))
    assert n_fits() == 2


def test_a_network_with_a_seed_is_cached_whatever_the_seed_of_the_selector(
    tmp_path, n_fits, aligned
):
    seeded = Counted(max_epochs=2, hidden_size=8, random_state=3)
    for _ in range(2):
        selector(tmp_path, seeded, random_state=None).fit(*aligned)
    selector(tmp_path, seeded, random_state=7).fit(*aligned)
    assert n_fits() == 1


class Net(torch.nn.Module):
    n_forwards = 0

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(5616, 4), torch.nn.Linear(4, 7))

    def forward(self, x):
        Net.n_forwards += self.training
        return self.layers(x)


def skorch_net(module):
    return NeuralNetClassifier(
        module,
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=1,
        train_split=None,
        verbose=0,
    )


def test_a_skorch_net_is_cached(tmp_path, aligned, monkeypatch):
    monkeypatch.setattr(Net, "n_forwards", 0)
    codes = np.unique(aligned[1], return_inverse=True)[1]
    first = selector(tmp_path, skorch_net(Net), k=8).fit(aligned[0], codes)
    n_before = Net.n_forwards
    again = selector(tmp_path, skorch_net(Net), k=16).fit(aligned[0], codes)
    assert Net.n_forwards == n_before > 0
    np.testing.assert_array_equal(first.landmark_scores_, again.landmark_scores_)
    chosen = first.ranking_ <= 8
    np.testing.assert_array_equal(again.ranking_[chosen], first.ranking_[chosen])


class Interrupted(Net):
    def forward(self, x):
        if self.training and Net.n_forwards == 2:
            raise KeyboardInterrupt
        return super().forward(x)


@pytest.mark.parametrize("train_split", [None, ValidSplit(3)])
def test_a_skorch_net_without_its_callbacks_is_fitted(tmp_path, aligned, train_split):
    codes = np.unique(aligned[1], return_inverse=True)[1]
    net = skorch_net(Net).set_params(train_split=train_split, callbacks="disable")
    found = selector(tmp_path, net).fit(aligned[0], codes)
    assert len(found.estimator_.history) == 1


def test_an_interrupted_skorch_net_is_not_cached(tmp_path, aligned, monkeypatch):
    """skorch itself treats Ctrl-C as a request to stop early."""
    X, y = aligned[0], np.unique(aligned[1], return_inverse=True)[1]
    monkeypatch.setattr(Net, "n_forwards", 0)
    net = skorch_net(Interrupted).set_params(max_epochs=9, batch_size=50)
    with pytest.raises(KeyboardInterrupt):
        selector(tmp_path, net).fit(X, y)
    monkeypatch.setattr(Net, "n_forwards", 3)
    found = selector(tmp_path, net).fit(X, y)
    assert len(found.estimator_.history) == 9


def test_a_tilde_is_the_home_directory(tmp_path, n_fits, aligned, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    selector(tmp_path, memory="~/cache").fit(*aligned)
    assert n_fits() == len(list((tmp_path / "cache").rglob("output.pkl"))) == 1


def test_warnings_contain_no_data(tmp_path, aligned):
    own = skorch_net(Net).set_params(callbacks=[("named", lambda: 1)])
    with pytest.warns(UserWarning, match="memory is not used") as caught, suppress(Exception):
        selector(tmp_path, own).fit(aligned[0], np.unique(aligned[1], return_inverse=True)[1])
    assert all(len(str(warning.message)) < 500 for warning in caught)
    assert caught[0].filename == __file__


def test_an_initialised_module_is_not_cached(tmp_path, aligned):
    codes = np.unique(aligned[1], return_inverse=True)[1]
    with pytest.warns(UserWarning, match="the class of a torch module instead of an instance"):
        selector(tmp_path, skorch_net(Net()), k=8).fit(aligned[0], codes)


def test_a_local_class_is_not_cached(tmp_path, aligned):
    class Local(TEMOClassifier):
        pass

    with pytest.warns(UserWarning, match="memory is not used"):
        selector(tmp_path, Local(max_epochs=1, hidden_size=8)).fit(*aligned)


def test_a_joblib_memory_may_be_passed(tmp_path, n_fits, aligned):
    memory = joblib.Memory(tmp_path / "own", verbose=0)
    for k in (8, 16):
        selector(tmp_path, memory=memory, k=k).fit(*aligned)
    assert n_fits() == 1
    with pytest.raises(ValueError, match="memory"):
        selector(tmp_path, memory=3).fit(*aligned)


def test_without_memory_nothing_is_written(tmp_path, aligned, monkeypatch):
    monkeypatch.chdir(tmp_path)
    temo = TEMOClassifier(max_epochs=1, hidden_size=8)
    selector(tmp_path, temo, memory=None).fit(*aligned)
    assert not list(tmp_path.iterdir())


def test_the_pipeline_passes_memory_to_the_selector(tmp_path):
    assert make_temo_pipeline(memory=tmp_path).named_steps["select"].memory == tmp_path


class Interrupt:
    """Callback that raises KeyboardInterrupt after the first block of the attribution."""

    max_propagation_depth = None

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context, **kwargs): ...

    def on_fit_task_end(self, estimator, context, **kwargs):
        if context.task_name == "block":
            self.module = next(
                frame.f_locals["module"]
                for frame in _frames()
                if isinstance(frame.f_locals.get("module"), torch.nn.Module)
            )
            raise KeyboardInterrupt


def _frames():
    frame = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def test_an_interrupt_restores_the_module_and_caches_nothing(tmp_path, n_fits, aligned):
    X, y = aligned
    interrupted = selector(tmp_path).set_callbacks(callback := Interrupt())
    with pytest.raises(KeyboardInterrupt) as caught:
        interrupted.fit(X, y)
    # The traceback still holds all frames.
    assert caught.tb is not None
    assert all(p.requires_grad for p in callback.module.parameters())
    assert not interrupted.__sklearn_is_fitted__()
    assert not list((tmp_path / "memory").rglob("output.pkl"))


def test_callbacks_and_verbose_report_blocks(tmp_path, n_fits, aligned, make_task_recorder, capsys):
    recorder = make_task_recorder()
    selector(tmp_path, batch_size=80, n_steps=8, verbose=1).set_callbacks(recorder).fit(*aligned)
    # 84 clips in blocks of 80 / 8, five baselines.
    assert recorder.ended.count(("IGLandmarkSelector", "block")) == 9 * 5
    assert "420 of 420 pairs" in capsys.readouterr().out


def test_an_empty_path_is_an_error_before_training(tmp_path, n_fits, aligned, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match='memory="" names no folder: pass None'):
        selector(tmp_path).set_params(memory="").fit(*aligned)
    assert n_fits() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["fits"]
