"""Models as files from which no code runs, and their model cards."""

import lazy_loader as lazy

# Imported at first use, since the networks need torch, which takes seconds to import.
__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={"_load_model": ["load_model"], "_save_model": ["save_model"]},
)
