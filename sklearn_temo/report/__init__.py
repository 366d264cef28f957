"""One report of an estimator and its clips, as a page and as numbers."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__, submod_attrs={"_write_report": ["write_report"]}
)
