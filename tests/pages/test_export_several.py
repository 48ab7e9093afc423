"""Results and bundles of several variants on the Export page."""

import io
import re
import shutil
import zipfile
from dataclasses import replace

from streamlit.testing.v1.element_tree import HeadingBase

from explorer import store
from explorer.bundles import bundle_name
from explorer.quantities import file_size
from pages.parts import exporting_charts, exporting_several
from pages.parts.exporting_several import make_bundles
from tests.pages.conftest import words

PAGE = "5_Export"


def downloads(app):
    return [one.proto.label for one in app.get("download_button")]


def test_it_asks_for_variants(open_page, own):
    app = open_page(PAGE)
    assert "Pick one variant or more" in words(app)
    assert "Download the results" not in downloads(app)


def test_chosen_variants(open_page, own):
    app = open_page(PAGE, compared=["sample-0001", "sample-0002"])
    assert "Variants: 2 · rows: 12" in words(app) and "Bundles: 2," in words(app)
    assert {"Download the results", "Download the bundles", "Download the recipes", "Download the charts"} <= set(
        downloads(app)
    )
    command = "python -m explorer results --run sample-0001 --run sample-0002 --format csv --to results.csv"
    assert command in [code.value for code in app.code]


def test_all_that_can_be_taken_away_has_its_heading(open_page, own):
    app = open_page(PAGE, compared=["sample-0001", "sample-0002"], selected=["sample-0001"])
    found = [(one.tag, one.value) for one in app.main if isinstance(one, HeadingBase)]
    assert found == [
        ("h1", "Export"),
        ("h2", "One variant"),
        ("h3", "Bundle: the model with all it needs"),
        ("h3", "Recipe: make it again"),
        ("h2", "Several variants"),
        ("h3", "Table of results"),
        ("h3", "Bundles"),
        ("h3", "Charts"),
        ("h3", "Recipes"),
        ("h2", "Measurements from other machines"),
    ]


def test_the_charts_show_the_chosen_and_their_baseline(own, open_page):
    rows = [row for row in store.Store().runs() if row.run in ("sample-0001", "sample-0002")]
    [infos] = exporting_charts.charts(rows)
    assert [info.title for info in infos] == ["Accuracy against file size", "Accuracy against latency p50"]
    assert {mark.run for info in infos for mark in info.marks} == {"sample-0000", "sample-0001", "sample-0002"}
    assert {mark.run for mark in infos[0].marks if mark.selected} == {"sample-0001", "sample-0002"}, "they are named"
    app = open_page(PAGE, compared=["sample-0001", "sample-0002"])
    assert len(app.get("plotly_chart")) == 2


def test_each_chart_has_its_own_caption(own, open_page, monkeypatch):
    rows = [row for row in store.Store().runs() if row.run in ("sample-0001", "sample-0002")]
    [infos] = exporting_charts.charts(rows)
    captioned = [replace(info, caption=f"Of chart {place}.") for place, info in enumerate(infos)]
    file = exporting_charts.make_charts(captioned, "png")
    assert re.findall("<figcaption>(.*)</figcaption>", file) == ["Of chart 0.", "Of chart 1."]
    monkeypatch.setattr(exporting_charts, "charts", lambda rows: [captioned])
    app = open_page(PAGE, compared=["sample-0001", "sample-0002"])
    assert [one.value for one in app.caption if "Of chart" in one.value] == ["Of chart 0.", "Of chart 1."]


def test_each_task_has_its_charts(own, open_page):
    rows = [row for row in store.Store().runs() if row.run in ("sample-0001", "sample-0009")]
    tasks = exporting_charts.charts(rows)
    assert [{mark.model for info in infos for mark in info.marks} for infos in tasks] == [
        {"minilm-tweets"},
        {"vit-digits"},
    ]
    app = open_page(PAGE, compared=["sample-0001", "sample-0009"])
    assert len(app.get("plotly_chart")) == 4


def test_ones_own_studies_come_before_recorded_ones(open_page, own, recorded):
    app = open_page(PAGE)
    app.button_group(key="several-by").set_value("study").run()
    assert app.selectbox(key="several-study").options == ["default", "recorded"]


def test_a_whole_study_as_parquet(open_page, own):
    app = open_page(PAGE)
    app.button_group(key="several-by").set_value("study").run()
    app.button_group(key="several-format").set_value("parquet").run()
    assert not app.exception
    assert "Variants: 16 · rows: 96" in words(app)
    command = "python -m explorer results --study default --format parquet --to results.parquet"
    assert command in [code.value for code in app.code]
    assert "Bundles: 16," in words(app) and "Download the bundles" in downloads(app)
    assert "python -m explorer export-bundles --study default --to bundles.zip" in [code.value for code in app.code]


def test_what_is_in_the_zip_is_listed_before(open_page, own, place):
    listed = open_page(PAGE, compared=["sample-0001", "sample-0009"]).dataframe[0].value
    folders = {bundle_name(own[number]): place / "home" / "runs" / own[number].run for number in (1, 9)}
    held = zipfile.ZipFile(io.BytesIO(make_bundles(folders))).namelist()
    assert sorted(f"{row.folder}/{row.file}" for row in listed.itertuples()) == sorted(held)
    assert set(listed["variant"]) == {"prune-neurons 50 % · minilm-tweets", "prune-neurons 50 % · vit-digits"}
    assert set(listed.loc[listed["file"] == "model.onnx", "size"]) == {file_size(len(b"not a model"))}


def test_more_than_a_download_carries_is_taken_in_parts(open_page, own, monkeypatch):
    monkeypatch.setattr(exporting_several, "MOST_BUNDLES", 10)
    app = open_page(PAGE)
    app.button_group(key="several-by").set_value("study").run()
    said = "16 bundles are more than one download carries (10 bundles or 1.00 GB, since the dashboard holds it"
    assert said in words(app).replace("\u202f", " ") and "take the 2 parts one by one" in words(app)
    app.selectbox(key="several-part-of-2").set_value(1).run()
    assert "Bundles: 6," in words(app)
    assert {row[-4:] for row in app.dataframe[0].value["folder"]} == {f"{number:04d}" for number in range(10, 16)}


def test_recorded_ones_go_without_a_bundle(open_page, own, recorded):
    app = open_page(PAGE, compared=["sample-0001", "recorded-0002"])
    assert "without a bundle for that reason: 1." in words(app) and "Bundles: 1," in words(app)


def test_one_whose_file_is_gone_says_so(open_page, own, place):
    (place / "home" / "runs" / "sample-0001" / "artefact" / "model.onnx").unlink()
    app = open_page(PAGE, compared=["sample-0001", "sample-0002"], selected=["sample-0002"])
    assert "since the model file is gone: 1 (sample-0001)" in words(app)
    assert "Bundles: 1," in words(app)


def test_a_run_that_was_deleted_leaves_the_choice(open_page, own, place):
    app = open_page(PAGE, compared=["sample-0001", "sample-0002"])
    shutil.rmtree(place / "home" / "runs" / "sample-0001")
    app.run()
    assert not app.exception and app.multiselect(key="several-picker").value == ["sample-0002"]


def test_the_bundles_are_what_was_listed(own, place):
    folders = {bundle_name(run): place / "home" / "runs" / run.run for run in own[:2]}
    names = zipfile.ZipFile(io.BytesIO(make_bundles(folders))).namelist()
    assert {name.split("/")[0] for name in names} == {"minilm-tweets-sample-0000", "minilm-tweets-sample-0001"}
