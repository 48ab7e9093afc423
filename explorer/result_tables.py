"""Results of several variants as one flat table for spreadsheets and notebooks: CSV, JSON or Parquet."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from explorer.errors import BadInput
from explorer.export import portable
from explorer.runlike import RunLike
from explorer.variants import flatten

Form = Literal["csv", "json", "parquet"]
FORMS: tuple[Form, ...] = get_args(Form)
MEDIA_TYPES = {"csv": "text/csv", "json": "application/json", "parquet": "application/vnd.apache.parquet"}

COLUMNS: dict[str, type] = {
    "run": str,
    "model": str,
    "label": str,
    "studies": str,
    "recorded": bool,
    "imported": bool,
    "launched_by": str,
    "task": str,
    "family": str,
    "families": str,
    "seed": int,
    "digest": str,
    "host": str,
    "measured_on": str,
    "target": str,
    "batch": int,
    "sequence": int,
    "lengths": str,
    "input_kind": str,
    "available": bool,
    "reason": str,
    "estimated": bool,
    "reported": bool,
    "file_bytes": int,
    "zipped_bytes": int,
    "parameters": int,
    "nonzero_parameters": int,
    "accuracy": float,
    "accuracy_low": float,
    "accuracy_high": float,
    "accuracy_target": str,
    "baseline_accuracy": float,
    "baseline_accuracy_low": float,
    "baseline_accuracy_high": float,
    "difference": float,
    "difference_low": float,
    "difference_high": float,
    "within_noise": bool,
    "p50_ms": float,
    "p50_low_ms": float,
    "p50_high_ms": float,
    "p90_ms": float,
    "p95_ms": float,
    "p99_ms": float,
    "p90_low_ms": float,
    "p90_high_ms": float,
    "p95_low_ms": float,
    "p95_high_ms": float,
    "p99_low_ms": float,
    "p99_high_ms": float,
    "baseline_p50_ms": float,
    "baseline_p50_low_ms": float,
    "baseline_p50_high_ms": float,
    "throughput_per_s": float,
    "speedup": float,
    "speedup_low": float,
    "speedup_high": float,
    "noisy": bool,
    "noise_reason": str,
    "peak_rss_bytes": int,
    "cold_start_ms": float,
    "recipe": str,
}
"""The columns and their types. Accuracy and its differences are fractions, of validation inputs; every quantity with a
unit carries it in its name. ``sequence`` counts tokens of a text or pixels of an image's side. ``recipe`` is JSON."""

RENAMED = {"date": "measured_on", "kind": "input_kind"}
LEFT_OUT = ("derived", "estimate")
"""Fields of ``Variant`` that no row of a run's own has."""


class Told(RunLike, Protocol):
    """What is read of a run; ``explorer.store.RunRow`` has it."""

    @property
    def recipe(self) -> dict[str, Any]: ...
    @property
    def launched_by(self) -> str | None: ...


def flat_rows(runs: Iterable[Told]) -> list[dict[str, Any]]:
    """One row per variant, target, batch size and length, with ``COLUMNS`` in order; None where nothing is known."""
    finished = [run for run in runs if run.finished]
    more = {run.run: _of_run(run, run.result or {}) for run in finished}
    rows = []
    for variant in flatten(finished):
        fields = {RENAMED.get(name, name): value for name, value in asdict(variant).items()} | more[variant.run]
        fields |= {name: "; ".join(fields[name]) for name in ("studies", "families")}
        rows.append({name: fields[name] for name in COLUMNS})
    return rows


def _of_run(run: Told, result: dict[str, Any]) -> dict[str, Any]:
    """What is the same in all rows of a run; without this machine's folders."""
    recipe = portable(run.recipe)
    text = json.dumps(recipe, ensure_ascii=False)
    made = {"launched_by": run.launched_by, "digest": result.get("digest")}
    return {"model": recipe["model"], "seed": recipe.get("seed", 0), "recipe": text, **made}


def written(rows: Sequence[dict[str, Any]], form: Form) -> bytes:
    """The rows as the content of a file."""
    writers: dict[Form, Callable[[Sequence[dict[str, Any]]], bytes]] = {
        "csv": _csv,
        "json": _json,
        "parquet": _parquet,
    }
    return writers[form](rows)


def _csv(rows: Sequence[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is given an apostrophe before it, which makes it a text."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _json(rows: Sequence[dict[str, Any]]) -> bytes:
    return (json.dumps(list(rows), indent=1, ensure_ascii=False) + "\n").encode()


def _parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    types = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
    schema = pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), content)
    return content.getvalue()


def save(rows: Sequence[dict[str, Any]], form: Form, to: Path) -> Path:
    """Write the rows to ``to``, which appears whole or not at all; raises ``BadInput`` where it cannot be written."""
    content = written(rows, form)
    draft = to.with_name(f".{to.name}-{os.getpid()}")
    try:
        draft.write_bytes(content)
        draft.replace(to)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        cause = (error.strerror or type(error).__name__).lower()
        raise BadInput(f"'{to}' cannot be written: {cause}; expected is a file in a folder that is there.") from None
    return to
