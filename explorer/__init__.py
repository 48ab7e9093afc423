"""Compression Explorer: the engine. It never imports Streamlit."""

import os
import sys

__version__ = "0.3.0"

# Everything stays on this machine: from 1.31 on ONNX Runtime would report its use to its makers as soon as it is
# imported, and keep an identifier in the folder for temporary files.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# OpenVINO would do so too, from a fork of the process that imports it; it does without the package that is not there.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

ENGINE_VERSION = "3"
"""Part of every recipe's digest: raised whenever the same recipe would give another artefact."""
