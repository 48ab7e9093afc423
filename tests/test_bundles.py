"""Bundles of several variants in one zip."""

import io
import zipfile
from dataclasses import replace

import pytest

from explorer import cli
from explorer.bundles import bundle_name, export_bundles, parts, previews, recipe_texts, with_model, zipped
from explorer.errors import BadInput
from explorer.recipe import Recipe
from tests.support.sample_results import sample_runs, write_runs


@pytest.fixture
def folders(tmp_path):
    runs = sample_runs(3)
    write_runs(tmp_path / "runs", runs)
    return {bundle_name(run): tmp_path / "runs" / run.run for run in runs}


def test_each_bundle_has_a_folder_of_its_own(folders, tmp_path):
    path = export_bundles(folders, tmp_path / "bundles.zip")
    with zipfile.ZipFile(path) as together:
        names = together.namelist()
        assert together.read("minilm-tweets-sample-0001/model.onnx") == b"not a model"
    assert {name.split("/")[0] for name in names} == {f"minilm-tweets-sample-000{n}" for n in range(3)}
    wanted = {"model.onnx", "model.json", "recipe.yaml", "results.json", "predict.py", "measure.py", "README.md"}
    for name in folders:
        assert {one.split("/")[1] for one in names if one.startswith(name)} == wanted
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["bundles.zip", "runs"]


def test_what_is_previewed_is_what_is_in_the_file(folders, tmp_path):
    contents, reasons = previews(folders)
    with zipfile.ZipFile(export_bundles(folders, tmp_path / "bundles.zip")) as together:
        held = {info.filename: info.file_size for info in together.infolist()}
    assert held == {f"{name}/{file}": size for name, files in contents.items() for file, size in files.items()}
    assert reasons == {}


def test_one_without_files_says_why_and_spoils_no_zip(folders, tmp_path):
    (tmp_path / "runs" / "sample-0001" / "artefact" / "model.onnx").unlink()
    contents, reasons = previews(folders)
    assert list(reasons) == ["minilm-tweets-sample-0001"] and len(contents) == 2
    assert "is gone; run its recipe again" in reasons["minilm-tweets-sample-0001"]
    assert with_model(folders) == dict.fromkeys(contents, len(b"not a model"))
    with pytest.raises(BadInput, match="is gone"):
        export_bundles(folders, tmp_path / "bundles.zip")
    assert [entry.name for entry in tmp_path.iterdir()] == ["runs"]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({}, []),
        ({"a": 4, "b": 6}, [["a", "b"]]),
        ({"a": 4, "b": 7, "c": 1}, [["a"], ["b", "c"]]),
        ({"a": 30, "b": 1}, [["a"], ["b"]]),
        (dict.fromkeys("abcd", 0), [["a", "b", "c"], ["d"]]),
    ],
)
def test_parts_hold_no_more_than_they_may(sizes, expected):
    assert parts(sizes, most_bytes=10, most=3) == expected


def test_a_command_writes_a_whole_study_and_names_those_without_files(folders, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    (tmp_path / "runs" / "sample-0001" / "artefact" / "model.onnx").unlink()
    to = tmp_path / "all.zip"
    assert cli.main(["export-bundles", "--study", "default", "--to", str(to)]) == 0
    said = capsys.readouterr().out
    assert said == f"2 bundles are in {to}.\nWithout their model files, and so without a bundle: sample-0001.\n"
    with zipfile.ZipFile(to) as together:
        assert {name.split("/")[0][-4:] for name in together.namelist()} == {"0000", "0002"}
    assert cli.main(["export-bundles", "--run", "sample-0002", "--to", str(to)]) == 0
    assert cli.main(["export-bundles", "--to", str(to)]) == 2
    assert "expected is --study, --run or both" in capsys.readouterr().err


def test_a_name_is_no_path():
    run = sample_runs(1)[0]
    local = replace(run, recipe={**run.recipe, "model": "/home/me/../my net"})
    assert bundle_name(local) == "my-net-sample-0000"
    hub = replace(run, recipe={**run.recipe, "model": "owner/name"})
    assert bundle_name(hub) == "owner-name-sample-0000"
    odd = replace(run, recipe={**run.recipe, "model": "/.."})
    assert bundle_name(odd) == "sample-0000"


def test_nothing_to_write_and_nowhere_to_write(folders, tmp_path):
    with pytest.raises(BadInput, match="There is no bundle to write"):
        export_bundles({}, tmp_path / "bundles.zip")
    with pytest.raises(BadInput, match="cannot be written"):
        export_bundles(folders, tmp_path / "nowhere" / "bundles.zip")


def test_recipes_come_back_from_their_zip_and_a_broken_one_says_why():
    runs = sample_runs(3)
    runs[1] = replace(runs[1], recipe={**runs[1].recipe, "steps": [{"technique": "gone"}]})
    texts, reasons = recipe_texts(runs)
    assert list(reasons) == ["sample-0001"] and "gone" in reasons["sample-0001"]
    with zipfile.ZipFile(io.BytesIO(zipped(texts, "recipes"))) as together:
        assert together.namelist() == [f"recipes/minilm-tweets-sample-000{n}.yaml" for n in (0, 2)]
        text = together.read("recipes/minilm-tweets-sample-0002.yaml").decode()
    assert Recipe.from_yaml(text) == Recipe.parse(runs[2].recipe)
