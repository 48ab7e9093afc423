"""Studies as files: what goes out comes in elsewhere, and what is forged, hostile or broken does not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from explorer import cli
from explorer import studies as study_facts
from explorer.errors import BadInput, ExplorerError
from explorer.home import home, runs_folder
from explorer.jobs import supervisor
from explorer.jobs.disk_guard import SPARE_BYTES, folder_bytes
from explorer.models import model_digest
from explorer.recipe import Recipe, digest
from explorer.result import Result
from explorer.store import RECORDED, Store
from explorer.studies import files as studies
from explorer.studies import study as about
from explorer.tasks import task_digest
from explorer.tasks.base import hash_files
from tests.support.disk import Disk

RESULT_REQUEST = ("result", "request")
MODEL, TOKENIZER = b"a model file" * 50, b'{"words": []}'


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "here"))


@pytest.fixture
def runs() -> list[str]:
    """Two finished runs of the study 'mine' with real results and model files."""
    results = json.loads((RECORDED / "built-in-models.json").read_text())["results"][:2]
    for place, result in enumerate(results):
        run = f"20260101-00000{place}-abcde{place}"
        folder = runs_folder() / run
        (folder / "artefact").mkdir(parents=True)
        (folder / "artefact" / "model.onnx").write_bytes(MODEL)
        request = {
            "run": run,
            "recipe": result["recipe"],
            "digest": result["digest"],
            "study": "mine",
            "cwd": "/secret",
        }
        (folder / "artefact" / "tokenizer.json").write_bytes(TOKENIZER)
        (folder / "artefact" / "torch").mkdir()
        (folder / "artefact" / "torch" / "config.json").write_bytes(TOKENIZER)
        files = sorted(path for path in (folder / "artefact").rglob("*") if path.is_file())
        artefact = {
            **result["artefact"],
            "model_sha256": hashlib.sha256(MODEL).hexdigest(),
            "files": {str(path.relative_to(folder / "artefact")): path.stat().st_size for path in files},
            "digest": hash_files(files),
        }
        (folder / "request.json").write_text(json.dumps({**request, "created_at": "2026-01-01T00:00:00+00:00"}))
        (folder / "result.json").write_text(json.dumps({**result, "run": run, "artefact": artefact}))
    return sorted(path.name for path in runs_folder().iterdir())


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """From here on the program works in another home."""

    def go() -> Path:
        monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "there"))
        return home()

    return go


def test_what_comes_in_is_on_the_disk_before_its_result(runs, elsewhere, tmp_path, monkeypatch) -> None:
    file = tmp_path / "mine.zip"
    studies.export_study("mine", file, with_artefacts=True)
    elsewhere()
    disk = Disk(monkeypatch)
    studies.import_study(file)
    disk.check_safe(runs_folder() / runs[0] / "artefact", before="result.json")
    disk.check_kept(runs_folder() / runs[0])


@pytest.mark.parametrize("with_artefacts", [True, False])
def test_what_goes_out_comes_in_elsewhere(runs, elsewhere, tmp_path, with_artefacts) -> None:
    file = tmp_path / "mine.zip"
    assert studies.export_study("mine", file, with_artefacts) == 2
    assert b"/secret" not in b"".join(zipfile.ZipFile(file).read(name) for name in zipfile.ZipFile(file).namelist())
    before = {row.run: row.result for row in Store().runs() if not row.recorded}
    elsewhere()
    found = studies.import_study(file)
    assert (found.study, list(found.new), found.known) == ("mine", runs, ())
    after = {row.run: row.result for row in Store().runs(study="mine") if not row.recorded}
    assert after == before
    assert all((runs_folder() / run / "artefact" / "model.onnx").exists() == with_artefacts for run in runs)
    again = studies.import_study(file, "another")
    assert (again.new, list(again.known), list(again.joined)) == ((), runs, runs)
    assert [row.run for row in Store().runs(study="another")] == runs
    assert all(Store().run(run).studies == ("mine", "another") for run in runs)
    assert studies.import_study(file).joined == studies.import_study(file, "another").joined == ()


def forged(source: Path, target: Path, change: dict[str, Any]) -> Path:
    """The zip with some members replaced, added, or (None) left out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        names = dict.fromkeys([*old.namelist(), *change])
        for name in names:
            content = change[name] if name in change else old.read(name)
            if content is not None:
                new.writestr(name, content)
    return target


def with_recipe(source: Path, target: Path, run: str, **change: Any) -> Path:
    """The zip with another recipe of a run, of which request and result agree."""
    texts = {name: json.loads(zipfile.ZipFile(source).read(name)) for name in texts_of(run)}
    changed = {name: {**text, "recipe": {**text["recipe"], **change}} for name, text in texts.items()}
    return forged(source, target, {name: json.dumps(text) for name, text in changed.items()})


def texts_of(run: str) -> list[str]:
    return [f"runs/{run}/{name}.json" for name in RESULT_REQUEST]


def test_hostile_and_broken_files_leave_nothing(runs, elsewhere, tmp_path) -> None:
    file, run = tmp_path / "mine.zip", runs[0]
    studies.export_study("mine", file, True)
    result, request = (json.loads(zipfile.ZipFile(file).read(f"runs/{run}/{name}.json")) for name in RESULT_REQUEST)
    there = elsewhere()

    def both(change: dict[str, Any], **recipe: Any) -> dict[str, str]:
        """Request and result with another recipe, each honest about it."""
        changed = {**result["recipe"], **recipe}
        texts = ({**result, **change, "recipe": changed}, {**request, "recipe": changed})
        return {f"runs/{run}/{name}.json": json.dumps(text) for name, text in zip(RESULT_REQUEST, texts, strict=True)}

    def spoilt(**change: Any) -> dict[str, str]:
        return {f"runs/{run}/result.json": json.dumps({**result, **change})}

    latency = result["latency"][0]
    cases = [
        ({"../../evil": b"x"}, "This is no study"),
        ({"/etc/evil": b"x"}, "This is no study"),
        ({f"runs/{run}/artefact/../../../evil": b"x"}, "This is no study"),
        ({f"runs/{run}/worker.json": b"{}"}, "This is no study"),
        ({f"runs/{run}/artefact/bomb.bin": b"\0" * 50_000_000}, "would unpack to 50,000,000 bytes"),
        ({f"runs/{run}/artefact/model.onnx": b"another model"}, "is not the one that its result was measured on"),
        ({f"runs/{run}/artefact/tokenizer.json": b'{"words": 0 }'}, "beside its model are not those"),
        ({f"runs/{run}/artefact/tokenizer.json": None}, "beside its model are not those"),
        ({f"runs/{run}/artefact/torch/config.json": b'{"words": 1 }'}, "beside its model are not those"),
        ({f"runs/{run}/artefact/torch/more/config.json": b"{}"}, "This is no study"),
        ({f"runs/{run}/artefact/more.json": b"{}"}, "beside its model are not those"),
        ({f"runs/{run}/artefact/model.onnx": None}, "is not the one that its result was measured on"),
        ({f"runs/{run}/result.json": json.dumps({**result, "size": "small"})}, "'size' is missing or wrong"),
        ({f"runs/{run}/result.json": json.dumps({**result, "run": runs[1]})}, "do not belong together"),
        ({f"runs/{run}/result.json": b"{"}, "cannot be read: it is not JSON"),
        ({f"runs/{run}/request.json": None}, "request.json' is missing"),
        (spoilt(seconds=float("nan")), "it holds NaN, which is not a number"),
        (spoilt(seconds=float("-inf")), "it holds -Infinity, which is not a number"),
        ({f"runs/{run}/result.json": json.dumps({**result, "seconds": "?"}).replace('"?"', "1e999")}, "holds 1e999"),
        (spoilt(notes="\ud800"), "it holds half a character"),
        (spoilt(seconds=-1.0), "'seconds' is missing or wrong"),
        (spoilt(seconds="1"), "'seconds' is missing or wrong"),
        (spoilt(size={**result["size"], "zipped_bytes": -1}), "'size.zipped_bytes' is missing or wrong"),
        (spoilt(latency=[{**latency, "p95_ms": -0.1}]), "'latency.0.p95_ms' is missing or wrong"),
        (spoilt(finished_at="yesterday"), "'finished_at' is missing or wrong"),
        (spoilt(host={"cpu": "?", "cores": 1, "gpu": "?"}), "'host' is missing or wrong"),
        ({f"runs/{run}/request.json": json.dumps({**request, "created_at": "soon"})}, "made at 'soon'; expected is"),
        (both({}, steps=[{"technique": "no-such"}]), f"The recipe of run '{run}' cannot be used here: "),
        (both({}, seed="first"), f"The recipe of run '{run}' cannot be used here: "),
        (spoilt(engine="2"), "is not that of its recipe"),
        ({f"runs/{run}/result.json": json.dumps({**result, "digest": "0" * 16})}, "is not that of its recipe"),
        ({"study.json": b'{"format": 1, "name": "' + b"x" * 30_000_000}, "would unpack to 30,000,0"),
        ({"study.json": b"[]"}, "is no object"),
        ({"study.json": json.dumps({"format": 99, "name": "x"})}, "another format"),
    ]
    for number, (change, words) in enumerate(cases):
        with pytest.raises(BadInput, match=words):
            studies.import_study(forged(file, tmp_path / f"forged-{number}.zip", change))
        assert not list(runs_folder().iterdir()) and not list(there.glob("new-*")), change
    assert not list(tmp_path.rglob("evil*"))
    (tmp_path / "no.zip").write_bytes(b"no zip at all")
    with pytest.raises(BadInput, match="cannot be read as a study"):
        studies.import_study(tmp_path / "no.zip")


ABOVE = ["../../etc", "models/../../etc", "..", "..\\..\\etc"]
MACHINES = [*ABOVE, "/etc", "~/models/mine", "~root", "C:\\models\\mine", "\\\\server\\mine"]


@pytest.mark.parametrize("field", ["model", "data"])
@pytest.mark.parametrize("named", MACHINES)
def test_a_recipe_that_names_a_place_of_this_machine_stays_outside(runs, elsewhere, tmp_path, field, named) -> None:
    studies.export_study("mine", tmp_path / "mine.zip")
    file = with_recipe(tmp_path / "mine.zip", tmp_path / "placed.zip", runs[0], **{field: named})
    there = elsewhere()
    with pytest.raises(BadInput) as refused:
        studies.import_study(file)
    assert f"names '{named}', which is a place on some machine; expected is a name" in str(refused.value)
    assert not list(runs_folder().iterdir()) and not list(there.glob("new-*"))


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("{here}/models/mine", "models/mine"),
        ("/somewhere/else/mine", "mine"),
        ("{here}/../mine", "mine"),
        ("../mine", "mine"),
        ("~/models/mine", "mine"),
        ("owner/name", "owner/name"),
    ],
)
def test_a_study_of_a_model_of_one_s_own_comes_in(runs, elsewhere, tmp_path, monkeypatch, model, told) -> None:
    monkeypatch.chdir(tmp_path)
    for run in runs:
        for name in RESULT_REQUEST:
            path = runs_folder() / run / f"{name}.json"
            fields = json.loads(path.read_text())
            own = {"model": model.format(here=tmp_path), "data": f"{tmp_path}/my data/tweets.csv"}
            path.write_text(json.dumps({**fields, "recipe": {**fields["recipe"], **own}}))
    studies.export_study("mine", tmp_path / "mine.zip", True)
    elsewhere()
    assert list(studies.import_study(tmp_path / "mine.zip").new) == runs
    assert {(row.model, row.recipe["data"]) for row in Store().runs(study="mine")} == {(told, "my data/tweets.csv")}


def test_results_of_another_engine_come_in_with_an_honest_digest(runs, elsewhere, tmp_path) -> None:
    file, run = tmp_path / "mine.zip", runs[0]
    studies.export_study("mine", file)
    result = json.loads(zipfile.ZipFile(file).read(f"runs/{run}/result.json"))
    recipe = Recipe.parse(result["recipe"])
    contents = model_digest(recipe.model), task_digest(recipe.model, None)
    assert digest(recipe, *contents) == result["digest"]
    older = {**result, "engine": "2", "digest": digest(recipe, *contents, engine="2")}
    assert older["digest"] != result["digest"]
    elsewhere()
    studies.import_study(forged(file, tmp_path / "older.zip", {f"runs/{run}/result.json": json.dumps(older)}))
    assert Store().run(run).digest == older["digest"]


def test_only_what_an_export_writes_of_a_request_comes_in(runs, elsewhere, tmp_path) -> None:
    file, run = tmp_path / "mine.zip", runs[0]
    studies.export_study("mine", file)
    request = json.loads(zipfile.ZipFile(file).read(f"runs/{run}/request.json"))
    more = {**request, "by": "somebody@example.org", "time_limit_s": "long", "cwd": "/"}
    elsewhere()
    studies.import_study(forged(file, tmp_path / "more.zip", {f"runs/{run}/request.json": json.dumps(more)}))
    taken = json.loads((runs_folder() / run / "request.json").read_text())
    assert taken.keys() == {*request, "study", "fresh", "imported"}
    assert Store().run(run).launched_by is None


@pytest.mark.parametrize(
    ("offset", "value", "words"),
    [
        (6, 1, "encrypted or packed in an unknown way"),  # the flag of a password
        (8, 99, "'study.json' is packed in an unknown way"),  # the number of the compression
        (45, 0xFF, "cannot be read as a study"),  # within what was packed
    ],
)
def test_a_spoilt_zip_is_one_sentence(runs, elsewhere, tmp_path, offset, value, words) -> None:
    file = tmp_path / "mine.zip"
    studies.export_study("mine", file, True)
    data = bytearray(file.read_bytes())
    data[offset] = value  # in the first member's own header, which is study.json's
    directory = data.index(b"PK\x01\x02")
    if offset < 10:  # and in the list of contents, where it stands two bytes later
        data[directory + offset + 2] = value
    file.write_bytes(data)
    elsewhere()
    with pytest.raises(BadInput, match=words):
        studies.import_study(file)
    assert not list(runs_folder().iterdir())


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_no_export_packs_with_is_never_unpacked(runs, elsewhere, tmp_path, method) -> None:
    with zipfile.ZipFile(tmp_path / "spoilt.zip", "w", method) as bundle:
        bundle.writestr("study.json", json.dumps({"format": 1, "name": "x"}))
    data = bytearray((tmp_path / "spoilt.zip").read_bytes())
    data[50:60] = bytes(10)  # within what was packed
    (tmp_path / "spoilt.zip").write_bytes(data)
    elsewhere()
    with pytest.raises(BadInput, match=r"This is no study: 'study\.json' is packed in an unknown way\."):
        studies.import_study(tmp_path / "spoilt.zip")


FAR = b"\x01\x00\x08\x00" + bytes([255] * 8)
"""What the list of contents adds of a file that begins further on than can be counted."""


@pytest.mark.parametrize(
    ("name", "extra", "change"),
    [
        ("\xff\xff", b"", {}),  # told to be UTF-8
        ("study.json", FAR, {42: bytes([255] * 4)}),  # where it begins
        ("study.json", b"", {20: bytes([0, 0, 99, 0]), 24: bytes([0, 0, 99, 0])}),  # how long it is
    ],
)
def test_what_zipfile_has_no_word_for_is_one_sentence(elsewhere, tmp_path, name, extra, change) -> None:
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as bundle:
        bundle.writestr(zipfile.ZipInfo(name), b"{}")
        bundle.filelist[0].extra = extra
    data = bytearray((tmp_path / "odd.zip").read_bytes().replace("\xff".encode(), b"\xff\xff"))
    for place, value in change.items():
        place += data.rindex(b"PK\x01\x02")
        data[place : place + 4] = value
    (tmp_path / "odd.zip").write_bytes(data)
    elsewhere()
    with pytest.raises(BadInput, match=r"^'odd\.zip' cannot be read as a study: it is damaged\.$"):
        studies.import_study(tmp_path / "odd.zip")


def test_a_directory_that_no_study_has_is_refused_before_it_is_read(runs, elsewhere, tmp_path, monkeypatch) -> None:
    def sized(name: str, names: list[str], told: int | None = None) -> Path:
        with zipfile.ZipFile(tmp_path / name, "w") as bundle:
            for one in names:
                bundle.writestr(one, b"")
        if told:  # how many there are said to be, which nobody has to believe
            data = bytearray((tmp_path / name).read_bytes())
            end = data.rindex(b"PK\x05\x06")
            data[end + 8 : end + 12] = 2 * told.to_bytes(2, "little")
            (tmp_path / name).write_bytes(data)
        return tmp_path / name

    many, lied = [f"{number:x}" for number in range(60)], sized("lied.zip", [f"{n:x}" for n in range(60)], 3)
    cases = [(sized("many.zip", many), "This study holds more than 50 files"), (lied, "This study holds more than 50")]
    with monkeypatch.context() as patch:
        patch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 20)  # beyond, it is written with the records of zip64
        cases.append((sized("zip64.zip", many), "This study holds more than 50 files"))
        cases.append((sized("long.zip", [f"{n:x}" * 600 for n in range(20)]), "the list of its files takes 1"))
    elsewhere()
    monkeypatch.setattr(studies, "MOST_FILES", 50)
    monkeypatch.setattr(zipfile, "ZipInfo", None)  # of which there is one for each file
    for path, words in cases:
        with pytest.raises(BadInput, match=words):
            studies.import_study(path)


def test_a_text_unpacks_to_no_more_than_it_says(runs, elsewhere, tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("study.json", bytes(200_000_000))
    data = bytearray((tmp_path / "bomb.zip").read_bytes())
    directory = data.rindex(b"PK\x01\x02")
    for place in (22, directory + 24):
        data[place : place + 4] = (1000).to_bytes(4, "little")
    (tmp_path / "bomb.zip").write_bytes(data)
    elsewhere()
    tracemalloc.start()
    with pytest.raises(BadInput, match="cannot be read as a study"):
        studies.import_study(tmp_path / "bomb.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize("error", [ExplorerError("The index is busy."), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["refresh", "describe"])
def test_an_import_that_fails_late_leaves_nothing(runs, elsewhere, tmp_path, monkeypatch, where, error) -> None:
    study_facts.describe("mine", "Widths")
    studies.export_study("mine", tmp_path / "mine.zip", True)
    with zipfile.ZipFile(tmp_path / "mine.zip") as bundle:
        first = {name: None for name in bundle.namelist() if f"/{runs[1]}/" in name}
    there = elsewhere()
    studies.import_study(forged(tmp_path / "mine.zip", tmp_path / "first.zip", first), "another")
    refresh, refreshed = Store.refresh, []

    def busy(*given: str) -> Any:
        refreshed.append(given[-1])
        if len(refreshed) == 2 or where == "describe":
            raise error
        return refresh(*given)

    with monkeypatch.context() as patch, pytest.raises(type(error)):
        patch.setattr(*((Store, "refresh") if where == "refresh" else (study_facts, "describe")), busy)
        studies.import_study(tmp_path / "mine.zip")
    assert [path.name for path in runs_folder().iterdir()] == runs[:1] and not list(there.glob("new-*"))
    assert {row.run: row.studies for row in Store().runs() if not row.recorded} == {runs[0]: ("another",)}
    found = studies.import_study(tmp_path / "mine.zip")
    assert (found.new, found.known, found.joined) == ((runs[1],), (runs[0],), (runs[0],))
    assert about("mine").description == "Widths"


def test_two_tabs_take_in_the_same_file(runs, elsewhere, tmp_path, monkeypatch) -> None:
    studies.export_study("mine", tmp_path / "mine.zip", True)
    there, barrier, unpack = elsewhere(), Barrier(2), studies._unpack

    def together(bundle: Any, draft: Path, *given: Any) -> None:
        if draft.name == runs[0]:
            barrier.wait(20)  # neither run was here when they looked
        unpack(bundle, draft, *given)

    monkeypatch.setattr(studies, "_unpack", together)
    with ThreadPoolExecutor(2) as tabs:
        found = list(tabs.map(studies.import_study, [tmp_path / "mine.zip"] * 2))
    assert sorted((one.new, one.known, one.joined) for one in found) == [((), tuple(runs), ()), (tuple(runs), (), ())]
    assert sorted(path.name for path in runs_folder().iterdir()) == runs and not list(there.glob("new-*"))


@pytest.mark.parametrize("begins", ["an import", "a supervisor"])
def test_what_a_killed_import_left_goes_when_nobody_uses_it(runs, elsewhere, tmp_path, monkeypatch, begins) -> None:
    studies.export_study("mine", tmp_path / "mine.zip")
    there = elsewhere()
    for name, minutes in {"new-import-a": 61, "new-run-1-2": 61, "new-import-b": 59, "newer": 61}.items():
        (there / name / "artefact").mkdir(parents=True)
        os.utime(there / name, (time.time() - 60 * minutes,) * 2)
    monkeypatch.setenv("EXPLORER_IDLE_S", "0")
    supervisor.main() if begins == "a supervisor" else studies.import_study(tmp_path / "mine.zip")
    assert sorted(path.name for path in there.glob("new*")) == ["new-import-b", "newer"]


def test_a_study_comes_in_only_where_there_is_room(runs, elsewhere, tmp_path, monkeypatch, capsys) -> None:
    file = tmp_path / "mine.zip"
    studies.export_study("mine", file, True)
    there = elsewhere()
    usage = shutil.disk_usage(there)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=SPARE_BYTES + 1000))
        with pytest.raises(ExplorerError, match=r"The disk has 500 MB left, and \d+.* kB more are needed"):
            studies.import_study(file)
    monkeypatch.setenv("EXPLORER_QUOTA_GB", "0.00001")
    assert cli.main(["import-study", str(file)]) == 1
    assert "more would exceed the quota of 10.0 kB" in capsys.readouterr().err
    assert not list(runs_folder().iterdir()) and not list(there.glob("new-*"))
    monkeypatch.delenv("EXPLORER_QUOTA_GB")
    assert studies.import_study(file).new == tuple(runs)
    monkeypatch.setenv("EXPLORER_QUOTA_GB", f"{folder_bytes(there) / 1e9 + 1e-6}")
    assert studies.import_study(file).known == tuple(runs)  # of which nothing is unpacked


def test_a_study_cannot_pass_for_the_recorded_one(runs, elsewhere, tmp_path) -> None:
    file = tmp_path / "mine.zip"
    studies.export_study("mine", file)
    named = forged(file, tmp_path / "recorded.zip", {"study.json": json.dumps({"format": 1, "name": "recorded"})})
    elsewhere()
    assert studies.import_study(named).study == "imported"


def test_what_cannot_be_exported_is_said(runs, tmp_path) -> None:
    with pytest.raises(BadInput, match="'none' has no finished runs"):
        studies.export_study("none", tmp_path / "x.zip")
    (tmp_path / "x.zip").touch()
    with pytest.raises(BadInput, match="is there already"):
        studies.export_study("mine", tmp_path / "x.zip")
    (runs_folder() / runs[0] / "result.json").rename(tmp_path / "result.json")
    with pytest.raises(BadInput, match=r"The study cannot be written to .*: no such file or directory"):
        studies.export_study("mine", tmp_path / "y.zip")


def test_what_no_import_would_take_is_refused_before_it_is_written(runs, elsewhere, tmp_path, monkeypatch) -> None:
    file = tmp_path / "mine.zip"
    with monkeypatch.context() as patch:
        patch.setattr(studies, "MOST_FILES", 10)
        words = (
            r"The study 'mine' has 11 files of [\d.]+ kB in all, and a study's file holds at most 10 files of 4.00 GB;"
        )
        with monkeypatch.context() as no_zip, pytest.raises(BadInput, match=words):
            no_zip.setattr(zipfile, "ZipFile", None)
            studies.export_study("mine", file, True)
        studies.export_study("mine", tmp_path / "small.zip")
        patch.setattr(studies, "MOST_FILES", 11)
        studies.export_study("mine", tmp_path / "whole.zip", True)
        patch.setattr(studies, "MOST_BYTES", 1000)
        with pytest.raises(
            BadInput, match=r"a study's file holds at most 11 files of 1.00 kB; leave out the model files"
        ):
            studies.export_study("mine", file)
        elsewhere()
        with pytest.raises(BadInput, match="This study holds more than 11 files or 1e-06 GB"):
            studies.import_study(tmp_path / "small.zip")
    assert sorted(path.name for path in tmp_path.glob("*.zip")) == ["small.zip", "whole.zip"]
    assert not list(tmp_path.glob(".mine*"))
    assert list(studies.import_study(tmp_path / "whole.zip").new) == runs


def test_what_an_import_would_call_a_bomb_is_no_export(runs, tmp_path) -> None:
    (runs_folder() / runs[0] / "artefact" / "zeros.bin").write_bytes(bytes(1_000_000))
    with pytest.raises(BadInput, match=r"zeros.bin' would unpack to 1,000,000 bytes"):
        studies.export_study("mine", tmp_path / "mine.zip", True)
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


@pytest.mark.slow
def test_a_hundred_thousand_runs_are_not_too_many_files(tmp_path) -> None:
    """All but their texts is taken in: these are no results."""
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as bundle:
        bundle.writestr("study.json", json.dumps({"format": studies.FORMAT, "name": "many"}))
        for number in range(100_000):
            for name in RESULT_REQUEST:
                bundle.writestr(f"runs/20260101-000000-{number:06x}/{name}.json", "{}")
    with pytest.raises(BadInput, match="The result of run '20260101-000000-000000' is not one"):
        studies.import_study(tmp_path / "many.zip")


def test_exported_results_are_results(runs, tmp_path) -> None:
    studies.export_study("mine", tmp_path / "x.zip")
    bundle = zipfile.ZipFile(tmp_path / "x.zip")
    assert all(Result.model_validate_json(bundle.read(f"runs/{run}/result.json")).run == run for run in runs)


def test_commands_describe_put_away_duplicate_and_delete(runs, capsys) -> None:
    assert cli.main(["describe-study", "mine", "Widths of layers"]) == 0
    assert about("mine").description == "Widths of layers"
    assert cli.main(["archive-study", "mine"]) == 0 and about("mine").archived
    assert cli.main(["archive-study", "mine", "--back"]) == 0 and not about("mine").archived
    assert cli.main(["duplicate-study", "mine", "another"]) == 0
    assert [row.run for row in Store().runs(study="another")] == runs
    assert capsys.readouterr().out.endswith("2 runs belong to 'another' too.\n")
    assert cli.main(["describe-study", "none", "x"]) == 2
    assert cli.main(["delete", runs[0]]) == 0
    assert [row.run for row in Store().runs(study="mine")] == runs[1:]
    assert cli.main(["restore", runs[0]]) == 0
    assert [row.run for row in Store().runs(study="mine")] == runs
