"""Figures of other machines: added on the Export page, shown where no GPU is."""

from __future__ import annotations

import hashlib
import json

import pytest

from explorer.store import Store
from tests.pages.conftest import words
from tests.support.bundles import gpu_report

NOT_A_MODEL = hashlib.sha256(b"not a model").hexdigest()


@pytest.fixture
def files(own, place):
    """The model files of two runs; all others are equal."""
    for run in ("sample-0001", "sample-0002"):
        (place / "home" / "runs" / run / "artefact" / "model.onnx").write_bytes(run.encode())
    return {run: hashlib.sha256(run.encode()).hexdigest() for run in ("sample-0001", "sample-0002")}


def upload(app, report, name="measurements.json"):
    content = report if isinstance(report, bytes) else json.dumps(report).encode()
    app.file_uploader(key="measurements").upload(name, content).run()
    assert not app.exception
    return app


def test_a_file_is_added_and_its_figures_shown(open_page, files):
    app = open_page("5_Export", selected=["sample-0002"])
    assert "Imaginary GPU" not in words(app)
    upload(app, gpu_report(files["sample-0002"]))
    assert [done.value for done in app.success] == [
        "What Imaginary GPU measured was added to 1 of your variants: `sample-0002`."
    ]
    assert "| Imaginary GPU | NVIDIA GPU, ONNX Runtime | 1 × 32 | 0.500 ms | 2.00× | 200 of 200 |" in words(app)
    app.run()
    assert "Imaginary GPU measured is there already" in app.info[0].value
    assert len(Store().run("sample-0002").result["elsewhere"]) == 1


def test_a_forged_file_is_one_sentence(open_page, files, place):
    app = upload(open_page("5_Export", selected=["sample-0002"]), gpu_report("0" * 64))
    assert app.error[0].value.startswith("The file is about a model whose digest begins with 000000000000")
    upload(app, b"garbage")
    assert "is not a file of measurements" in app.error[0].value
    assert not list((place / "home").rglob("measurements"))


def test_the_gpu_panel_shows_what_a_gpu_server_reported(open_page, files):
    app = upload(open_page("5_Export"), gpu_report(files["sample-0001"]))
    app = open_page("3_Trade_offs", where="gpu", selected=["sample-0001"])
    assert "Not measured" not in words(app)
    assert "Imaginary GPU" in words(app)


def test_the_baseline_is_offered_only_where_it_is(open_page, own):
    app = open_page("5_Export", selected=["sample-0002"])
    box = app.checkbox(key="with-baseline")
    assert box.disabled and "not on this machine any more" in box.help


def test_the_baseline_is_offered_where_it_is(open_page, own, place, monkeypatch):
    from pages.parts import exporting

    (place / "baseline.onnx").write_bytes(b"12345")
    monkeypatch.setattr("explorer.artefacts.baseline_file", lambda folder: place / "baseline.onnx")
    monkeypatch.setattr("explorer.export.baseline_file", lambda folder: place / "baseline.onnx")
    monkeypatch.setattr(exporting, "baseline_file", lambda folder: place / "baseline.onnx")
    app = open_page("5_Export", selected=["sample-0002"])
    assert "baseline.onnx" not in words(app)
    app.checkbox(key="with-baseline").check().run()
    assert "| baseline.onnx | 5\u00a0bytes | the uncompressed model |" in words(app)
