"""Write the geometry of MediaPipe's face mesh as JSON into the package.

The mesh comes from the metadata of the bundled model, the contours from mediapipe's Python code.
Reading one JSON file at run time needs neither a parser of protocol buffers nor the import of
mediapipe, which takes over a second. Run this again when the model or mediapipe changes:
``python tools/write_face_geometry.py``. A test compares the file with this tool's output.
"""

import json
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mediapipe.tasks.python.vision.face_landmarker import FaceLandmarksConnections

MODELS = Path(__file__).parents[1] / "sklearn_temo" / "models"
TARGET = MODELS / "face_geometry.json"
METADATA = "geometry_pipeline_metadata_landmarks.binarypb"
CONTOURS = ("LIPS", "NOSE", "LEFT_EYE", "RIGHT_EYE", "LEFT_EYEBROW", "RIGHT_EYEBROW", "FACE_OVAL")


def face_geometry() -> dict[str, Any]:
    """Vertices and triangles of the canonical face, pose weights, and named contours."""
    with zipfile.ZipFile(MODELS / "face_landmarker.task") as bundle:
        metadata = bundle.read(METADATA)
    # Field numbers of MediaPipe's GeometryPipelineMetadata, Mesh3d and WeightedLandmarkRef.
    mesh = next(value for field, value in fields(metadata) if field == 1)
    numbers = [value for field, value in fields(mesh) if field == 3]
    corners = [value for field, value in fields(mesh) if field == 4]
    references = [dict(fields(message)) for field, message in fields(metadata) if field == 2]
    weights = {reference[1]: reference[2] for reference in references}
    # A vertex is x, y, z and two texture coordinates.
    vertices = [numbers[i : i + 3] for i in range(0, len(numbers), 5)]
    return {
        "vertices": vertices,
        "triangles": [corners[i : i + 3] for i in range(0, len(corners), 3)],
        "pose_weights": [weights.get(landmark, 0.0) for landmark in range(len(vertices))],
        "contours": {
            name.lower(): [
                [edge.start, edge.end]
                for edge in getattr(FaceLandmarksConnections, f"FACE_LANDMARKS_{name}")
            ]
            for name in CONTOURS
        },
    }


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and values of a serialised protocol buffer.

    Integers, 32-bit floats and nested messages (as bytes) are the only types in the metadata.
    """
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(message):
        field, wire_type = divmod(varint(), 8)
        if wire_type == 0:
            yield field, varint()
        elif wire_type == 5:
            yield field, struct.unpack_from("<f", message, position)[0]
            position += 4
        elif wire_type == 2:
            length = varint()
            yield field, message[position : position + length]
            position += length
        else:
            raise ValueError(f"{METADATA}: unexpected wire type {wire_type} of field {field}.")


if __name__ == "__main__":
    tables = (f'"{name}": {json.dumps(table)}' for name, table in face_geometry().items())
    TARGET.write_text("{\n" + ",\n".join(tables) + "\n}\n", encoding="utf-8")
