"""
3. Which landmarks mattered, and when
=====================================

You will learn to fit the pipeline on 102 people, to see which landmarks it uses, and to explain its
output for single frames of a person whom it has never seen, including where it is wrong.
"""

# %%
# Fit on 102 people
# -----------------
# :func:`~sklearn_temo.datasets.load_london_smiles` returns the landmarks of two photographs of
# each of 102 people, one neutral and one smiling. Each row has one frame.
#
# :func:`~sklearn_temo.make_temo_pipeline` aligns the landmarks, keeps the `k` most relevant ones,
# and classifies with a small network. ``randomized=True`` fits this network in closed form, which
# takes a fraction of a second. This classifier is called "T-EMO, randomized". Without the option,
# the network is trained, see :ref:`classification`.

from sklearn_temo import TEMOClassifier, make_temo_pipeline
from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
pipe = make_temo_pipeline(
    landmarks="passthrough",  # the rows are landmarks already
    k=32,
    rotation="full",
    classifier=TEMOClassifier(randomized=True),
    random_state=0,
)
pipe.fit(smiles.data, smiles.target)
print(f"fitted to {len(smiles.data)} photographs of {len(set(smiles.groups))} people")

# %%
# Which landmarks mattered
# ------------------------
# The :term:`relevance` of a landmark says how much it contributes to the network's output over all
# photographs. It is computed by :term:`Integrated Gradients`. The drawn face is the mean of the
# smiling photographs. Larger and stronger in colour is more relevant; hollow points are not used.

import matplotlib.pyplot as plt

from sklearn_temo import LandmarkRelevanceDisplay

is_smile = smiles.target == "happiness"
LandmarkRelevanceDisplay.from_estimator(
    pipe, smiles.data[is_smile], annotate="regions", per_class=False
)
plt.gcf().suptitle("Relevance of the landmarks for a smile, on the mean smiling face")
plt.show()

# %%

import numpy as np

from sklearn_temo import mesh

kept = pipe["select"].get_landmark_support()
scores = pipe["select"].landmark_scores_
for region in mesh.REGIONS:
    inside = mesh.regions() == region
    print(
        f"{region:12} {(kept & inside).sum():2} of {inside.sum():2} landmarks kept, "
        f"relevance {scores[inside].mean() / scores.mean():.1f} times the mean"
    )

# %%
# The corners of the mouth are the most relevant, and nearly half of the 32 landmarks belong to the
# lips. But the selector also keeps landmarks of the forehead and of the outline, which a smile
# hardly moves: the network uses whatever separates the photographs. :ref:`The last page
# <sphx_glr_tutorial_plot_5_controls.py>` tests how much this choice matters.

# %%
# When: a person the model has never seen
# ---------------------------------------
# The fitted model takes one frame. 31 frames of each of the six clips of the actor are rows, so the
# model gives a :term:`logit` of a smile for each of these frames: above 0 the model predicts
# happiness, below 0 neutral. The scale on the right shows the same as a probability. Grey lines
# lead from the faces of the clip of happiness to their times.

from matplotlib.patches import ConnectionPatch
from scipy.special import expit, logit

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_cremad_sample

sample = load_cremad_sample()
emotions = sample.target.tolist()
extractor = FaceLandmarkTransformer(n_frames=31)
clips = extractor.extract(sample.data)


def smile_logit(landmarks):
    """Logit of a smile in each frame; decision_function is that of the second class, neutral."""
    return -pipe.decision_function(landmarks.reshape(len(landmarks), -1))


logits = {
    emotion: smile_logit(clip.landmarks) for emotion, clip in zip(emotions, clips, strict=True)
}

happy = emotions.index("happiness")
images = extractor.read_frames(sample.data[happy])
times = clips[happy].times
shown = np.linspace(0, len(times) - 1, 8).round().astype(int)
left, top = clips[happy].landmarks[..., :2].min(axis=(0, 1)).astype(int) - 10
right, bottom = clips[happy].landmarks[..., :2].max(axis=(0, 1)).astype(int) + 10

fig = plt.figure(figsize=(9, 6.4), layout="constrained")
grid = fig.add_gridspec(2, 8, height_ratios=[1, 3])
ax = fig.add_subplot(grid[1, :])
for column, frame in enumerate(shown):
    face = fig.add_subplot(grid[0, column])
    face.imshow(images[frame, top:bottom, left:right])
    face.set_title(f"{times[frame]:.2f} s", fontsize="small")
    face.set_axis_off()
    time = (times[frame], logits["happiness"][frame])
    line = ConnectionPatch(
        (0.5, 0), time, face.transAxes, ax.transData, color="grey", linewidth=0.8, zorder=1
    )
    line.set_in_layout(False)
    ax.add_artist(line)
    ax.plot(*time, "o", color="#D55E00")
colours = ["#E69F00", "#009E73", "#CC79A7", "#D55E00", "#0072B2", "#999999"]
for emotion, clip, colour in zip(emotions, clips, colours, strict=True):
    width = 3 if emotion in ("happiness", "neutral") else 1.2
    ax.plot(clip.times, logits[emotion], color=colour, linewidth=width, label=emotion)
ax.axhline(0, color="black", linestyle=":", linewidth=1)
ax.set_xlabel("time in seconds")
ax.set_ylabel("logit of a smile")
right_axis = ax.secondary_yaxis("right", functions=(expit, lambda p: logit(np.clip(p, 1e-6, 1))))
ticks = [0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999]
right_axis.set_yticks(ticks, ticks)
right_axis.set_ylabel("probability of a smile")
fig.legend(frameon=False, ncols=6, loc="outside lower center")
fig.suptitle("Frames of the clip of happiness, and the logit of a smile in all six clips")
plt.show()

# %%

print("frames in which the model predicts a smile, and median logit of the last 0.5 s")
for emotion, clip in zip(emotions, clips, strict=True):
    at_end = logits[emotion][clip.times > clip.times[-1] - 0.5]
    print(f"{emotion:10} {np.mean(logits[emotion] > 0):4.0%}   {np.median(at_end):+.1f}")

# %%
# The curve of happiness is the highest one while he smiles without speaking, at the beginning and
# at the end. But the threshold of 0 is useless for this person: the model predicts a smile in
# nearly all frames, those of the neutral clip included. Two reasons can be seen:
#
# - His resting face. When he has stopped speaking in the neutral clip, the logit is still above 0.
#   A single frame does not tell the model whether he smiles, or whether his face always has a
#   shape like this.
# - Speech. Most curves fall at about 0.5 s and rise to a peak at about 1.2 s: the actor speaks the
#   same sentence in all clips. Nobody speaks in the photographs that the model was fitted to.
#
# Why: explain single frames
# --------------------------
# :func:`~sklearn_temo.explain_clips` compares the logit of one clip with that of the
# :term:`baselines <baseline>`, by default typical photographs of the London set. It divides the
# difference among the landmarks: the :term:`share` of a landmark is its contribution to the
# difference. It is positive if the landmark speaks for a smile, and negative if it speaks against
# it. Here a clip is one frame, passed as an image, and an extractor in front of the fitted steps
# finds the landmarks in it. The display then shows them on the photograph: orange landmarks speak
# for a smile, blue ones against it. The bars of a region are the sums of its positive and of its
# negative shares, and the black tick is the sum of both. This is the frame of happiness with the
# largest logit:

from sklearn.pipeline import Pipeline

from sklearn_temo import ClipExplanationDisplay, explain_clips

filmed = Pipeline([("landmarks", FaceLandmarkTransformer(n_frames=1)), *pipe.steps[1:]])


def frame_of(emotion, number):
    """One frame of a clip, as a clip of its own."""
    return extractor.read_frames(sample.data[emotions.index(emotion)])[[number]]


surest = logits["happiness"].argmax()
print(f"frame of happiness with the largest logit: at {times[surest]:.2f} s")
smiling = frame_of("happiness", surest)
explanation = explain_clips(filmed, [smiling], target="happiness")
display = ClipExplanationDisplay.from_explanation(explanation, part="all")
display.figure_.suptitle("Happiness: shares of the landmarks in the logit of a smile")
plt.show()

# %%
# The shares add up to the difference of the logits. The lips have the largest share, but the
# forehead has one as well. Now the same for the frame of the *neutral* clip with the largest logit,
# which is a wrong prediction:

speaking = frame_of("neutral", logits["neutral"].argmax())
explanation = explain_clips(filmed, [speaking], target="happiness")
display = ClipExplanationDisplay.from_explanation(explanation, part="all")
display.figure_.suptitle("Neutral: shares of the landmarks in the logit of a smile")
plt.show()

# %%
# He opens his mouth to speak, and the model counts the lowered lower lip as a smile.
#
# A share depends on what a clip is compared with. With his own resting face as the baseline, the
# shares show what differs from his resting face. The shape of his face then has no share:

resting = frame_of("neutral", -1)
frames = {"happiness": [smiling], "neutral": [speaking]}
for baselines, words in (("typical", "typical photographs"), ([resting], "his own resting face")):
    print(f"compared with {words}:")
    for emotion, frame in frames.items():
        explanation = explain_clips(filmed, frame, target="happiness", baselines=baselines)
        shares = {name: share.sum() for name, share in explanation.by_region().items()}
        listed = ", ".join(f"{name} {shares[name]:+.1f}" for name in ("lips", "forehead"))
        print(f"    {emotion}: {listed}, all regions {sum(shares.values()):+.1f}")

# %%
# The lips keep their share. The forehead loses all of it in the neutral frame, and part of it in
# the smile, since its shape is his own. The rest, +0.9, is unexplained: he raises his brows in this
# clip, but :ref:`hardly yet at 0.19 s <sphx_glr_tutorial_plot_2_landmarks.py>`. The wrong
# prediction stays wrong: compared with his closed mouth, the spoken vowel still counts as a smile.
#
# An explanation says which landmarks the network used, not what causes a smile, and not that the
# output is right: it is as detailed for the wrong prediction as for the right one. A share can be
# divided among neighbouring landmarks in many ways, so read regions rather than single points.
#
# Next: :ref:`4. People never seen <sphx_glr_tutorial_plot_4_new_people.py>` measures how often the
# model is right on new people. More about this step: :ref:`selection`, :ref:`explaining`, and
# :ref:`sphx_glr_auto_examples_plot_timeline.py` for models that take whole clips, in which the
# first frame is the person's own reference.
