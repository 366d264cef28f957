"""Find the face landmarks that matter for an emotion, and classify emotions with only those."""

from importlib.metadata import version

import lazy_loader as lazy

__version__ = version("sklearn-temo")

# Imported at first use: torch, mediapipe and matplotlib take seconds to import.
__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submodules=[
        "attribution",
        "blendshapes",
        "datasets",
        "evaluation",
        "explanation",
        "extraction",
        "head_pose",
        "live",
        "mesh",
    ],
    submod_attrs={
        "extraction": ["BlendshapeTransformer", "FaceLandmarkTransformer"],
        "alignment": ["LandmarkAligner", "FaceMirror"],
        "selection": ["IGLandmarkSelector", "StabilityLandmarkSelector", "smallest_k"],
        "classification": ["TEMOClassifier", "TEMORegressor"],
        "pipeline": ["make_temo_pipeline"],
        "explanation": ["ClipExplanation", "explain_clips"],
        "evaluation": ["evaluate"],
        "inspection": [
            "ClipExplanationDisplay",
            "LandmarkCountDisplay",
            "LandmarkRelevanceDisplay",
            "RelevanceTimelineDisplay",
            "SelectionStabilityDisplay",
            "selection_stability",
        ],
        "layout": ["LandmarkLayout"],
        "live": ["LivePredictor", "run_live"],
        "persistence": ["export_onnx", "load_model", "save_model"],
        "report": ["write_report"],
    },
)
