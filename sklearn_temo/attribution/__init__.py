"""Integrated Gradients of whole data sets against several baselines."""

import lazy_loader as lazy

# Imported at first use, since torch takes seconds to import.
__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "_baselines": ["make_baselines"],
        "_integrated_gradients": ["integrated_gradients"],
        "_relevance": ["LandmarkRelevance", "landmark_relevance"],
    },
)
