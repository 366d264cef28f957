"""Other selection methods, for the benchmark of the selectors.

Each function ranks the landmarks on the training clips and returns their indices, the best first.
The columns of a landmark are selected together.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shap
from hidimstat import PFI
from scipy.sparse import block_diag
from scipy.spatial.distance import cdist
from skglm import GroupLasso
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_selection import f_classif, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedShuffleSplit, train_test_split
from sklearn.preprocessing import scale
from sklearn.svm import SVC

from sklearn_temo import LandmarkLayout

from .claims_folds import GlobalScaler

# Share of the landmarks that recursive elimination drops in each step.
RFE_STEP = 0.1
N_PERMUTATIONS = 5
N_TREES = 300
# Clips whose SHAP values are computed, which bounds the time.
N_EXPLAINED = 250
# Values of alpha of the group lasso, relative to the smallest one that selects nothing.
ALPHAS = np.geomspace(0.95, 0.05, 12)
# Half samples of the stability selection, and landmarks that are selected in each.
N_HALVES = 50
N_STABLE = 20

Ranking = Callable[[np.ndarray, np.ndarray, LandmarkLayout, np.random.Generator], np.ndarray]


def movements(X: np.ndarray, layout: LandmarkLayout) -> np.ndarray:
    """Displacements in x and y, or the positions in clips of a single frame.

    These are the columns that :class:`~sklearn_temo.TEMOClassifier` uses most.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features)
    layout : LandmarkLayout

    Returns
    -------
    ndarray of shape (n_clips, n_landmarks, n_values)
    """
    frames = layout.unflatten(X)[:, min(1, layout.n_frames - 1) :, :, :2]
    return frames.transpose(0, 2, 1, 3).reshape(len(X), layout.n_landmarks, -1)


def scaled(X: np.ndarray, layout: LandmarkLayout) -> np.ndarray:
    """Movements with one common scale, ndarray of shape (n_clips, n_landmarks * n_values).

    Standardised columns would enlarge the noise of landmarks that do not move, which makes the
    linear methods worse.
    """
    values = movements(X, layout).reshape(len(X), -1).astype(np.float64)
    return GlobalScaler().fit(values).transform(values)


def by_score(scores: np.ndarray) -> np.ndarray:
    """Order landmarks by their scores, the highest first."""
    return np.argsort(-np.nan_to_num(scores), kind="stable")


def by_columns(scores: np.ndarray, layout: LandmarkLayout) -> np.ndarray:
    """Order landmarks by the sum of the scores of their columns."""
    return by_score(np.nan_to_num(scores).reshape(layout.n_landmarks, -1).sum(axis=1))


def norms(coefficients: np.ndarray, n_landmarks: int) -> np.ndarray:
    """Norm of the coefficients of each landmark in a linear model."""
    return np.linalg.norm(
        coefficients.reshape(-1, n_landmarks, coefficients.shape[1] // n_landmarks), axis=(0, 2)
    )


def linear_svm(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fit a linear SVM and return its coefficients, of shape (n_problems, n_columns)."""
    return SVC(kernel="linear", class_weight="balanced").fit(X, y).coef_


def random(X, y, layout, rng):
    """Draw landmarks at random."""
    return rng.permutation(layout.n_landmarks)


def spread_out(X, y, layout, rng):
    """Take the landmark farthest from those already taken in the mean first frame."""
    positions = layout.unflatten(X)[:, 0].mean(axis=0)
    distances = cdist(positions, positions)
    # The first is the one closest to all others.
    order = [int(distances.sum(axis=0).argmin())]
    nearest = distances[order[0]].copy()
    while len(order) < layout.n_landmarks:
        nearest[order[-1]] = -1
        order.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distances[order[-1]])
    return np.array(order)


def f_value(X, y, layout, rng):
    """Sum of the F values of the columns."""
    return by_columns(f_classif(scaled(X, layout), y)[0], layout)


def mutual_information(X, y, layout, rng):
    """Sum of the mutual information of the columns and the classes."""
    seed = int(rng.integers(2**31))
    scores = mutual_info_classif(scaled(X, layout), y, random_state=seed)
    return by_columns(scores, layout)


def mrmr(X, y, layout, rng):
    """Greedy selection by F value over the mean correlation with the selected landmarks.

    References
    ----------
    .. [1] Ding, C., Peng, H. (2005). Minimum redundancy feature selection from microarray gene
       expression data. Journal of Bioinformatics and Computational Biology 3(2), 185-205.
    """
    values = scaled(X, layout)
    relevance = np.nan_to_num(f_classif(values, y)[0]).reshape(layout.n_landmarks, -1).sum(axis=1)
    correlation = np.abs(np.nan_to_num(np.corrcoef(values, rowvar=False)))
    n_values = values.shape[1] // layout.n_landmarks
    shape = (layout.n_landmarks, n_values, layout.n_landmarks, n_values)
    correlation = correlation.reshape(shape).mean(axis=(1, 3))
    order = [int(relevance.argmax())]
    redundancy = np.zeros(layout.n_landmarks)
    while len(order) < layout.n_landmarks:
        redundancy += correlation[order[-1]]
        quotient = relevance / np.maximum(redundancy / len(order), 1e-3)
        quotient[order] = -1
        order.append(int(quotient.argmax()))
    return np.array(order)


def linear_svm_norm(X, y, layout, rng):
    """Norm of the coefficients of a linear SVM."""
    return by_score(norms(linear_svm(scaled(X, layout), y), layout.n_landmarks))


def recursive_elimination(X, y, layout, rng):
    """Recursive elimination by the norm of the coefficients of a linear SVM."""
    values = scaled(X, layout).reshape(len(X), layout.n_landmarks, -1)
    left, dropped = np.arange(layout.n_landmarks), []
    while len(left) > 1:
        scores = norms(linear_svm(values[:, left].reshape(len(X), -1), y), len(left))
        worst_first = np.argsort(scores, kind="stable")[: max(1, int(RFE_STEP * len(left)))]
        dropped.extend(left[worst_first])
        left = np.delete(left, worst_first)
    return np.array([*left, *reversed(dropped)])


def permutation_importance(X, y, layout, rng):
    """Increase in the log loss of a logistic regression when a landmark is permuted.

    It is measured on a third of the clips, which the model is not trained on.
    """
    seed = int(rng.integers(2**31))
    values = scaled(X, layout)
    train, test, y_train, y_test = train_test_split(
        values, y, test_size=1 / 3, stratify=y, random_state=seed
    )
    model = LogisticRegression(class_weight="balanced", max_iter=300).fit(train, y_train)
    columns = np.arange(values.shape[1]).reshape(layout.n_landmarks, -1)
    importance = PFI(
        model,
        method="predict_proba",
        loss=log_loss,
        n_permutations=N_PERMUTATIONS,
        features_groups={str(landmark): list(c) for landmark, c in enumerate(columns)},
        random_state=seed,
    )
    importance.fit(train, y_train)
    return by_score(importance.importance(test, y_test))


def shap_values(X, y, layout, rng):
    """Mean absolute SHAP values of extremely randomised trees."""
    seed = int(rng.integers(2**31))
    values = scaled(X, layout)
    trees = ExtraTreesClassifier(
        N_TREES, min_samples_leaf=2, class_weight="balanced", random_state=seed
    ).fit(values, np.unique(y, return_inverse=True)[1])
    sample = rng.permutation(len(values))[:N_EXPLAINED]
    # Of shape (n_clips, n_columns, n_classes).
    explained = shap.TreeExplainer(trees).shap_values(values[sample], check_additivity=False)
    return by_columns(np.abs(explained).mean(axis=(0, 2)), layout)


def group_lasso(X, y, layout, rng):
    """Order in which landmarks enter the path of a group lasso on indicators of the classes.

    The coefficients of a landmark for all classes form one group.
    """
    values = scaled(X, layout)
    targets = scale(np.eye(len(np.unique(y)))[np.unique(y, return_inverse=True)[1]])
    n_classes = targets.shape[1]
    columns = np.arange(n_classes * values.shape[1])
    groups = columns.reshape(n_classes, layout.n_landmarks, -1).swapaxes(0, 1)
    n_landmarks = layout.n_landmarks
    n_rows = targets.size
    largest = norms(targets.T @ values, n_landmarks).max() / n_rows
    model = GroupLasso(
        [list(group.ravel()) for group in groups], fit_intercept=False, warm_start=True, tol=1e-3
    )
    rows = block_diag([values] * n_classes, format="csc")
    scores = np.zeros(n_landmarks)
    for number, alpha in enumerate(ALPHAS):
        model.set_params(alpha=alpha * largest).fit(rows, targets.T.ravel())
        size = norms(model.coef_.reshape(n_classes, -1), n_landmarks)
        # A landmark that enters earlier has a higher score than any later one.
        enters = (scores == 0) & (size > 0)
        scores[enters] = len(ALPHAS) - number + size[enters] / size.max()
    # The others by their correlation with what is left to explain.
    residual = targets - values @ model.coef_.reshape(n_classes, -1).T
    left = norms(residual.T @ values, n_landmarks)
    return by_score(np.where(scores > 0, scores, left / left.max()))


def stability_selection(X, y, layout, rng):
    """Frequency in the landmarks with the highest norms of linear SVMs on halves of the clips.

    References
    ----------
    .. [1] Meinshausen, N., Buehlmann, P. (2010). Stability selection. Journal of the Royal
       Statistical Society B 72(4), 417-473.
    """
    values = scaled(X, layout)
    halves = StratifiedShuffleSplit(N_HALVES, train_size=0.5, random_state=int(rng.integers(2**31)))
    frequency, mean = np.zeros(layout.n_landmarks), np.zeros(layout.n_landmarks)
    for half, _ in halves.split(values, y):
        scores = norms(linear_svm(values[half], y[half]), layout.n_landmarks)
        frequency[by_score(scores)[:N_STABLE]] += 1
        mean += scores / scores.max() / N_HALVES
    # The mean norm orders landmarks of equal frequency.
    return by_score(frequency + mean / 2)


RANKINGS: dict[str, Ranking] = {
    "random": random,
    "spread out": spread_out,
    "F value": f_value,
    "mutual information": mutual_information,
    "mRMR": mrmr,
    "linear SVM, norm": linear_svm_norm,
    "linear SVM, recursive elimination": recursive_elimination,
    "permutation importance": permutation_importance,
    "SHAP, trees": shap_values,
    "group lasso": group_lasso,
    "stability selection": stability_selection,
}
