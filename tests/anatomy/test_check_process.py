"""Whether somebody's model and data fit together: what they are, or one sentence on what is wrong."""

import pytest

from explorer.anatomy import background, own
from explorer.anatomy.check_process import KIND, MODULE, check, checked
from explorer.anatomy.own import name_of
from explorer.errors import BadInput
from explorer.models import load_model
from tests.anatomy.test_background import until_over
from tests.models import tiny


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))


def test_what_fits_is_described(tmp_path):
    model = tiny.save_bert(tmp_path / "m")
    found = check(str(tmp_path / "m"), str(tiny.write_csv(tmp_path / "d.csv", 80)))
    assert found.labels == ("bad", "good") and (found.kind, found.model_kind) == ("text", "text transformer")
    assert found.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert list(found.splits) == ["train", "calibration", "validation", "test"]
    assert sum(found.splits.values()) == 80
    assert found.task == load_model(found.model, found.data).task.key


def test_images_too(tmp_path):
    tiny.save_vit(tmp_path / "m")
    found = check(str(tmp_path / "m"), str(tiny.write_images(tmp_path / "images")))
    assert sum(found.splits.values()) == 60 and found.model_kind == "vision transformer"


def test_what_fits_is_remembered_by_its_full_paths_and_what_does_not_is_not(tmp_path, monkeypatch):
    tiny.save_bert(tmp_path / "m")
    tiny.write_csv(tmp_path / "d.csv", 80)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="There is no"):
        checked("./m", "gone.csv")
    checked("cnn-digits", None)
    assert own.remembered() == []
    answer = checked("./m", "d.csv")
    (one,) = own.remembered()
    assert (one.model, one.data) == (str(tmp_path / "m"), str(tmp_path / "d.csv"))
    assert answer == one.model_dump(mode="json")


def test_what_is_wrong_is_one_sentence(tmp_path):
    tiny.save_bert(tmp_path / "m")
    (tmp_path / "d.csv").write_text("text,label\nfine,excellent\n")
    with pytest.raises(BadInput, match="excellent"):
        check(str(tmp_path / "m"), str(tmp_path / "d.csv"))
    with pytest.raises(BadInput, match="comes without data"):
        check(str(tmp_path / "m"), None)
    with pytest.raises(BadInput, match=r"There is no .*gone\.csv"):
        check(str(tmp_path / "m"), str(tmp_path / "gone.csv"))


def test_the_process_says_it(tmp_path):
    model, data = str(tmp_path / "missing"), "also-missing.csv"
    name = name_of(model, data)
    background.start(KIND, name, MODULE, [name, model, data])
    work = until_over(KIND, name)
    assert (work.state, work.text.startswith(f"There is no model '{model}'")) == ("failed", True)
