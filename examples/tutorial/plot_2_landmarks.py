"""
2. Landmarks become movements
=============================

You will learn which points of the face the landmarks are, how a movement is measured with them,
and what :class:`~sklearn_temo.LandmarkAligner` removes.
"""

# %%
# Landmarks on the photograph
# ---------------------------
# With ``n_frames=None`` all frames of a clip are used. The landmarks are positions in the images
# that `read_frames` returns, so the landmarks can be drawn on these images.

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_cremad_sample

sample = load_cremad_sample()
extractor = FaceLandmarkTransformer(n_frames=None)
chosen = ["happiness", "neutral"]
paths = [sample.data[sample.target.tolist().index(emotion)] for emotion in chosen]
clips = dict(zip(chosen, extractor.extract(paths), strict=True))
for emotion, clip in clips.items():
    print(f"{emotion}: {len(clip.times)} frames in {clip.times[-1]:.1f} s")

# %%
# Each landmark belongs to one of ten regions, :func:`sklearn_temo.mesh.regions`. Later pages speak
# of regions rather than of single landmarks, because neighbouring landmarks move together.

import matplotlib.pyplot as plt

from sklearn_temo import mesh

image = extractor.read_frames(paths[0])[-1]
x, y = clips["happiness"].landmarks[-1, :, :2].T
# The colours of Okabe and Ito; the left and the right of the face share one.
parts = {
    "forehead": "#999999",
    "brow": "#D55E00",
    "eye": "#0072B2",
    "nose": "#F0E442",
    "cheek": "#CC79A7",
    "lips": "#009E73",
    "chin": "#56B4E9",
}

fig, axes = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
for ax in axes:
    ax.imshow(image)
    ax.set(xlim=(x.min() - 12, x.max() + 12), ylim=(y.max() + 12, y.min() - 12))
    ax.set_axis_off()
for part, colour in parts.items():
    inside = [region.endswith(part) for region in mesh.regions()]
    axes[1].plot(x[inside], y[inside], "o", markersize=3.5, color=colour, label=part)
axes[0].set_title("last frame of the clip of happiness")
axes[1].set_title("468 landmarks, coloured by region")
fig.legend(loc="outside right center", frameon=False, markerscale=2)
fig.suptitle("The landmarks on a filmed face")
plt.show()

# %%
# A movement in numbers
# ---------------------
# A smile pulls the corners of the mouth apart. Pixels depend on the distance of the person from
# the camera, so the width of the mouth is divided by the distance between the centres of the eyes.
# The eyebrows are measured in the same unit.

import numpy as np

right_corner, left_corner = 61, 291
brows = np.char.endswith(mesh.regions(), "brow")


def distance(a, b):
    """Distance of points in every frame."""
    return np.linalg.norm(a - b, axis=-1)


measured = {}
for emotion, clip in clips.items():
    faces = clip.landmarks
    eyes = mesh.eye_centres(faces)
    unit = distance(eyes[:, 0], eyes[:, 1])
    measured[emotion] = {
        "width of the mouth": distance(faces[:, right_corner], faces[:, left_corner]) / unit,
        "brows above the eyes": (eyes.mean(axis=1) - faces[:, brows].mean(axis=1))[:, 1] / unit,
    }

for name in measured["neutral"]:
    values = {emotion: np.median(lines[name]) for emotion, lines in measured.items()}
    print(f"{name}, median of the frames, in units of the distance between the eyes:")
    print("   ", ", ".join(f"{emotion} {value:.2f}" for emotion, value in values.items()))

# %%

style = {"happiness": {"color": "#D55E00"}, "neutral": {"color": "#0072B2", "linestyle": "--"}}
fig, axes = plt.subplots(2, 1, figsize=(8, 4.8), sharex=True, layout="constrained")
for ax, name in zip(axes, measured["neutral"], strict=True):
    for emotion, clip in clips.items():
        ax.plot(clip.times, measured[emotion][name], label=emotion, **style[emotion])
    ax.set_title(name)
    ax.set_ylabel("distance between\nthe eyes = 1")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].legend(frameon=False, ncols=2, loc="lower right")
axes[1].set_xlabel("time in seconds")
fig.suptitle("Mouth and brows over time, in happiness and neutral")
plt.show()

# %%
# In happiness the mouth is wider before the actor speaks, and again from about 1 s on. In between,
# speech changes its width as much as the smile does: around 0.4 s it is narrower than in the
# neutral clip. The brows are raised while he speaks, in both clips. A single frame, or a single
# landmark, does not tell the emotion.
#
# What the aligner removes
# ------------------------
# Much of the change in pixels is movement of the head. :class:`~sklearn_temo.LandmarkAligner`
# moves, turns and scales each frame so that the landmarks that expressions hardly move lie on
# those of a standard face. By default it removes the tilt of the head in the picture, and returns
# displacements from the first frame; only the first frame keeps its positions. ``rotation="full"``
# also removes nodding and turning. ``reference=None`` keeps the positions in all frames, which are
# drawn here.

from sklearn_temo import LandmarkAligner, LandmarkLayout

faces = clips["happiness"].landmarks
eyes = mesh.eye_centres(faces)
layout = LandmarkLayout(n_frames=len(faces), n_landmarks=468, n_coords=3)
row = faces.reshape(1, -1)

stages = {"as extracted": faces / distance(eyes[:, 0], eyes[:, 1]).mean()}
rotations = {
    "position, size and tilt removed": "in-plane",
    "nod and turn removed as well": "full",
}
for title, rotation in rotations.items():
    aligner = LandmarkAligner(n_frames=len(faces), rotation=rotation, reference=None)
    stages[title] = layout.unflatten(aligner.fit_transform(row))[0]

contours = np.concatenate(list(mesh.contours().values()))
fig, axes = plt.subplots(1, 3, figsize=(9.5, 4.2), layout="constrained")
for ax, (title, positions) in zip(axes, stages.items(), strict=True):
    for frame in positions[::5]:
        ends = frame[contours, :2] * [1, -1]
        ax.plot(*ends.transpose(2, 1, 0), color="#0072B2", linewidth=0.6, alpha=0.6)
    ax.set_title(title)
    ax.set_aspect("equal")
    ax.set_axis_off()
fig.suptitle("Every fifth frame of the clip of happiness, drawn on top of each other")
plt.show()

# %%
# In numbers: the standard deviation of the landmarks of two regions around their mean places in the
# clip, in units of the distance between the eyes:

for title, positions in stages.items():
    spread = np.hypot(*positions.std(axis=0)[:, :2].T)
    nose, lips = (spread[mesh.regions() == region].mean() for region in ("nose", "lips"))
    print(f"{title + ':':32} nose {nose:.3f}, lips {lips:.3f}")

# %%
# Before the alignment, the nose moves more than the lips, although a smile moves it little: the
# actor nods, which moves the nose up and down in the picture. Removing position, size and tilt
# takes most of this away, and the full rotation removes about half of the rest. The lips keep most
# of their movement. The full rotation relies on depth, which is an estimate of MediaPipe:
# :ref:`alignment` says when to use it, and has the numbers of all six clips.
#
# Next: :ref:`3. Which landmarks mattered, and when <sphx_glr_tutorial_plot_3_relevance.py>`. More
# about this step: :ref:`facial_actions` for movements with names, such as a smile on the left
# side, and :ref:`tables` for landmarks of other programs.
