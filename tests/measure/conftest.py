"""Artefacts for the tests of measuring."""

from pathlib import Path

import numpy as np
import pytest

from tests.measure.tiny import WORDS, save_image, save_text, text_graph


@pytest.fixture
def text_artefact(tmp_path: Path) -> Path:
    return save_text(tmp_path / "text", text_graph())


@pytest.fixture
def image_artefact(tmp_path: Path) -> Path:
    return save_image(tmp_path / "image")


@pytest.fixture
def texts() -> list[str]:
    draw = np.random.default_rng(1)
    return [" ".join(f"w{i}" for i in draw.integers(2, WORDS, size=draw.integers(1, 15))) for _ in range(90)]
