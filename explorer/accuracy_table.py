"""What each technique costs in accuracy, on real models: ``python -m explorer.accuracy_table``.

Makes and scores the artefact of every trial in ``explorer/trials.py`` that is not in the table yet, writes each row as
soon as it is there (stop it and start it again as you like), and writes ``docs/accuracy.md`` from the rows. Times are
no part of it, so that it may run beside other work. ``--write`` only writes the page.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from explorer import expectations
from explorer.errors import ExplorerError
from explorer.home import home
from explorer.labels import label
from explorer.recipe import Recipe
from explorer.result import Accuracy, Size
from explorer.technique import techniques
from explorer.trials import recipes

DOCS = Path(__file__).resolve().parents[1] / "docs"
ROWS, PAGE = DOCS / "accuracy.json", DOCS / "accuracy.md"
TARGET = "cpu-onnxruntime"
Row = dict[str, Any]

HEAD = """# What each technique costs in accuracy

Measured on the saved files in ONNX Runtime by `python -m explorer.accuracy_table`, which writes this page. Accuracy is
that of the validation split with its 95 % interval; the difference to the uncompressed model is paired, in percentage
points, and *noise* marks one that McNemar's test does not tell from chance. Sizes are shares of the uncompressed
file's: as it is, zipped, and its parameters that are not zero. Where a row was repeated with other seeds, their
accuracies stand beside it: they show the training noise, which the interval does not.
"""


def trial(recipe: Recipe) -> Row:
    """Make and score one recipe's artefact; the result as plain data. Raises ``ExplorerError``."""
    from explorer import pipeline
    from explorer.measure import lock, size

    bench = pipeline.Bench(recipe, lambda **_: None)
    with tempfile.TemporaryDirectory() as folder, lock.training_slot(home(), lambda text: None):
        artefact, baseline = Path(folder, "artefact"), bench.baseline_artefact()
        steps = bench.make_artefact(artefact, baseline)
        entries = bench.session(artefact, baseline).accuracies()
        small = size.measure_size(artefact / "model.onnx")
    full = Size.model_validate_json((baseline / pipeline.SIZE_FILE).read_text(encoding="utf-8"))
    return {
        "digest": bench.digest(len(recipe.steps)),
        "recipe": recipe.plain(),
        "validation": _score(entries, "validation"),
        "test": _score(entries, "test"),
        "size": small.model_dump(),
        "baseline_size": full.model_dump(),
        "notes": [note for step in steps for note in step.notes],
    }


def _score(entries: Sequence[Accuracy], split: str) -> Row:
    (entry,) = [entry for entry in entries if entry.split == split and entry.condition == "clean"]
    names = ("value", "ci_low", "ci_high", "samples", "difference", "difference_low", "difference_high", "within_noise")
    return {name: getattr(entry, name) for name in names}


def missing(rows: Iterable[Row], wanted: Sequence[Recipe]) -> list[Recipe]:
    """The recipes of which the table has no row."""
    there = {_identity(row["recipe"]) for row in rows}
    return [recipe for recipe in wanted if _identity(recipe.plain()) not in there]


def _identity(recipe: dict[str, Any]) -> str:
    return json.dumps([recipe["model"], recipe["steps"], recipe["seed"]], sort_keys=True)


def load() -> list[Row]:
    """The rows that are there."""
    rows: list[Row] = json.loads(ROWS.read_text(encoding="utf-8")) if ROWS.exists() else []
    return rows


def save(rows: Sequence[Row]) -> None:
    """Write all rows, one a line, in the order of the trials; rows of trials that are gone are dropped."""
    order = {_identity(recipe.plain()): place for place, recipe in enumerate(recipes())}
    kept = {_identity(row["recipe"]): row for row in rows if _identity(row["recipe"]) in order}
    lines = [json.dumps(kept[key]) for key in sorted(kept, key=order.__getitem__)]
    unfinished = ROWS.with_suffix(".tmp")
    unfinished.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    unfinished.replace(ROWS)


def page(rows: Sequence[Row]) -> str:
    """The page as Markdown: what was expected, and one table for each technique in the order of their list."""
    parts = [HEAD, expectations.section(rows)]
    for name, technique in techniques().items():
        own = [row for row in rows if _subject(row["recipe"]) == name and row["recipe"]["seed"] == 0]
        if own:
            parts.append(f"\n## {technique.title} (`{name}`)\n{technique.summary()}\n")
            parts.append("| model | recipe | accuracy | to the baseline | file | zipped | non-zero |")
            parts.append("|---|---|---|---|---|---|---|")
            parts += [_line(row, [other for other in rows if _is_repetition(other, row)]) for row in own]
    return "\n".join(parts) + "\n"


def _subject(recipe: dict[str, Any]) -> str:
    """The technique that a trial is about: its first step; others only make it work."""
    return str(recipe["steps"][0]["technique"])


def _is_repetition(other: Row, row: Row) -> bool:
    mine, theirs = row["recipe"], other["recipe"]
    return other is not row and (mine["model"], mine["steps"]) == (theirs["model"], theirs["steps"])


def _line(row: Row, again: Sequence[Row]) -> str:
    score, small, full = row["validation"], row["size"], row["baseline_size"]
    half = 100 * (score["ci_high"] - score["ci_low"]) / 2
    accuracy = f"{100 * score['value']:.1f} % ± {half:.1f}"
    if again:
        others = [f"{100 * other['validation']['value']:.1f}" for other in again]
        accuracy += f" (other seeds {', '.join(others)})"
    low, high = (100 * score[name] for name in ("difference_low", "difference_high"))
    change = f"{100 * score['difference']:+.1f} [{low:+.1f}, {high:+.1f}]" + (" noise" * bool(score["within_noise"]))
    shares = [small[name] / full[name] for name in ("file_bytes", "zipped_bytes", "nonzero_parameters")]
    cells = [
        f"`{row['recipe']['model']}`",
        label(row["recipe"]),
        accuracy,
        change,
        *(f"{share:.0%}" for share in shares),
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Do what is missing and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="only write the page from the rows that are there")
    parser.add_argument("--only", nargs="+", default=[], help="only trials of these techniques or models")
    given = parser.parse_args()
    rows = load()
    todo = [] if given.write else missing(rows, recipes())
    for recipe in todo:
        words = {recipe.model, *(step.name for step in recipe.steps)}
        if given.only and not words & set(given.only):
            continue
        try:
            rows.append(trial(recipe))
        except ExplorerError as error:
            print(f"{recipe.model}  {label(recipe.plain())}: {error}", file=sys.stderr, flush=True)
            continue
        save(rows)
        print(f"{recipe.model}  {label(recipe.plain())}  {100 * rows[-1]['validation']['value']:.1f} %", flush=True)
    PAGE.write_text(page(load()), encoding="utf-8")


if __name__ == "__main__":
    main()
