"""
Your own clips: which of them can be used, and who is in them?
==============================================================

This example reads clips from folders, extracts their landmarks although one file is broken, names
the clips that cannot be trusted, and splits the others by person.
"""

# %%
# Folders: emotion / person / clip
# --------------------------------
# A folder is made from the clips of one actor that the package includes: ``ann`` is the actor in
# the videos, and ``bob`` is the same actor in folders of numbered images. Two things go wrong on
# purpose: most images of fear are black, and one video is cut off.

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import LeaveOneGroupOut

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_clip_folder, load_cremad_sample
from sklearn_temo.extraction import close_landmarkers

sample, folder = load_cremad_sample(), TemporaryDirectory()
root = Path(folder.name)
for emotion, video in zip(sample.target, sample.data, strict=True):
    ann, bob = root / emotion / "ann" / "1.flv", root / emotion / "bob" / "1"
    bob.mkdir(parents=True)
    ann.parent.mkdir()
    ann.write_bytes(Path(video).read_bytes())
    for number, frame in enumerate(FaceLandmarkTransformer(n_frames=8).read_frames(video)):
        hidden = emotion == "fear" and number > 2
        plt.imsave(bob / f"frame{number}.png", np.zeros_like(frame) if hidden else frame)
(root / "happiness" / "bob" / "2.flv").write_bytes(Path(sample.data[3]).read_bytes()[:90_000])

# %%
# List and extract
# ----------------
# :func:`~sklearn_temo.datasets.load_clip_folder` reads emotions and people from the folder names.
# Broken clips become rows of NaN. The :class:`~sklearn_temo.extraction.ExtractionReport` has a
# :class:`~sklearn_temo.extraction.ReportedClip`, with the reason, for each bad clip.

clips = load_clip_folder(root)
transformer = FaceLandmarkTransformer(n_frames=8, on_error="skip-with-nan")
with warnings.catch_warnings(action="ignore"):
    X = transformer.fit_transform(clips.data)
report = transformer.report_
names = [str(Path(path).relative_to(root)) for path in clips.data]
close_landmarkers()  # free the memory of MediaPipe
folder.cleanup()

state = np.full(len(names), "good", dtype=object)
for title, reported in {"skipped": report.skipped, "doubtful": report.doubtful}.items():
    for clip in reported:
        state[clip.index] = title
        print(f"{title}: {clip.reason.split('): ')[1]}\n")

found = report.n_frames_with_face
fig, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
ax.barh(names, found, color=np.where(state == "good", "#0072B2", "#D55E00"))
for i in np.flatnonzero(state != "good"):
    ax.annotate(state[i], (found[i] + 0.1, i), va="center")
ax.invert_yaxis()
ax.set(xlabel="frames with a face, of 8", xlim=(0, 8))
fig.suptitle("One of 13 clips cannot be used, and one has a face in less than half of its frames")
plt.show()

# %%
# The good clips are split by person:

people = clips.groups[state == "good"]
for train, test in LeaveOneGroupOut().split(X[state == "good"], groups=people):
    print("train:", *np.unique(people[train]), "test:", *np.unique(people[test]))

# %%
# What to conclude
# ----------------
# Two warnings (:class:`~sklearn_temo.extraction.SkippedClipsWarning` and
# :class:`~sklearn_temo.extraction.DoubtfulClipsWarning`) are hidden above: read ``report_`` first,
# and leave the bad clips out. Two folders are not two people: one actor says nothing about others.
# Parts of files: :func:`~sklearn_temo.datasets.load_clip_list`,
# :class:`~sklearn_temo.extraction.ClipWindow`. Tables of landmarks:
# :func:`~sklearn_temo.extraction.save_landmarks`, :func:`~sklearn_temo.extraction.load_landmarks`,
# :class:`~sklearn_temo.extraction.ClipLandmarks`. Data sets:
# :func:`~sklearn_temo.datasets.load_ckplus`, :func:`~sklearn_temo.datasets.load_ravdess`,
# :func:`~sklearn_temo.datasets.fetch_cremad`.
