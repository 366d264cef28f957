"""Selection of landmarks by Integrated Gradients."""

import lazy_loader as lazy

# Imported at first use, since torch takes seconds to import.
__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "_ig": ["IGLandmarkSelector"],
        "_smallest_k": ["smallest_k"],
        "_stability": ["StabilityLandmarkSelector"],
    },
)
