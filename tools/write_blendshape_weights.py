"""Write the weights of MediaPipe's blendshape network as a numpy archive into the package.

The network is in the bundled model. With its weights in numpy, blendshapes need no other library,
and many frames are computed together. Run this again when the model changes, with the extra
``litert``: ``python tools/write_blendshape_weights.py``. A test compares the file with this tool's
output.
"""

import re
import zipfile
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

MODELS = Path(__file__).parents[1] / "sklearn_temo" / "models"
TARGET = MODELS / "face_blendshapes.npz"
NETWORK = "face_blendshapes.tflite"

# The layers outside the blocks, and those in each block, by parts of their names in the network.
OUTER = {
    "points": "General/conv2d",
    "coordinates": "input_tokens_embedding",
    "output": "output_blendweights",
}
INNER = {
    "token_1": "mlp_token_mixing/Mlp_1",
    "token_2": "mlp_token_mixing/Mlp_2",
    "channel_1": "mlp_channel_mixing/Mlp_1",
    "channel_2": "mlp_channel_mixing/Mlp_2",
}
N_BLOCKS = 4


def blendshape_weights() -> dict[str, NDArray[np.float16]]:
    """Weights by name; those of the blocks are stacked along the first axis.

    A layer has a matrix of shape (n_outputs, n_inputs), and a ``_bias``.
    """
    with zipfile.ZipFile(MODELS / "face_landmarker.task") as bundle:
        interpreter = Interpreter(model_content=bundle.read(NETWORK))
    tensors = {
        tensor["name"]: interpreter.get_tensor(tensor["index"])
        for tensor in interpreter.get_tensor_details()
        if tensor["dtype"] == np.float16
    }

    def find(pattern: str) -> NDArray[np.float16]:
        (found,) = (tensor for name, tensor in tensors.items() if re.search(pattern, name))
        return found.squeeze()

    def find_in_blocks(pattern: str) -> NDArray[np.float16]:
        return np.stack([find(f"MixerBlock_{block}/{pattern}") for block in range(N_BLOCKS)])

    weights = {"extra_token": find("AddExtraTokens")}
    for number in (1, 2):
        weights[f"norm_{number}"] = find_in_blocks(f"layer_norm{number}/batchnorm/mul")
    for layers, search in ((OUTER, find), (INNER, find_in_blocks)):
        for name, pattern in layers.items():
            weights[name] = search(f"{pattern}/Conv2D$")
            weights[f"{name}_bias"] = search(f"{pattern}/BiasAdd")
    return weights


if __name__ == "__main__":
    np.savez_compressed(TARGET, **blendshape_weights())
