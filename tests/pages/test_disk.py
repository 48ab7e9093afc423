"""Model files and runs go on the Runs page, and come back by the button beside the sentence that says so."""

import json

import pytest

from explorer import housekeeping, jobs
from explorer.home import runs_folder
from explorer.store import Store
from tests.pages.conftest import button, words


@pytest.fixture
def files(own):
    """Model files of all runs."""
    for run in own:
        (runs_folder() / run.run / "artefact").mkdir(exist_ok=True)
        (runs_folder() / run.run / "artefact" / "model.onnx").write_bytes(b"x")
    return [runs_folder() / run.run / "artefact" for run in own]


def test_model_files_that_were_removed_come_back_by_undo(files, open_page):
    app = open_page("2_Runs", disk=True)
    app.number_input(key="disk-days").set_value(0)
    app.toggle(key="disk-keep").set_value(False)
    app.number_input(key="disk-best").set_value(2).run()
    app.button(key="disk-remove").click().run()
    gone = [path for path in files if not path.exists()]
    assert 0 < len(gone) < len(files)
    assert f"The model files of {len(gone)} runs were removed" in words(app)
    app.button(key="undo").click().run()
    assert all(path.exists() for path in files) and "were removed" not in words(app)


def test_a_studys_name_is_shown_as_it_is(files, open_page, own):
    name = "A & B *x*"
    for run in own:
        request = runs_folder() / run.run / "request.json"
        request.write_text(json.dumps(json.loads(request.read_text()) | {"study": name}))
    app = open_page("2_Runs", disk=True)
    assert "| Study “A & B \\*x\\*” |" in words(app)


def test_what_would_be_freed_is_on_the_button(files, open_page):
    for folder in files:
        (folder / "model.onnx").write_bytes(bytes(2_000))
    app = open_page("2_Runs", disk=True)
    app.number_input(key="disk-days").set_value(0)
    app.toggle(key="disk-keep").set_value(False).run()
    assert app.button(key="disk-remove").label == f"Remove model files of {len(files)} runs (32.0 kB)"


def test_a_run_that_was_deleted_comes_back_by_undo(own, open_page):
    app = open_page("2_Runs", {"run": own[3].run})
    button(app, "Yes, delete it").click().run()
    (gone,) = housekeeping.restorable()[0]
    app.run()
    assert "was deleted" in words(app)
    app.button(key="undo").click().run()
    assert Store().run(gone).state == "done" and housekeeping.restorable() == ([], [])


def test_the_last_run_that_was_deleted_can_be_brought_back_later(own, open_page):
    for run in own:
        jobs.delete(run.run)
    app = open_page("2_Runs", disk=True)
    app.selectbox(key="disk-restore").set_value(own[3].run).run()
    app.button(key="disk-restore-button").click().run()
    assert [path.name for path in runs_folder().iterdir()] == [own[3].run] and not app.exception


def test_what_is_gone_for_good_is_not_offered_again(files, open_page):
    app = open_page("2_Runs", disk=True)
    app.number_input(key="disk-days").set_value(0).run()
    app.button(key="disk-remove").click().run()
    assert app.button(key="undo")
    app.button(key="disk-trash").click().run()
    assert not [one for one in app.button if one.key == "undo"]
