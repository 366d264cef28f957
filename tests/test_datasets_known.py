"""CK+ and RAVDESS, on folders with the structure of their archives."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_ckplus, load_ravdess


def plant(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def label(root, sequence, text, tree="Emotion", last=3):
    person, number = sequence.split("/")
    path = root / tree / sequence / f"{person}_{number}_{last:08d}_emotion.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def images(sequence, numbers=(1, 2, 3), tree="cohn-kanade-images"):
    person, number = sequence.split("/")
    return [f"{tree}/{sequence}/{person}_{number}_{i:08d}.png" for i in numbers]


@pytest.fixture
def ckplus(tmp_path):
    """Three sequences with an emotion, one with an empty label folder, one without."""
    for sequence in ("S010/002", "S010/001", "S005/001", "S111/004", "S999/001"):
        plant(tmp_path, *images(sequence))
    plant(tmp_path, "cohn-kanade-images/.DS_Store", "cohn-kanade-images/S010/.DS_Store")
    plant(tmp_path, "cohn-kanade-images/S010/001/.DS_Store", "Emotion/.DS_Store")
    label(tmp_path, "S010/002", "   7.0000000e+00\n")
    label(tmp_path, "S010/001", "   2.0000000e+00\n")
    label(tmp_path, "S005/001", "   3.0000000e+00\n")
    (tmp_path / "Emotion" / "S111" / "004").mkdir(parents=True)
    return tmp_path


def names(clip):
    return [Path(path).name for path in clip]


def test_labelled_sequences_are_clips(ckplus):
    bunch = load_ckplus(ckplus)
    assert bunch.sequences.tolist() == ["S005/001", "S010/001", "S010/002"]
    assert bunch.target.tolist() == ["disgust", "contempt", "surprise"]
    assert bunch.groups.tolist() == ["S005", "S010", "S010"]
    assert bunch.target_names.tolist() == ["contempt", "disgust", "surprise"]
    assert all(type(clip) is tuple for clip in bunch.data)
    assert bunch.data[0] == tuple(str(ckplus / name) for name in images("S005/001"))
    assert "10.1109/CVPRW.2010.5543262" in bunch.DESCR
    data, target = load_ckplus(str(ckplus), return_X_y=True)
    assert data == bunch.data
    np.testing.assert_array_equal(target, bunch.target)


def test_images_are_ordered_by_number(tmp_path):
    plant(tmp_path, *images("S052/004", (10, 9, 8, 100)))
    plant(tmp_path, "cohn-kanade-images/S052/004/._S052_004_00000001.png")
    plant(tmp_path, "cohn-kanade-images/S052/004/notes_1.txt")
    label(tmp_path, "S052/004", "6.0", last=100)
    numbers = [int(name.split("_")[2][:8]) for name in names(load_ckplus(tmp_path).data[0])]
    assert numbers == [8, 9, 10, 100]
    (neutral_apex,) = load_ckplus(tmp_path, frames="neutral_apex").data
    assert names(neutral_apex) == ["S052_004_00000008.png", "S052_004_00000100.png"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("S005_002_00000002.png", "S005_002_00000002.png, a file of another sequence"),
        ("S005_001_00000002.jpg", "image 2 twice: S005_001_00000002.jpg and S005_001_0000"),
    ],
)
def test_images_of_another_sequence_and_repeated_images_are_errors(ckplus, name, message):
    plant(ckplus, f"cohn-kanade-images/S005/001/{name}")
    with pytest.raises(ValueError, match=message):
        load_ckplus(ckplus)


def test_a_label_of_another_sequence_is_an_error(ckplus):
    path = ckplus / "Emotion/S005/001/S005_001_00000003_emotion.txt"
    path.rename(path.with_name("S005_002_00000003_emotion.txt"))
    with pytest.raises(ValueError, match=r"S005_002_00000003_emotion\.txt, a file of another"):
        load_ckplus(ckplus)


def test_a_link_to_a_parent_folder_is_not_a_copy(ckplus):
    (ckplus / "again").symlink_to(ckplus, target_is_directory=True)
    data = load_ckplus(ckplus).data
    assert data[0] == tuple(str(ckplus / name) for name in images("S005/001"))


def test_contempt_only_is_an_error_if_it_is_omitted(tmp_path):
    plant(tmp_path, *images("S052/004"))
    label(tmp_path, "S052/004", "2.0")
    with pytest.raises(ValueError, match=r"has an emotion \(include_contempt=False\)"):
        load_ckplus(tmp_path, include_contempt=False)


def test_contempt_can_be_omitted(ckplus):
    assert load_ckplus(ckplus, include_contempt=False).target.tolist() == ["disgust", "surprise"]


def test_emotions_of_ckplus(tmp_path):
    for value in range(8):
        plant(tmp_path, *images(f"S{value:03d}/001"))
        label(tmp_path, f"S{value:03d}/001", f"   {value:.7e}\n")
    expected = "neutral anger contempt disgust fear happiness sadness surprise"
    assert " ".join(load_ckplus(tmp_path).target) == expected


@pytest.mark.parametrize(
    ("image_tree", "label_tree"),
    [
        ("extended-cohn-kanade-images/cohn-kanade-images", "Emotion_labels/Emotion"),
        ("CK+/cohn-kanade-images", "CK+/Emotion"),
        ("a/b/Cohn-Kanade-Images", "a/b/Emotion"),
        ("extended-cohn-kanade-images", "Emotion_labels"),
    ],
)
def test_trees_are_found_below_the_folder(tmp_path, image_tree, label_tree):
    plant(tmp_path, *images("S005/001", tree=image_tree))
    plant(tmp_path, *images("S005/001", tree=f"__MACOSX/{image_tree}"))
    label(tmp_path, "S005/001", "1", tree=label_tree)
    assert load_ckplus(tmp_path).target.tolist() == ["anger"]


def test_missing_and_repeated_trees_are_errors(tmp_path, ckplus):
    with pytest.raises(FileNotFoundError, match=r"data_home=.*nowhere.*no such folder"):
        load_ckplus(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no folder 'cohn-kanade-images' .* pass the fold"):
        load_ckplus(ckplus / "Emotion")
    with pytest.raises(FileNotFoundError, match=r"no folder 'emotion' with folders such as S005"):
        load_ckplus(ckplus / "cohn-kanade-images")
    plant(ckplus, *images("S005/001", tree="copy/cohn-kanade-images"))
    with pytest.raises(ValueError, match=r"2 copies of the same part of CK\+ \(.*copy"):
        load_ckplus(ckplus)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("8.0", r"S005_001_00000003_emotion.txt' holds the label '8.0'; expected .* from 0 to 7"),
        ("-1", "holds the label '-1'"),
        ("2.5", "holds the label '2.5'"),
        ("nan", "holds the label 'nan'"),
        ("", "holds the label ''"),
        ("disgust", "holds the label 'disgust'"),
    ],
)
def test_an_invalid_label_is_an_error(ckplus, text, message):
    label(ckplus, "S005/001", text)
    with pytest.raises(ValueError, match=message):
        load_ckplus(ckplus)


def test_two_labels_of_a_sequence_are_an_error(ckplus):
    label(ckplus, "S005/001", "1", last=4)
    with pytest.raises(ValueError, match="holds 2 labels"):
        load_ckplus(ckplus)


def test_no_label_is_an_error(tmp_path):
    plant(tmp_path, *images("S005/001"))
    (tmp_path / "Emotion" / "S005" / "001").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"no sequence in .* has an emotion"):
        load_ckplus(tmp_path)


def test_a_label_without_images_is_an_error(ckplus):
    label(ckplus, "S011/001", "1")
    with pytest.raises(FileNotFoundError, match=r"S011/001 has an emotion \(anger\), but .* no im"):
        load_ckplus(ckplus)


def test_neutral_and_apex_need_two_images(tmp_path):
    plant(tmp_path, *images("S005/001", (1,)))
    label(tmp_path, "S005/001", "1", last=1)
    assert len(load_ckplus(tmp_path).data[0]) == 1
    with pytest.raises(ValueError, match="S005/001 has the single image"):
        load_ckplus(tmp_path, frames="neutral_apex")
    with pytest.raises(ValueError, match='frames must be "sequence" or "neutral_apex", got 2'):
        load_ckplus(tmp_path, frames=2)


def test_a_truncated_sequence_is_a_warning(ckplus):
    (ckplus / images("S010/001", [3])[0]).unlink()
    message = r"1 sequences .*: S010/001 ends with image 2, not 3\."
    with pytest.warns(UserWarning, match=message) as record:
        bunch = load_ckplus(ckplus, frames="neutral_apex")
    assert record[0].filename == __file__
    assert names(bunch.data[1]) == ["S010_001_00000001.png", "S010_001_00000002.png"]


@pytest.mark.parametrize("frames", ["sequence", "neutral_apex"])
def test_from_ckplus_to_landmarks(tmp_path, cremad_frames, frames):
    for person, clip, emotion in (("S005", cremad_frames[0], 1), ("S010", cremad_frames[3], 5)):
        paths = images(f"{person}/001", (4, 5, 6))
        plant(tmp_path, *paths)
        for path, pixels in zip(paths, clip[[0, 10, 20]], strict=True):
            Image.fromarray(pixels).save(tmp_path / path)
        label(tmp_path, f"{person}/001", f"   {emotion:.7e}\n", last=6)
    clips, emotions = load_ckplus(tmp_path, frames=frames, return_X_y=True)
    X = FaceLandmarkTransformer(n_frames=2).transform(clips)
    assert X.shape == (2, 2 * 468 * 3)
    assert np.isfinite(X).all()
    # Both use the first and the last frame.
    videos = [cremad_frames[0][[0, 20]], cremad_frames[3][[0, 20]]]
    np.testing.assert_array_equal(X, FaceLandmarkTransformer(n_frames=2).transform(videos))
    assert emotions.tolist() == ["anger", "happiness"]


@pytest.fixture
def ravdess(tmp_path):
    plant(
        tmp_path,
        "Actor_12/01-01-06-01-02-01-12.mp4",
        "Actor_12/02-01-06-01-02-01-12.mp4",
        "Actor_12/02-02-03-02-01-02-12.mp4",
        "Video_Speech_Actor_01/Actor_01/01-01-01-01-01-01-01.mp4",
        # Not videos of RAVDESS: extension, audio only, hidden.
        "Actor_12/03-01-06-01-02-01-12.wav",
        "Actor_12/03-01-06-01-02-01-12.mp4",
        "Actor_12/01-01-06-01-02-01-12.csv",
        "Actor_12/._01-01-06-01-02-01-12.mp4",
        ".trash/01-01-06-01-02-01-11.mp4",
        "readme.txt",
    )
    return tmp_path


def stems(paths):
    return [Path(path).stem for path in paths]


def test_file_names_describe_the_videos(ravdess):
    bunch = load_ravdess(ravdess)
    assert stems(bunch.data) == [
        "01-01-01-01-01-01-01",
        "01-01-06-01-02-01-12",
        "02-02-03-02-01-02-12",
    ]
    assert all(Path(path).is_file() for path in bunch.data)
    assert bunch.target.tolist() == ["neutral", "fear", "happiness"]
    assert bunch.target_names.tolist() == ["fear", "happiness", "neutral"]
    assert bunch.groups.tolist() == ["01", "12", "12"]
    assert bunch.modality.tolist() == ["audio-video", "audio-video", "video-only"]
    assert bunch.channel.tolist() == ["speech", "speech", "song"]
    assert bunch.intensity.tolist() == ["normal", "normal", "strong"]
    kids, dogs = "Kids are talking by the door", "Dogs are sitting by the door"
    assert bunch.statement.tolist() == [kids, dogs, kids]
    assert bunch.repetition.tolist() == [1, 1, 2]
    assert "10.1371/journal.pone.0196391" in bunch.DESCR
    data, target = load_ravdess(str(ravdess), return_X_y=True)
    assert data == bunch.data
    np.testing.assert_array_equal(target, bunch.target)


def test_modality_and_channel_select_videos(ravdess):
    assert stems(load_ravdess(ravdess, modality="video-only").data) == [
        "02-01-06-01-02-01-12",
        "02-02-03-02-01-02-12",
    ]
    assert len(load_ravdess(ravdess, modality="audio-video").data) == 2
    assert stems(load_ravdess(ravdess, channel="song").data) == ["02-02-03-02-01-02-12"]
    assert len(load_ravdess(ravdess, channel="speech").data) == 2
    for wrong in ({"modality": "01"}, {"channel": "sung"}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
            load_ravdess(ravdess, **wrong)


def test_emotions_of_ravdess(tmp_path):
    plant(tmp_path, *(f"01-01-0{number}-01-01-01-01.mp4" for number in range(1, 9)))
    expected = "neutral calm happiness sadness anger fear disgust surprise"
    assert " ".join(load_ravdess(tmp_path).target) == expected


def test_videos_with_other_names_are_an_error(ravdess):
    plant(ravdess, "holiday.mp4", "Actor_12/01-01-06-01-02-01-12 (1).mp4")
    with pytest.raises(ValueError, match=r"2 videos in .* \(holiday.mp4, Actor_12.*\(1\).mp4\)"):
        load_ravdess(ravdess)


@pytest.mark.parametrize(
    ("stem", "message"),
    [
        ("04-01-06-01-02-01-12", "unknown modality 04; expected 01 to 02"),
        ("01-01-09-01-02-01-12", "unknown emotion 09; expected 01 to 08"),
        ("01-01-06-01-02-01-25", "unknown actor 25; expected 01 to 24"),
    ],
)
def test_unknown_numbers_of_a_name_are_an_error(tmp_path, stem, message):
    plant(tmp_path, f"{stem}.mp4")
    with pytest.raises(ValueError, match=f"{stem}.mp4': {message}"):
        load_ravdess(tmp_path)


def test_a_repeated_recording_is_an_error(ravdess):
    plant(ravdess, "copy/01-01-06-01-02-01-12.mp4")
    with pytest.raises(ValueError, match=r"Actor_12.* and .*copy.* have the same file name"):
        load_ravdess(ravdess)


def test_no_videos_are_an_error(tmp_path, ravdess):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        load_ravdess(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no videos .* among the 0 videos"):
        load_ravdess(tmp_path / "empty")
    only = tmp_path / "Video_Speech_Actor_01"
    with pytest.raises(ValueError, match=r"channel='song' among the 1 videos"):
        load_ravdess(only, channel="song")
