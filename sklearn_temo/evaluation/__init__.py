"""Scores on people who were not trained on, and checks of an evaluation."""

import lazy_loader as lazy

# Imported at first use, since scikit-learn's models take a second to import.
__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "_checks": ["EVALUATION_CHECKS"],
        "_evaluate": ["evaluate"],
        "_evaluation": ["Check", "Evaluation", "ScoreInterval"],
    },
)
