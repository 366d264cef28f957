"""
Your own clips: which of them can be used, and who is in them?
==============================================================

Clips of your own are read from folders. This example lists them, extracts their landmarks although
one file is broken, names the clips that cannot be trusted, and splits the others by person.
"""

# %%
# Folders: emotion / person / clip
# --------------------------------
# A folder is made from the clips that the package includes. All of them show the same actor, so the
# two people here are not real: `ann` is the actor in the videos, and `bob` is the actor in folders
# of numbered images, mirrored. Two things go wrong on purpose: a video of bob is cut off, and in
# most images of his fear something is in front of his face.

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_cremad_sample

sample = load_cremad_sample()
folder = TemporaryDirectory()
root = Path(folder.name, "clips")
for emotion, video in zip(sample.target, sample.data, strict=True):
    ann, bob = root / emotion / "ann", root / emotion / "bob"
    ann.mkdir(parents=True)
    shutil.copy(video, ann / "1.flv")
    (bob / "1").mkdir(parents=True)
    for number, frame in enumerate(FaceLandmarkTransformer(n_frames=8).read_frames(video)):
        image = frame[:, ::-1].copy()
        if emotion == "fear" and number > 2:
            image[60:300] = 128
        plt.imsave(bob / "1" / f"frame{number}.png", image)
cut_off = root / "happiness" / "bob" / "2.flv"
cut_off.write_bytes(Path(sample.data[3]).read_bytes()[:90_000])

# %%
# List the clips
# --------------
# :func:`~sklearn_temo.datasets.load_clip_folder` opens no clip. It reads the emotion and the person
# from the names of the folders. A folder of numbered images is one clip.

import numpy as np

from sklearn_temo.datasets import load_clip_folder

clips = load_clip_folder(root)
names = [str(Path(path).relative_to(root)) for path in clips.data]
print(f"{len(names)} clips of {', '.join(np.unique(clips.groups))}:")
print(*names, sep="\n")

# %%
# Extract the landmarks
# ---------------------
# With ``on_error="skip-with-nan"``, a broken clip becomes a row of NaN and does not end the run.
# ``memory`` is a folder for the landmarks: a second run finds them there. Two warnings point to
# ``report_`` (:class:`~sklearn_temo.extraction.ExtractionReport`), which names each clip:
# :class:`~sklearn_temo.extraction.SkippedClipsWarning` for clips that could not be used, and
# :class:`~sklearn_temo.extraction.DoubtfulClipsWarning` for clips whose landmarks may be wrong.

import warnings

transformer = FaceLandmarkTransformer(
    n_frames=8, memory=Path(folder.name, "cache"), on_error="skip-with-nan"
)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    X = transformer.fit_transform(clips.data)
print("warnings:", *[each.category.__name__ for each in caught])

report = transformer.report_
for title, reported in {"skipped": report.skipped, "doubtful": report.doubtful}.items():
    for clip in reported:
        reason = clip.reason.removeprefix(f"clip {clip.index} ({clip.source!r}): ")
        print(f"{title}: {names[clip.index]}\n    {reason}")

# %%
# Look at the result
# ------------------
# Left: the frames in which a face was found. Right: how far the mouth is open, which is the
# distance between the inner lips (landmarks 13 and 14) divided by the distance between the outer
# corners of the eyes (33 and 263). Both people have almost the same line here, because bob is the
# mirror image of ann. The line of the doubtful clip becomes constant: after its third frame, the
# last face that was found is repeated.

usable = np.full(len(names), True)
usable[[clip.index for clip in report.skipped]] = False
doubtful = np.full(len(names), False)
doubtful[[clip.index for clip in report.doubtful]] = True

points = X.reshape(len(X), 8, 468, 3)
opening = np.linalg.norm(points[:, :, 13] - points[:, :, 14], axis=-1)
opening /= np.linalg.norm(points[:, :, 33] - points[:, :, 263], axis=-1)

fig = plt.figure(figsize=(10, 4.6), layout="constrained")
fig.suptitle(
    f"{len(report.skipped)} of {len(names)} clips cannot be used, and "
    f"{len(report.doubtful)} has a face in less than half of its frames"
)
left, right = fig.subfigures(1, 2, width_ratios=[1, 1.5])
ax = left.subplots()
found = np.array(report.n_frames_with_face)
colours = np.where(~usable, "none", np.where(doubtful, "#D55E00", "#0072B2"))
ax.barh(range(len(names)), 8, color="0.9", height=0.7)
ax.barh(range(len(names)), found, color=colours, height=0.7)
for i in np.flatnonzero(~usable):
    ax.annotate("cut off: skipped", (0.2, i), va="center", fontsize="small")
for i in np.flatnonzero(doubtful):
    ax.annotate("doubtful", (found[i] + 0.2, i), va="center", fontsize="small")
ax.set_yticks(range(len(names)), names, fontsize="small")
ax.invert_yaxis()
ax.set(xlabel="frames with a face, of 8", xlim=(0, 8))

axes = right.subplots(2, 3, sharex=True, sharey=True)
for ax, emotion in zip(axes.flat, clips.target_names, strict=True):
    for person, style in {"ann": "o-", "bob": "s--"}.items():
        chosen = (clips.target == emotion) & (clips.groups == person) & usable
        colour = "#D55E00" if (doubtful & chosen).any() else "#0072B2"
        ax.plot(range(1, 9), opening[chosen][0], style, color=colour, markersize=4, label=person)
    ax.set_title(emotion, fontsize="medium")
axes[0, 0].legend(fontsize="small")
axes[1, 1].set_xlabel("frame")
right.supylabel("opening of the mouth / width of the eyes", fontsize="medium")
plt.show()

# %%
# Split by person
# ---------------
# Leave the bad clips out of ``X``, the labels and the groups. A splitter that takes ``groups`` then
# keeps all clips of a person on one side.

from sklearn.model_selection import LeaveOneGroupOut

good = usable & ~doubtful
y, people = clips.target[good], clips.groups[good]
for train, test in LeaveOneGroupOut().split(X[good], y, groups=people):
    print(f"train: {len(train)} clips of", *np.unique(people[train]), end="; ")
    print(f"test: {len(test)} clips of", *np.unique(people[test]))

# %%
# Parts of files, and a table of landmarks
# ----------------------------------------
# A CSV file can list clips that are parts of longer files:
# :func:`~sklearn_temo.datasets.load_clip_list` returns a
# :class:`~sklearn_temo.extraction.ClipWindow` for each. ``extract`` returns
# :class:`~sklearn_temo.extraction.ClipLandmarks` with times and blendshapes, which
# :func:`~sklearn_temo.extraction.save_landmarks` writes to a table for other programs.

from sklearn_temo.datasets import load_clip_list
from sklearn_temo.extraction import close_landmarkers, load_landmarks, save_landmarks

rows = ["path,label,group,onset,offset"]
rows += ["happiness/ann/1.flv,happiness,ann,0.4,1.2", "anger/ann/1.flv,anger,ann,1,"]
(root / "parts.csv").write_text("\n".join(rows))
parts = load_clip_list(root / "parts.csv")
found = FaceLandmarkTransformer(n_frames=4).extract(parts.data)
save_landmarks(root / "parts.npz", found, labels=parts.target, groups=parts.groups)

table = load_landmarks(root / "parts.npz")
for label, times in zip(table.labels, table.times, strict=True):
    print(f"{label}: frames at", *times.round(2), "s")

close_landmarkers()  # free the memory of MediaPipe
folder.cleanup()

# %%
# What to conclude
# ----------------
# Read ``report_`` before anything else. The mouth opens in all six clips, since the actor speaks in
# all of them: a movement in a clip need not belong to its emotion. Two folders are not two people:
# nothing can be learned about new people from one actor. Known data sets have functions of their
# own: :func:`~sklearn_temo.datasets.load_ckplus`, :func:`~sklearn_temo.datasets.load_ravdess` and
# :func:`~sklearn_temo.datasets.fetch_cremad`.
