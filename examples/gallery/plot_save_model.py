"""
How is a model saved, deployed and used live?
=============================================

A fitted pipeline is written to a file from which no code runs, exported to ONNX for programs
without Python, and applied to a stream of frames.
"""

# %%
# Save and load
# -------------
# The pipeline is fitted to photographs of 102 people. :func:`~sklearn_temo.save_model` writes it,
# and a model card. ``baselines=False`` leaves out landmarks of training people.

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime

from sklearn_temo import (
    FaceLandmarkTransformer,
    LivePredictor,
    TEMOClassifier,
    export_onnx,
    load_model,
    make_temo_pipeline,
    save_model,
)
from sklearn_temo.datasets import load_cremad_sample, load_london_smiles

smiles = load_london_smiles()
temo = TEMOClassifier(randomized=True)
pipe = make_temo_pipeline(
    landmarks="passthrough", k=64, rotation="full", classifier=temo, random_state=0
).fit(smiles.data, smiles.target)
probabilities = pipe.predict_proba(smiles.data)

folder = TemporaryDirectory()
file = Path(folder.name, "smiles.skops")
save_model(pipe, file, X=smiles.data, y=smiles.target, groups=smiles.groups, baselines=False)
model = load_model(file)
difference = np.abs(model.predict_proba(smiles.data) - probabilities).max()
print(f"largest difference after loading: {difference:.0e}")

# %%
# ONNX
# ----
# :func:`~sklearn_temo.export_onnx` writes the alignment, the selected landmarks and the network as
# one graph. onnxruntime runs it from C++, Java, JavaScript and others, without this package.

graph = Path(folder.name, "smiles.onnx")
export_onnx(model, graph)
rows = {"rows": np.asarray(smiles.data)}
from_graph = onnxruntime.InferenceSession(graph).run(None, rows)[0]
print(f"largest difference of the graph: {np.abs(from_graph - probabilities).max():.0e}")
folder.cleanup()

# %%
# Live
# ----
# :class:`~sklearn_temo.LivePredictor` takes one frame after the other, with its time, and returns a
# :class:`~sklearn_temo.live.LivePrediction`. ``smoothing`` is a time constant in seconds.

sample = load_cremad_sample()
videos = dict(zip(sample.target, sample.data, strict=True))
reader = FaceLandmarkTransformer(n_frames=None)  # all frames
fig, axes = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True, layout="constrained")
fig.suptitle("Probability of a smile over time in three clips of one actor")
for ax, emotion in zip(axes, ("happiness", "fear", "neutral"), strict=True):
    frames = reader.read_frames(videos[emotion])
    times = reader.extract([videos[emotion]])[0].times
    with LivePredictor(model, window=0.1, smoothing=0.3) as live:
        found = [live.update(frame, time) for frame, time in zip(frames, times, strict=True)]
    found = [each for each in found if each.label]
    smile = np.array([each.probabilities[0] for each in found])  # the first class is happiness
    ax.plot([each.time for each in found], smile, color="#D55E00")
    ax.set(title=f"acted emotion: {emotion}", xlabel="time in s", ylim=(0, 1.02))
    print(f"{emotion}: a smile is predicted in {np.mean(smile > 0.5):.0%} of the frames")
axes[0].set_ylabel("probability of a smile")
plt.show()

# %%
# What to conclude
# ----------------
# File and graph predict what the pipeline predicts, up to rounding (:ref:`saving`). The model
# predicts a smile in acted fear and in a neutral clip, too: test a model on clips from the place
# where it will be used. :func:`~sklearn_temo.run_live` (:ref:`live`) reads a camera or a video, and
# returns a :class:`~sklearn_temo.live.LiveSummary`.
