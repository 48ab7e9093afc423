"""Classify images with the exported model: python predict.py example.npy more.png

Prints the label, its probability and the file, one line for each image.
Needs onnxruntime only; images other than .npy (uint8, height x width or height x width x 3) need Pillow too.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

HERE = Path(__file__).resolve().parent
MODEL = json.loads((HERE / "model.json").read_text(encoding="utf-8"))
SETTINGS = json.loads((HERE / "preprocessor.json").read_text(encoding="utf-8"))


def read(path: str) -> np.ndarray:
    """An image file in the size the model takes, uint8; ends with one sentence where there is none."""
    shape = SETTINGS["height"], SETTINGS["width"], SETTINGS["channels"]
    if not Path(path).is_file():
        sys.exit(f"There is no file '{path}'; expected is an image, such as example.npy.")
    try:
        pixels = np.load(path, allow_pickle=False) if path.endswith(".npy") else _decoded(path)
    except ImportError:
        sys.exit(f"'{path}' needs Pillow to be read: pip install pillow. Only .npy files can do without.")
    except (OSError, ValueError, EOFError):
        sys.exit(f"'{path}' cannot be read as an image; expected is one such as example.npy, or a .png or .jpg file.")
    if not isinstance(pixels, np.ndarray) or pixels.shape not in (shape, shape[:2] if shape[2] == 1 else shape):
        sys.exit(f"'{path}' has not the shape of an image of this model; expected is height x width x colours {shape}.")
    return pixels.reshape(shape)


def _decoded(path: str) -> np.ndarray:
    from PIL import Image

    image = Image.open(path).convert("L" if SETTINGS["channels"] == 1 else "RGB")
    width, height = SETTINGS["width"], SETTINGS["height"]
    if SETTINGS["shortest_edge"] is None:
        return np.asarray(image.resize((width, height), SETTINGS["resample"]), dtype=np.uint8)
    scale = SETTINGS["shortest_edge"] / min(image.size)
    image = image.resize([max(1, int(side * scale)) for side in image.size], SETTINGS["resample"])
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return np.asarray(image.crop((left, top, left + width, top + height)), dtype=np.uint8)


def predict(images: list[np.ndarray]) -> np.ndarray:
    """Probabilities [N, classes] of the images; each image is answered by itself."""
    session = onnxruntime.InferenceSession(str(HERE / "model.onnx"), providers=["CPUExecutionProvider"])
    rows = []
    for image in images:
        pixels = image.astype(np.float32)
        mean, std = np.float32(SETTINGS["mean"]), np.float32(SETTINGS["std"])
        pixels = (pixels * np.float32(SETTINGS["rescale"]) - mean) / std
        logits = session.run(["logits"], {"pixel_values": pixels.transpose(2, 0, 1)[None]})[0][0]
        weights = np.exp(logits - logits.max())
        rows.append(weights / weights.sum())
    return np.array(rows)


if __name__ == "__main__":
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__.strip())
        sys.exit()
    if len(sys.argv) < 2:
        sys.exit("Expected is at least one image: python predict.py example.npy")
    for path, row in zip(sys.argv[1:], predict([read(path) for path in sys.argv[1:]]), strict=True):
        print(f"{MODEL['labels'][row.argmax()]}\t{row.max():.3f}\t{path}")
