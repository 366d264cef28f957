"""Report of an evaluation as an HTML page and a JSON file."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__, submod_attrs={"_write_report": ["write_report"]}
)
