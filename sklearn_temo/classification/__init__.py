"""Classification of clips with T-EMO, a small temporal network on landmarks."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__, submod_attrs={"_temo": ["TEMOClassifier"]})
