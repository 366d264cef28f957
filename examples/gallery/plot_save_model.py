"""
How is a model saved, deployed and used live?
=============================================

A fitted pipeline is written to a file from which no code runs, exported to ONNX for programs
without Python, and applied to a stream of frames. At each step its predictions are checked.
"""

# %%
# A model of smiles
# -----------------
# The pipeline is fitted to photographs of 102 people, neutral and smiling.

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sklearn_temo import TEMOClassifier, make_temo_pipeline
from sklearn_temo.datasets import load_cremad_sample, load_london_smiles

smiles = load_london_smiles()
pipe = make_temo_pipeline(
    landmarks="passthrough",
    k=64,
    rotation="full",
    classifier=TEMOClassifier(randomized=True),
    random_state=0,
).fit(smiles.data, smiles.target)
probabilities = pipe.predict_proba(smiles.data)

# %%
# Save and load
# -------------
# :func:`~sklearn_temo.save_model` writes the model, and a model card beside it that says what the
# model was fitted on. ``baselines=False`` leaves out landmarks of training people, which only
# explanations use.

from sklearn_temo import load_model, save_model

folder = TemporaryDirectory()
file = save_model(
    pipe,
    Path(folder.name, "smiles.skops"),
    X=smiles.data,
    y=smiles.target,
    groups=smiles.groups,
    baselines=False,
    card={"title": "Smiles in photographs", "data_licence": "CC BY 4.0"},
)
model = load_model(file)
for written in sorted(Path(folder.name).iterdir()):
    print(f"{written.name}: {written.stat().st_size / 1e6:.2f} MB")
difference = np.abs(model.predict_proba(smiles.data) - probabilities).max()
print(f"largest difference of the probabilities after loading: {difference:.0e}")

# %%
# ONNX
# ----
# :func:`~sklearn_temo.export_onnx` writes the alignment, the selected landmarks and the network as
# one graph. onnxruntime runs it from C++, Java, JavaScript and others, without this package.

import onnxruntime

from sklearn_temo import export_onnx

graph = Path(folder.name, "smiles.onnx")
export_onnx(model, graph)
session = onnxruntime.InferenceSession(graph)
(from_graph,) = session.run(None, {"rows": np.asarray(smiles.data)})
print(f"{graph.name}: {graph.stat().st_size / 1e6:.2f} MB")
print(f"largest difference of the graph: {np.abs(from_graph - probabilities).max():.0e}")

# %%
# Live
# ----
# :class:`~sklearn_temo.LivePredictor` takes one frame after the other, with its time, and returns a
# :class:`~sklearn_temo.live.LivePrediction`. The last ``window`` seconds are treated as one clip;
# this model takes clips of one frame, so the window is short. ``smoothing`` is a time constant in
# seconds. The frames come from clips that the package includes, in which an actor speaks.

from sklearn_temo import FaceLandmarkTransformer, LivePredictor

sample = load_cremad_sample()
videos = dict(zip(sample.target, sample.data, strict=True))
reader = FaceLandmarkTransformer(n_frames=None)


def follow(video, smoothing):
    """Times, and probabilities of a smile, at the frames that have a prediction."""
    times = reader.extract([video])[0].times
    with LivePredictor(model, window=0.1, smoothing=smoothing) as live:
        found = [live.update(*each) for each in zip(reader.read_frames(video), times, strict=True)]
    smile = list(model.classes_).index("happiness")
    return np.array([(each.time, each.probabilities[smile]) for each in found if each.label]).T


import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True, layout="constrained")
fig.suptitle("Probability of a smile over time in three clips of one actor")
for ax, emotion in zip(axes, ("happiness", "fear", "neutral"), strict=True):
    ax.plot(*follow(videos[emotion], 0), color="0.6", linewidth=1, label="not smoothed")
    times, smoothed = follow(videos[emotion], 0.3)
    ax.plot(times, smoothed, color="#D55E00", label="smoothed, 0.3 s")
    ax.axhline(0.5, color="grey", linestyle=":", linewidth=1)
    ax.set(title=f"acted emotion: {emotion}", xlabel="time in s", ylim=(0, 1.02))
    print(f"{emotion}: a smile is predicted in {np.mean(smoothed > 0.5):.0%} of the frames")
axes[0].set_ylabel("probability of a smile")
axes[0].legend(loc="lower left")
plt.show()

# %%
# :func:`~sklearn_temo.run_live` does the same for a camera or a video, in a window or into a file,
# and returns a :class:`~sklearn_temo.live.LiveSummary`.

from sklearn_temo import run_live

table = Path(folder.name, "predictions.csv")
summary = run_live(LivePredictor(model, window=0.1), videos["happiness"], show=False, out=table)
print(
    f"{summary.n_frames} frames, a face in {summary.n_detected}, "
    f"a prediction for {summary.n_predicted}"
)
lines = table.read_text().splitlines()
print(lines[0], lines[20], sep="\n")
folder.cleanup()

# %%
# What to conclude
# ----------------
# The saved model and the graph predict what the pipeline predicts, up to rounding. That does not
# make the predictions right: the model sees a smile in clips of fear and of a neutral face as well.
# It was fitted to photographs of people who do not speak, and in these clips one actor speaks, in
# front of another camera. Test a model on clips from the place where it will be used, of people
# that it has not seen, before anyone relies on it. See :ref:`saving` and :ref:`live`.
