"""Which files answer for a run, and which of them are gone."""

from dataclasses import replace

import pytest

from explorer.errors import BadInput
from explorer.serving import lineup
from explorer.serving.lineup import Lineup, files_of, together


@pytest.fixture
def known(text_files, monkeypatch):
    """A run whose baseline lies beside it."""
    monkeypatch.setattr(lineup, "baseline_file", lambda folder: text_files.baseline / "model.onnx")
    return text_files


def test_the_files_of_a_run(known):
    assert files_of(known.variants[0].parent) == known


def test_a_run_without_its_artefact(known, tmp_path):
    assert files_of(tmp_path / "elsewhere") == "artefact"


def test_a_run_without_its_baseline(known, monkeypatch):
    (known.baseline / "model.onnx").unlink()
    assert files_of(known.variants[0].parent) == "baseline"
    monkeypatch.setattr(lineup, "baseline_file", lambda folder: None)
    assert files_of(known.variants[0].parent) == "baseline"


def test_the_version_changes_with_the_files(known):
    before = known.version
    (known.variants[0] / "model.onnx").touch()
    assert known.version[0] == before[0] and known.version[1] > before[1]
    assert Lineup(known.baseline, known.variants, known.inputs) == known


def test_variants_of_one_model_stand_beside_their_one_baseline(known, three_variants):
    alone = [replace(known, variants=(folder,)) for folder in three_variants.variants]
    assert together(alone) == three_variants
    assert together(alone[:1]) == known


def test_variants_of_different_models_are_refused(known, tmp_path):
    with pytest.raises(BadInput, match="different models; choose variants of one model"):
        together([known, replace(known, baseline=tmp_path)])


def test_a_target_that_one_of_them_lacks_gives_its_reason(three_variants):
    for folder in three_variants.folders:
        (folder / "torch").mkdir()
    assert three_variants.reason_against("cpu-torch") is None
    (three_variants.variants[2] / "torch").rmdir()
    (three_variants.variants[2] / "torch-unavailable.txt").write_text("int8 works on the ONNX file")
    assert three_variants.reason_against("cpu-torch") == "int8 works on the ONNX file"
    assert three_variants.reason_against("cpu-onnxruntime") is None
