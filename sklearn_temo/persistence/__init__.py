"""Saving, loading and exporting fitted pipelines."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__, submod_attrs={"_export_onnx": ["export_onnx"]}
)
