"""Saved models: files from which no code runs, their model cards, and ONNX graphs."""

import lazy_loader as lazy

# Imported at first use, since the networks need torch, which takes seconds to import.
__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "_export_onnx": ["export_onnx"],
        "_load_model": ["load_model"],
        "_save_model": ["save_model"],
    },
)
