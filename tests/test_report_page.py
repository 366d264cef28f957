"""The page of a report, in a browser."""

import copy
import hashlib
import json
import re
import shutil
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import Ridge
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.preprocessing import LabelBinarizer

import sklearn_temo
from sklearn_temo import LandmarkAligner, mesh
from sklearn_temo.datasets import make_expression_clips
from sklearn_temo.report._page import render_page

CHECKOUT = Path(__file__).parents[1]
ASSETS = Path(sklearn_temo.__file__).parent / "report" / "assets"
BROWSER = shutil.which("chromium"), shutil.which("chromedriver")
N_FRAMES, K = 8, 64

needs_browser = pytest.mark.skipif(
    None in BROWSER,
    reason="chromium and chromedriver are not on the PATH; `apt-get install chromium "
    "chromium-driver`, or your system's packages of them, installs them",
)


@cache
def sample_report():
    """Report of a linear model of synthetic clips, whose exact shares are coefficients * inputs."""
    emotions = ["anger", "happiness", "sadness", "surprise"]
    clips = make_expression_clips(
        96, N_FRAMES, emotions=emotions, n_subjects=16, noise=1.5, random_state=0
    )
    X = LandmarkAligner().fit_transform(clips.data).astype(np.float64)
    y, groups = clips.target, clips.groups.astype(str)
    Y = LabelBinarizer(neg_label=-1).fit_transform(y)
    model = Ridge(alpha=20).fit(X, Y)
    shares = model.coef_ * (X - X.mean(axis=0))[:, None]
    shares = shares.reshape(len(X), 4, N_FRAMES, 468, 3).sum(axis=4)
    relevance = np.abs(shares.sum(axis=2)).mean(axis=0)
    ranking = np.empty(468, int)
    ranking[np.argsort(-relevance.sum(axis=0))] = np.arange(1, 469)
    logits = cross_val_predict(model, X, Y, groups=groups, cv=GroupKFold(4))
    probability = np.exp(3 * logits) / np.exp(3 * logits).sum(axis=1, keepdims=True)
    predicted = probability.argmax(axis=1)
    right = clips.target_names[predicted] == y
    frames = X.reshape(len(X), N_FRAMES, 468, 3) * [1, -1, -1]
    apex = frames[:, 0] + frames[:, -1]
    regions = mesh.regions()
    names = np.unique(regions)
    by_region = np.stack([shares[..., regions == name].sum(axis=3) for name in names], axis=2)
    times = np.linspace(0, 1.4, N_FRAMES).round(2).tolist()

    def clip(i):
        target = predicted[i]
        own = shares[i, target]
        return {
            "name": f"subject_{groups[i]}/clip_{i:03d}.mp4",
            "person": groups[i],
            "true": y[i],
            "predicted": clips.target_names[target],
            "probability": probability[i, target],
            "target": clips.target_names[target],
            "logit": logits[i, target],
            "base_logit": logits[i, target] - own.sum(),
            "completeness_gap": 0.0004,
            "positions": apex[i].round(4).tolist(),
            "shares": np.where(ranking <= K, own.sum(axis=0), 0).round(5).tolist(),
            "by_region": dict(zip(names, by_region[i, target].round(5).tolist(), strict=True)),
            "times": times,
            "identity": own[0].sum(),
            "movement": own[1:].sum(),
        }

    def surest(which):
        order = np.argsort(-probability.max(axis=1))
        return [clip(i) for i in order[which[order]][:10]]

    def score(value, spread):
        return {"value": value, "low": value - spread, "high": min(value + spread, 1)}

    ks = [4, 8, 16, 32, 64, 128, 234, 468]
    accuracy = right.mean()
    report = {
        "title": "Emotions of synthetic clips",
        "created": "2026-03-14T10:20:00+00:00",
        "estimator": "Pipeline(steps=[('align', LandmarkAligner()),\n"
        "                ('select', IGLandmarkSelector(k=64)),\n"
        "                ('classify', TEMOClassifier())])",
        "versions": {"python": "3.11.2", "sklearn_temo": "0.1.0", "scikit-learn": "1.9.0"},
        "data_sha256": hashlib.sha256(clips.data.tobytes()).hexdigest(),
        "data": {
            "n_clips": len(y),
            "n_people": 16,
            "n_frames": N_FRAMES,
            "n_landmarks": 468,
            "classes": [
                {
                    "name": name,
                    "n_clips": int((y == name).sum()),
                    "n_people": len(set(groups[y == name])),
                }
                for name in clips.target_names
            ],
            "extraction": {
                "n_clips": 98,
                "frames_seen": 5412,
                "frames_with_face": 5377,
                "skipped": [{"clip": "subject_3/broken.mp4", "reason": "no frame can be decoded"}],
                "doubtful": [],
            },
        },
        "scores": {
            "level": 0.95,
            "rows": [
                {
                    "model": model,
                    "accuracy": score(value, spread),
                    "balanced_accuracy": score(value - 0.01, spread),
                }
                for model, value, spread in [
                    ("estimator", accuracy, 0.06),
                    ("majority class", 0.25, 0.0),
                    ("random landmarks", accuracy - 0.11, 0.07),
                    ("best SVM", accuracy - 0.02, 0.06),
                ]
            ],
        },
        "checks": [
            {
                "name": "people apart",
                "verdict": "passed",
                "message": "No person is in the training and the test data of a fold.",
                "numbers": {"n_people": 16, "n_folds": 4},
            },
            {
                "name": "better than random landmarks",
                "verdict": "warning",
                "message": "The interval of the difference to random landmarks contains 0.",
                "numbers": {"difference": 0.11, "low": -0.004, "high": 0.2},
            },
            {
                "name": "head pose",
                "verdict": "not run",
                "message": "The rows do not hold the pose of the head.",
                "numbers": {},
            },
        ],
        "score_against_k": {
            "metric": "balanced_accuracy",
            "lines": [
                {
                    "name": name,
                    "k": ks,
                    "mean": [float(accuracy - drop * np.exp(-k / rate)) for k in ks],
                    "standard_error": [0.03 - 0.002 * i for i in range(len(ks))],
                }
                for name, drop, rate in [("TEMOClassifier", 0.3, 14), ("SVM", 0.45, 30)]
            ],
            "smallest_k": 32,
            "note": "The landmarks were ranked in the training data of each fold.",
        },
        "confusion": {
            "classes": clips.target_names.tolist(),
            "counts": confusion_matrix(y, clips.target_names[predicted]).tolist(),
        },
        "people": [
            {"name": name, "n_clips": int(own.sum()), "accuracy": float(right[own].mean())}
            for name in np.unique(groups)
            for own in [groups == name]
        ],
        "relevance": {
            "positions": {"all": apex.mean(axis=0).round(4).tolist()}
            | {name: apex[y == name].mean(axis=0).round(4).tolist() for name in emotions},
            "triangles": mesh.triangles().tolist(),
            "contours": {name: table.tolist() for name, table in mesh.contours().items()},
            "regions": regions.tolist(),
            "scores": {"all": relevance.mean(axis=0).tolist()}
            | dict(zip(emotions, relevance.tolist(), strict=True)),
            "ranking": ranking.tolist(),
            "k": K,
        },
        "timeline": {
            "times": times,
            "regions": names.tolist(),
            "shares": {
                name: by_region[y == name, c].mean(axis=0).round(5).tolist()
                for c, name in enumerate(emotions)
            },
        },
        "clips": {"right": surest(right), "wrong": surest(~right)},
        "stability": {
            "value": 0.71,
            "low": 0.6,
            "high": 0.8,
            "frequencies": np.clip(1.6 - ranking / 64, 0, 1).round(1).tolist(),
            "n_selections": 10,
        },
    }
    return json.loads(json.dumps(report, default=float))
