"""A study as one file: its finished runs with their recipes and results, and their model files where wanted.

The file is a zip. What comes from elsewhere is checked before anything is unpacked: names, sizes, that results are
results under their recipe's digest with figures that can be, and that model files are those which the results name.
Nothing in it is ever executed or unpickled.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import struct
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from explorer import ENGINE_VERSION, strict_json, studies
from explorer.access import check_may_change
from explorer.artefacts import MODEL_FILE, artefact_digest, artefact_files, model_sha256
from explorer.errors import BadInput, ExplorerError, given
from explorer.export import is_place, portable
from explorer.home import home, runs_folder, writing
from explorer.housekeeping import check_space
from explorer.jobs.processes import hold
from explorer.models import model_digest, zoo
from explorer.quantities import file_size
from explorer.recipe import Recipe, digest
from explorer.result import Moment, Result
from explorer.rundir import RunFolder, drop_old_drafts, sync, write_whole
from explorer.store import RunRow, Store
from explorer.tasks import task_digest

FORMAT = 1
MOST_FILES, MOST_BYTES, MOST_RATIO, MOST_TEXT_BYTES = 300_000, 4_000_000_000, 200, 20_000_000
"""Of files enough for 100,000 runs without model files, which have two each."""
MOST_ENTRY_BYTES = 200
"""What the zip's list of contents takes for a file with the longest name that an export gives, and some room."""
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
STUDY_FILE = "study.json"
_RUN = r"runs/(?P<run>[0-9]{8}-[0-9]{6}-[0-9a-f]{6})/"
_TEXTS = re.compile(_RUN + r"(?P<name>request\.json|result\.json)")
_FILES = re.compile(_RUN + r"artefact/(?:torch/)?(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]{0,80})")


@dataclass(frozen=True)
class Imported:
    """The study's name here, the runs that are new, those that were there already, and which of these joined it."""

    study: str
    new: tuple[str, ...]
    known: tuple[str, ...]
    joined: tuple[str, ...]


def export_study(name: str, to: Path, with_artefacts: bool = False) -> int:
    """Write the finished runs of one's own in a study to the zip ``to``; returns how many.

    Folders of this machine are not in it. Raises ``BadInput`` where there is nothing to write, ``to`` is taken, or
    ``import_study`` would refuse the file; then there is none.
    """
    rows = [row for row in Store().runs(study=name, states=["done"], with_results=False) if not row.recorded]
    if not rows:
        raise BadInput(f"The study '{name}' has no finished runs of your own.")
    if to.exists():
        raise BadInput(f"'{to}' is there already; expected is the name of a new file.")
    draft = to.with_name(f".{to.name}-{uuid.uuid4().hex[:8]}")
    try:
        _check_room_in_file(name, [runs_folder() / row.run for row in rows], with_artefacts)
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as bundle:
            facts = {"format": FORMAT, "name": name, "description": studies.study(name).description}
            bundle.writestr(STUDY_FILE, json.dumps(facts | {"runs": [row.run for row in rows]}))
            for row in rows:
                _write_run(bundle, row, with_artefacts)
        with _opened(draft) as bundle:
            _checked(bundle)
        draft.replace(to)
    except OSError as error:
        raise BadInput(f"The study cannot be written to '{to}': {(error.strerror or str(error)).lower()}.") from None
    finally:
        draft.unlink(missing_ok=True)
    return len(rows)


def _check_room_in_file(name: str, folders: list[Path], with_artefacts: bool) -> None:
    """Raise ``BadInput`` where the runs have more files or bytes than a study's file may hold."""
    texts = [(folder / f"{kind}.json").stat().st_size for folder in folders for kind in ("request", "result")]
    models = [artefact_files(folder / "artefact") for folder in folders] if with_artefacts else []
    files, size = 1 + len(texts) + sum(map(len, models)), sum(texts) + sum(sum(sizes.values()) for sizes in models)
    if files > MOST_FILES or size > MOST_BYTES:
        raise BadInput(
            f"The study '{name}' has {files:,} files of {file_size(size)} in all, and a study's file holds at most "
            f"{MOST_FILES:,} files of {file_size(MOST_BYTES)}; leave out the model files, or delete runs that you do "
            "not need."
        )


def _write_run(bundle: zipfile.ZipFile, row: RunRow, with_artefacts: bool) -> None:
    folder = RunFolder(runs_folder() / row.run)
    request, result = folder.request() or {}, json.loads((folder.path / "result.json").read_text(encoding="utf-8"))
    kept = {key: request.get(key) for key in ("run", "digest", "created_at")} | {"recipe": portable(request["recipe"])}
    bundle.writestr(f"runs/{row.run}/request.json", json.dumps(kept))
    result["recipe"] = portable(result["recipe"])
    bundle.writestr(f"runs/{row.run}/result.json", json.dumps(result))
    artefact = folder.path / "artefact"
    for place in artefact_files(artefact) if with_artefacts else ():
        bundle.write(artefact / place, f"runs/{row.run}/artefact/{place}")


def import_study(path: Path, name: str | None = None) -> Imported:
    """Take in a study's file under ``name``, by default its own.

    Runs that are here already stay as they are, and belong to that study too.

    Raises ``BadInput`` with one sentence for a file that is no study, or that is not what it says, and
    ``ExplorerError`` where there is no room for it; nothing of it stays.
    """
    check_may_change()
    try:
        with _opened(path) as bundle:
            return _take_in(bundle, name)
    except ExplorerError:
        raise
    except (zipfile.BadZipFile, zlib.error, OSError) as error:
        raise BadInput(f"'{path.name}' cannot be read as a study: {str(error).lower()}.") from None
    except (RuntimeError, NotImplementedError):  # what zipfile raises for a password and for later kinds of zips
        raise BadInput(
            f"'{path.name}' cannot be read as a study: it is encrypted or packed in an unknown way."
        ) from None
    except (ValueError, EOFError, OverflowError, struct.error):  # and for names, dates and places that are none
        raise BadInput(f"'{path.name}' cannot be read as a study: it is damaged.") from None


class _Listed(io.BufferedReader):
    """The zip's bytes; its list of contents, which ``zipfile`` reads at once, is no larger than that of any study.

    Each file in that list costs ``zipfile`` half a kilobyte, and how many there are said to be need not be true.
    """

    opening = True

    def read(self, size: int | None = -1, /) -> bytes:
        """As any file's; raises ``BadInput`` for such a list."""
        if self.opening and (size or 0) > MOST_FILES * MOST_ENTRY_BYTES:
            raise BadInput(f"This is no study: the list of its files takes {size:,} bytes.")
        data = super().read(size)
        if self.opening and data.count(b"PK\x01\x02") > MOST_FILES:  # with which each file in the list begins
            raise _too_large()
        return data


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    with _Listed(path.open("rb", buffering=0)) as file, zipfile.ZipFile(file) as bundle:
        file.opening = False
        yield bundle


def _too_large() -> BadInput:
    return BadInput(f"This study holds more than {MOST_FILES:,} files or {MOST_BYTES / 1e9:g} GB.")


def _take_in(bundle: zipfile.ZipFile, name: str | None) -> Imported:
    members = _checked(bundle)
    study = studies.check_name(name or _study_name(bundle))
    known = {run for run in members if (runs_folder() / run).exists()}
    drop_old_drafts(home())
    check_space(sum(info.file_size for run in members if run not in known for info in members[run].values()))
    digests: dict[str, str] = {}
    drafts = home() / f"new-import-{uuid.uuid4().hex}"
    drafts.mkdir()
    try:
        for run, places in members.items():
            texts = _texts(bundle, run)
            digests[run] = texts[0]["digest"]
            if run not in known:
                _unpack(bundle, drafts / run, texts, places, study)
        return _settle(bundle, drafts, digests, study)
    finally:
        shutil.rmtree(drafts, ignore_errors=True)


def _settle(bundle: zipfile.ZipFile, drafts: Path, digests: dict[str, str], study: str) -> Imported:
    """Let the runs in ``drafts`` be there, and those that are here by now belong to the study: all of it or nothing."""
    with writing(), hold(home() / "submit.lock"), ExitStack() as undo:
        new = [run for run in digests if (drafts / run).exists() and not (runs_folder() / run).exists()]
        known = [run for run in digests if run not in set(new)]
        for run in new:
            undo.callback(_take_back, run, drafts)
            (drafts / run).rename(runs_folder() / run)
        sync(runs_folder())
        for run in new:
            Store().refresh(run)
        joined = [run for run in known if _join(run, digests[run], study, undo)]
        _describe(bundle, study)
        undo.pop_all()
    return Imported(study, tuple(new), tuple(known), tuple(joined))


def _take_back(run: str, drafts: Path) -> None:
    if not (drafts / run).exists():
        (runs_folder() / run).rename(drafts / run)
        with suppress(ExplorerError):  # whoever looks next finds it gone
            Store().refresh(run)


def _join(run: str, digest: str, study: str, undo: ExitStack) -> bool:
    """Let a run that is here belong to the study as well; False where it does already, or is another run."""
    folder = RunFolder(runs_folder() / run)
    joins = Store().run(run).digest == digest and folder.add_study(study)
    if joins:
        undo.callback(_leave, folder, study)
        Store().refresh(run)
    return joins


def _leave(folder: RunFolder, study: str) -> None:
    folder.drop_study(study)
    with suppress(ExplorerError):
        Store().refresh(folder.run)


def _describe(bundle: zipfile.ZipFile, study: str) -> None:
    """Say about the study what was said about it elsewhere, unless something is said about it here."""
    text = _json(bundle, STUDY_FILE).get("description")
    if isinstance(text, str) and text and study in Store().studies() and not studies.study(study).description:
        studies.describe(study, text[: studies.MOST_DESCRIPTION])


def _checked(bundle: zipfile.ZipFile) -> dict[str, dict[str, zipfile.ZipInfo]]:
    """The members by run, in order, and place within it; raises ``BadInput`` for names and sizes that no export has."""
    infos = bundle.infolist()
    if len(infos) > MOST_FILES or sum(info.file_size for info in infos) > MOST_BYTES:
        raise _too_large()
    found: dict[str, dict[str, zipfile.ZipInfo]] = {}
    for info in infos:
        text, file = _TEXTS.fullmatch(info.filename), _FILES.fullmatch(info.filename)
        match, about = text or file, info.filename == STUDY_FILE
        if not about and (match is None or match["name"] in (".", "..")):
            raise BadInput(f"This is no study: it holds '{info.filename[:80]}'.")
        if info.compress_type not in METHODS:
            raise BadInput(f"This is no study: '{info.filename}' is packed in an unknown way.")
        if info.file_size > MOST_RATIO * max(info.compress_size, 1) or (not file and info.file_size > MOST_TEXT_BYTES):
            raise BadInput(f"'{info.filename}' would unpack to {info.file_size:,} bytes, which no study's file does.")
        if match is not None:
            found.setdefault(match["run"], {})[info.filename.split("/", 2)[2]] = info
    return dict(sorted(found.items()))


def _study_name(bundle: zipfile.ZipFile) -> str:
    fields = _json(bundle, STUDY_FILE)
    if fields.get("format") != FORMAT or not isinstance(fields.get("name"), str) or not fields["name"].strip():
        raise BadInput(f"'{STUDY_FILE}' is missing or of another format; expected is format {FORMAT} with a name.")
    given = str(fields["name"]).strip()[:100]
    return given if given != "recorded" else "imported"


def _texts(bundle: zipfile.ZipFile, run: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Request and result of a run, checked against each other; their recipe has every parameter written out."""
    request, result = (_json(bundle, f"runs/{run}/{name}.json") for name in ("request", "result"))
    try:
        parsed = Result.model_validate(result, strict=True)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise BadInput(f"The result of run '{run}' is not one: '{place}' is missing or wrong.") from None
    same = request.get("recipe") == parsed.recipe and request.get("digest") and parsed.run == run == request.get("run")
    if not same:
        raise BadInput(f"The request and the result of run '{run}' do not belong together.")
    recipe, made_at = _recipe(parsed.recipe, run), _moment(request.get("created_at"), run)
    if _digest(recipe, parsed) not in (None, parsed.digest):
        raise BadInput(f"The digest of run '{run}' is not that of its recipe.")
    kept = {"run": run, "digest": parsed.digest, "created_at": made_at, "recipe": recipe.plain()}
    return kept, {**result, "recipe": recipe.plain()}


def _recipe(fields: dict[str, Any], run: str) -> Recipe:
    try:
        recipe = Recipe.parse(fields)
    except ExplorerError as error:
        raise BadInput(f"The recipe of run '{run}' cannot be used here: {error}") from None
    for name in (recipe.model, recipe.data or ""):
        if is_place(name):  # of this machine, if it were looked for
            raise BadInput(
                f"The recipe of run '{run}' names '{name[:80]}', which is a place on some machine; expected is a name, "
                "as exports have it."
            )
    return recipe


def _moment(text: Any, run: str) -> str:
    try:
        return TypeAdapter(Moment).validate_python(text, strict=True)
    except ValidationError:
        raise BadInput(
            f"The run '{run}' was made at {given(text)}; expected is a date with time and zone, such as "
            "2026-11-20T10:00:00+00:00."
        ) from None


def _digest(recipe: Recipe, result: Result) -> str | None:
    """The digest of the result's recipe by the engine that made it; None where it cannot be known here.

    That is so without the model and data at hand, which come with this program or not at all, and where another engine
    knew other parameters of the steps.
    """
    other = result.engine != ENGINE_VERSION and result.recipe.get("steps") != recipe.plain()["steps"]
    if other or recipe.model not in zoo.NAMES or recipe.data is not None:
        return None
    try:
        return digest(recipe, model_digest(recipe.model), task_digest(recipe.model, None), engine=result.engine)
    except ExplorerError:
        return None


def _json(bundle: zipfile.ZipFile, name: str) -> dict[str, Any]:
    try:
        info = bundle.getinfo(name)
    except KeyError:
        raise BadInput(f"This is no study: '{name}' is missing.") from None
    with bundle.open(info) as file:
        data = file.read(info.file_size)  # without a number it would be whatever it unpacks to
    try:
        fields = strict_json.loads(data)
    except ValueError as error:
        raise BadInput(f"This is no study: '{name}' cannot be read: {error}.") from None
    if not isinstance(fields, dict):
        raise BadInput(f"This is no study: '{name}' is no object.")
    return fields


def _unpack(
    bundle: zipfile.ZipFile,
    draft: Path,
    texts: tuple[dict[str, Any], dict[str, Any]],
    places: dict[str, zipfile.ZipInfo],
    study: str,
) -> None:
    """The run's folder as ``draft``, whole, before it gets to the others; a forged model file raises ``BadInput``."""
    request, result = texts
    draft.mkdir()
    for place, info in places.items():
        if not place.startswith("artefact/"):
            continue
        path = draft / place
        path.parent.mkdir(parents=True, exist_ok=True)
        with bundle.open(info) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    _check_files(draft / "artefact", result["artefact"], draft.name)
    write_whole(draft / "request.json", json.dumps({**request, "study": study, "fresh": False, "imported": True}))
    RunFolder(draft).write_result(json.dumps(result))


def _check_files(artefact: Path, told: dict[str, Any], run: str) -> None:
    """The model file must be the one that was measured, and all others those that the result names, unchanged."""
    if not artefact.exists():
        return
    model = artefact / MODEL_FILE
    if not model.is_file() or model_sha256(model) != told.get("model_sha256"):
        raise BadInput(f"The model file of run '{run}' is not the one that its result was measured on.")
    if artefact_files(artefact) != told["files"] or artefact_digest(artefact) != told["digest"]:
        raise BadInput(f"The files of run '{run}' beside its model are not those that its result names.")
