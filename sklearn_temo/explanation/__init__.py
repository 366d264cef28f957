"""Explanations of single clips, and checks of explanations."""

import lazy_loader as lazy

# Imported at first use, since torch takes seconds to import.
__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "_clip_explanation": ["ClipExplanation"],
        "_explain_clips": ["explain_clips"],
        "_sanity_checks": ["SanityCheck", "check_random_labels", "check_random_weights"],
    },
)
