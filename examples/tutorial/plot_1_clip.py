"""
1. A clip becomes numbers
=========================

You will learn what goes into the toolkit (a list of clips), what comes out (one row of numbers for
each clip), and how to see whether a face was found.
"""

# %%
# Six filmed clips
# ----------------
# A :term:`clip` is one sample: a video, a part of a video, an image, or an array of frames, with
# one label. The package includes six clips of CREMA-D, in which one actor speaks the same sentence
# with six emotions. He was asked to show the emotion; the label does not say what he felt.

from pathlib import Path

from sklearn_temo.datasets import load_cremad_sample

sample = load_cremad_sample()
paths, emotions = sample.data, sample.target

print(f'The sentence: "{sample.sentences[sample.sentence[0]]}"')
for path, emotion in zip(paths, emotions, strict=True):
    print(f"{Path(path).name:20} {emotion}")

# %%
# What goes in: frames
# --------------------
# :class:`~sklearn_temo.FaceLandmarkTransformer` takes a list of paths. It does not use every frame
# of a video, but `n_frames` frames that are evenly spaced in time, from the first to the last. All
# rows then have the same length, however long the clips are. `read_frames` returns the images of
# these frames, and `extract` their times.

import matplotlib.pyplot as plt

from sklearn_temo import FaceLandmarkTransformer

extractor = FaceLandmarkTransformer(n_frames=8)
happy = paths[emotions.tolist().index("happiness")]
images = extractor.read_frames(happy)
(clip,) = extractor.extract([happy])
width, height = clip.size
print(f"{clip.fps:.2f} frames per second in the file, {width} x {height} pixels")

fig, axes = plt.subplots(2, 4, figsize=(9, 3.9), layout="constrained")
for ax, image, time in zip(axes.flat, images, clip.times, strict=True):
    ax.imshow(image)
    ax.set_title(f"{time:.2f} s", fontsize="medium")
    ax.set_axis_off()
fig.suptitle("Eight frames of the clip of happiness: the actor speaks and smiles")
plt.show()

# %%
# What comes out: rows
# --------------------
# MediaPipe finds 468 landmarks in the face of each frame. A :term:`landmark` is a numbered point,
# such as a corner of the mouth, with three coordinates in pixels: x to the right, y down, and z
# away from the camera. A row holds the frames of one clip, one after the other.

X = extractor.fit_transform(paths)

n_rows, n_columns = X.shape
print(f"{n_rows} rows, one for each clip")
print(f"{n_columns} columns: 8 frames x 468 landmarks x 3 coordinates = {8 * 468 * 3}")

# %%
# Each :term:`column` has a name: frame, landmark and coordinate. Landmark 61 is the right corner
# of the mouth. Right and left are the person's own, so the right corner is on the left of the
# picture.

names = extractor.get_feature_names_out().tolist()
row = emotions.tolist().index("happiness")
for frame in range(8):
    x, y = (X[row, names.index(f"f{frame:03d}_p061_{axis}")] for axis in "xy")
    print(f"f{frame:03d}_p061_x = {x:5.1f} pixels, f{frame:03d}_p061_y = {y:5.1f} pixels")

# %%
# The corner of the mouth moves through the picture. These numbers do not tell whether the mouth or
# the head moves; :ref:`the next page <sphx_glr_tutorial_plot_2_landmarks.py>` separates the two.
#
# Was a face found?
# -----------------
# If no face is found in a frame, its landmarks are filled in from neighbouring frames. The row does
# not show this, but the report of the last run does: read it before you use the rows.

print(extractor.report_)

# %%
# There was a face in every frame that was searched. With your own clips, a face may be missing,
# too small, or one of several: the report then lists the clip with the reason, and a warning says
# so. :ref:`extraction` describes what can be done about it.
#
# Next: :ref:`2. Landmarks become movements <sphx_glr_tutorial_plot_2_landmarks.py>`. More about
# this step: :ref:`own_clips` for your own folder of clips, :ref:`layout` for the order of the
# columns, :ref:`engines` for what runs the networks.
