from dataclasses import replace

import pytest

from explorer.measure.travel import write_inputs
from explorer.serving.client import Demonstration
from explorer.serving.lineup import Lineup
from tests.measure.tiny import save_image, save_text, text_graph
from tests.support.bundles import image_split, text_split


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def text_files(tmp_path):
    """Two bags of words with other weights, and forty texts."""
    baseline = save_text(tmp_path / "baseline", text_graph(0))
    variant = save_text(tmp_path / "run" / "artefact", text_graph(1, hidden=24))
    write_inputs(tmp_path / "run", variant, text_split(), seed=0)
    return Lineup(baseline, (variant,), tmp_path / "run" / "inputs.npz")


@pytest.fixture
def image_files(tmp_path):
    """The same linear model twice, and forty grey images of 8 x 8 pixels."""
    (tmp_path / "run").mkdir()
    baseline, variant = save_image(tmp_path / "baseline"), save_image(tmp_path / "run" / "artefact")
    write_inputs(tmp_path / "run", variant, image_split(), seed=0)
    return Lineup(baseline, (variant,), tmp_path / "run" / "inputs.npz")


@pytest.fixture
def three_variants(text_files, tmp_path):
    """The text files with two variants more."""
    more = [save_text(tmp_path / f"more-{seed}", text_graph(seed, hidden=16)) for seed in (2, 3)]
    return replace(text_files, variants=(*text_files.variants, *more))


@pytest.fixture
def opened():
    """Make demonstrations that are closed after the test."""
    made = []

    def make(files, **given):
        made.append(Demonstration(files, threads=1, **given))
        return made[-1]

    yield make
    for one in made:
        one.close()
