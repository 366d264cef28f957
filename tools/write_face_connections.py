"""Write MediaPipe's face connection tables as JSON into the package.

The tables are part of mediapipe's Python code, and importing it costs over a second and pulls in
matplotlib. With this file the geometry of the face is at hand without it; a test compares the two.
Run it again when mediapipe's tables change: ``python tools/write_face_connections.py``.
"""

import json
from pathlib import Path

from mediapipe.tasks.python.vision.face_landmarker import FaceLandmarksConnections

TABLES = ("LIPS", "NOSE", "LEFT_EYE", "RIGHT_EYE", "LEFT_EYEBROW", "RIGHT_EYEBROW", "FACE_OVAL")
TARGET = Path(__file__).parents[1] / "sklearn_temo" / "models" / "face_connections.json"


def connection_tables() -> dict[str, list[list[int]]]:
    """Edges (start, end) of every named contour of the mesh."""
    return {
        name.lower(): [
            [edge.start, edge.end]
            for edge in getattr(FaceLandmarksConnections, f"FACE_LANDMARKS_{name}")
        ]
        for name in TABLES
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(connection_tables()) + "\n", encoding="utf-8")
