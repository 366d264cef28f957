"""Prediction of classes and numbers from clips with T-EMO, a small temporal network."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={"_classifier": ["TEMOClassifier"], "_regressor": ["TEMORegressor"]},
)
