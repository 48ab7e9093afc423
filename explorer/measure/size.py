"""Size of an artefact, from its ONNX file alone."""

import zlib
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx.external_data_helper import uses_external_data

from explorer.errors import BadInput
from explorer.measure.weights import weights
from explorer.result import Size

CHUNK_BYTES = 1 << 20


def measure_size(model_path: str | Path) -> Size:
    """Bytes on disk, bytes after zip (deflate, level 6), parameters and non-zero parameters of an ONNX model.

    Weights that the model keeps in files beside it belong to both byte counts. Raises ``BadInput`` when the file is
    missing or is no ONNX model.
    """
    path = Path(model_path)
    files = _files(path)
    found = weights(_load(path))
    return Size(
        file_bytes=sum(file.stat().st_size for file in files),
        zipped_bytes=sum(zipped_bytes(file) for file in files),
        parameters=sum(weight.parameters for weight in found),
        nonzero_parameters=sum(weight.nonzero for weight in found),
    )


def zipped_bytes(path: Path) -> int:
    """Bytes of a file's content after deflate at level 6, which is what zip tools use unless told otherwise."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    total = 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            total += len(deflate.compress(chunk))
    return total + len(deflate.flush())


def _files(path: Path) -> list[Path]:
    """The model file and the files of weights that it refers to."""
    outside = {
        entry.value
        for tensor in _load(path, external=False).graph.initializer
        if uses_external_data(tensor)
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return [path, *(path.parent / name for name in sorted(outside))]


def _load(path: Path, external: bool = True) -> onnx.ModelProto:
    try:
        return onnx.load(str(path), load_external_data=external)
    except FileNotFoundError:
        raise BadInput(f"There is no file '{path.name}' to measure; expected is an ONNX model.") from None
    except (DecodeError, ValueError):
        raise BadInput(f"'{path.name}' is not an ONNX model.") from None
