"""Which files answer for a run, and which of them are gone."""

import pytest

from explorer.serving import pairs
from explorer.serving.pairs import PairFiles, files_of


@pytest.fixture
def known(text_files, monkeypatch):
    """A run whose baseline lies beside it."""
    monkeypatch.setattr(pairs, "baseline_file", lambda folder: text_files.baseline / "model.onnx")
    return text_files


def test_the_files_of_a_run(known):
    assert files_of(known.variant.parent) == known


def test_a_run_without_its_artefact(known, tmp_path):
    assert files_of(tmp_path / "elsewhere") == "artefact"


def test_a_run_without_its_baseline(known, monkeypatch):
    (known.baseline / "model.onnx").unlink()
    assert files_of(known.variant.parent) == "baseline"
    monkeypatch.setattr(pairs, "baseline_file", lambda folder: None)
    assert files_of(known.variant.parent) == "baseline"


def test_the_version_changes_with_the_files(known):
    before = known.version
    (known.variant / "model.onnx").touch()
    assert known.version[0] == before[0] and known.version[1] > before[1]
    assert PairFiles(known.baseline, known.variant, known.inputs) == known
