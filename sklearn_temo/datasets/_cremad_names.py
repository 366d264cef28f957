"""Which clips CREMA-D has, and how they are called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ._cremad import EMOTIONS

_SHOWN = 12

_ACTORS = tuple(str(number) for number in range(1001, 1092))
SENTENCES = {
    "DFA": "Don't forget a jacket",
    "IEO": "It's eleven o'clock",
    "IOM": "I'm on my way to the meeting",
    "ITH": "I think I have a doctor's appointment",
    "ITS": "I think I've seen this before",
    "IWL": "I would like a new alarm clock",
    "IWW": "I wonder what this is about",
    "MTI": "Maybe tomorrow it will be cold",
    "TAI": "The airplane is almost full",
    "TIE": "That is exactly what happened",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}

# In one sentence all emotions but neutral were asked for in three intensities.
_GRADED = "IEO"
INTENSITIES = {"HI": "high", "LO": "low", "MD": "medium", "XX": "unspecified"}

# The scheme has 7,462 names; of these 20 the repository has no clips, and its list names none.
_ABSENT = {
    "1002_TIE_NEU_XX",
    "1076_ITS_NEU_XX",
    *(f"1008_WSI_{emotion}_XX" for emotion in EMOTIONS),
    *(f"1009_MTI_{emotion}_XX" for emotion in EMOTIONS),
    *(f"1019_ITH_{emotion}_XX" for emotion in EMOTIONS),
}


class ClipName(NamedTuple):
    """The parts of a clip's name, in their codes.

    Parameters
    ----------
    actor, sentence, emotion, intensity : str
    """

    actor: str
    sentence: str
    emotion: str
    intensity: str

    @property
    def file(self) -> str:
        """The file that holds the clip."""
        return "_".join(self) + ".flv"


def choose_names(
    actors: Iterable[str | int] | None,
    emotions: Iterable[str] | None,
    sentences: Iterable[str] | None,
) -> list[ClipName]:
    """Names of the clips that are wanted.

    Parameters
    ----------
    actors : iterable of str or int, or None
    emotions : iterable of str, or None
        By their names, not their codes.
    sentences : iterable of str, or None
        By their codes.

    Returns
    -------
    list of ClipName
        Sorted.

    Raises
    ------
    TypeError, ValueError
        If one of them is not known, or there is no clip of them.
    """
    of_actors = _some("actors", actors, _ACTORS)
    of_emotions = _some("emotions", emotions, EMOTIONS.values())
    of_sentences = _some("sentences", sentences, SENTENCES)
    names = [
        ClipName(actor, sentence, code, intensity)
        for actor in _ACTORS
        for sentence in SENTENCES
        for code in EMOTIONS
        for intensity in (("HI", "LO", "MD") if sentence == _GRADED and code != "NEU" else ("XX",))
    ]
    chosen = [
        name
        for name in names
        if name.actor in of_actors
        and EMOTIONS[name.emotion] in of_emotions
        and name.sentence in of_sentences
        and "_".join(name) not in _ABSENT
    ]
    if not chosen:
        raise ValueError("CREMA-D has no clip of these actors, emotions and sentences.")
    return chosen


def _some(parameter: str, wanted: Iterable[Any] | None, known: Iterable[str]) -> set[str]:
    known = list(known)
    if wanted is None:
        return set(known)
    if isinstance(wanted, str):
        raise TypeError(f"{parameter} must be a list, got {wanted!r}: pass [{wanted!r}].")
    if not isinstance(wanted, Iterable):
        raise TypeError(f"{parameter} must be a list, got {wanted!r}: pass [{wanted!r}].")
    chosen = [str(value) for value in wanted]
    strange = [value for value in chosen if value not in known]
    if strange or not chosen:
        choice = ", ".join(known) if len(known) <= _SHOWN else f"{known[0]} to {known[-1]}"
        raise ValueError(
            f"{parameter} must be some of {choice}; got {', '.join(strange) or 'none of them'}."
        )
    return set(chosen)
