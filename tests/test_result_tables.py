"""Results as one flat table: which rows and columns, and the same values in every format."""

import csv
import dataclasses
import io
import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from explorer import cli
from explorer.errors import BadInput
from explorer.result_tables import COLUMNS, LEFT_OUT, RENAMED, flat_rows, save, written
from explorer.variants import Variant
from tests.support.sample_results import sample_runs, write_runs


@pytest.fixture
def runs():
    return sample_runs(4)


def test_every_field_of_a_variant_is_a_column_or_left_out_on_purpose():
    fields = {RENAMED.get(field.name, field.name) for field in dataclasses.fields(Variant)}
    assert set(COLUMNS) | set(LEFT_OUT) == fields | {"seed", "digest", "recipe", "launched_by"}


def test_one_row_per_variant_target_and_batch(runs):
    rows = flat_rows(runs)
    places = [(row["run"], row["target"], row["batch"], row["sequence"]) for row in rows]
    assert len(set(places)) == len(rows) == 4 * 3 * 2  # the GPU's rows say why there are no times
    assert all(list(row) == list(COLUMNS) for row in rows)


def test_values_are_the_results(runs):
    row = next(r for r in flat_rows(runs) if (r["run"], r["target"], r["batch"]) == ("sample-0002", "cpu-torch", 8))
    result = runs[2].result
    entry = next(e for e in result["latency"] if (e["target"], e["batch"]) == ("cpu-torch", 8))
    for name in ("p50_ms", "p50_low_ms", "p95_ms", "baseline_p50_ms", "speedup", "speedup_high", "throughput_per_s"):
        assert row[name] == entry[name]
    accuracy = next(e for e in result["accuracy"] if e["target"] == "cpu-torch")
    assert (row["accuracy"], row["accuracy_low"]) == (accuracy["value"], accuracy["ci_low"])
    assert {name: row[name] for name in result["size"]} == result["size"]
    assert (row["seed"], row["digest"], row["measured_on"]) == (0, result["digest"], "2026-11-20")
    assert json.loads(row["recipe"]) == runs[2].recipe


def test_what_was_not_there_says_why(runs):
    row = next(row for row in flat_rows(runs) if row["target"] == "cuda-onnxruntime")
    assert (row["available"], row["p50_ms"]) == (False, None)
    assert row["reason"] == "no NVIDIA GPU was found on this machine"


def test_who_launched_a_run_is_in_its_rows(runs):
    rows = flat_rows([replace(runs[0], launched_by="a@b.c"), runs[1]])
    assert {(row["run"], row["launched_by"]) for row in rows} == {(runs[0].run, "a@b.c"), (runs[1].run, None)}


def test_runs_without_a_result_have_no_rows(runs):
    assert flat_rows([replace(runs[0], result=None)]) == []


def test_all_formats_hold_the_same(runs):
    rows = flat_rows(runs)
    assert json.loads(written(rows, "json")) == rows
    table = pq.read_table(io.BytesIO(written(rows, "parquet")))
    assert table.to_pylist() == rows
    assert [str(field.type) for field in table.schema][:5] == ["string", "string", "string", "string", "bool"]
    lines = list(csv.DictReader(io.StringIO(written(rows, "csv").decode())))
    assert [line["run"] for line in lines] == [row["run"] for row in rows]
    assert [line["p50_ms"] for line in lines] == ["" if r["p50_ms"] is None else repr(r["p50_ms"]) for r in rows]
    assert {line["available"] for line in lines} == {"true", "false"}


def test_columns_without_a_value_keep_their_type(runs):
    rows = [row for row in flat_rows(runs) if row["target"] == "cuda-onnxruntime"]
    schema = pq.read_table(io.BytesIO(written(rows, "parquet"))).schema
    assert str(schema.field("p50_ms").type) == "double" and str(schema.field("peak_rss_bytes").type) == "int64"


def test_no_rows_are_a_table_with_names():
    assert written([], "csv").decode() == ",".join(COLUMNS) + "\n"
    assert pq.read_table(io.BytesIO(written([], "parquet"))).column_names == list(COLUMNS)


def test_a_text_is_no_formula_in_a_spreadsheet(runs):
    odd = replace(runs[0], studies=("=HYPERLINK(1)",))
    line = next(csv.DictReader(io.StringIO(written(flat_rows([odd]), "csv").decode())))
    assert line["studies"] == "'=HYPERLINK(1)"
    assert json.loads(written(flat_rows([odd]), "json"))[0]["studies"] == "=HYPERLINK(1)"


def test_folders_of_this_machine_are_left_out(runs):
    own = replace(runs[0], model="/home/me/net", recipe={**runs[0].recipe, "model": "/home/me/net"})
    assert b"/home/me" not in written(flat_rows([own]), "json")


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path, runs):
    with pytest.raises(BadInput, match="cannot be written: no such file or directory"):
        save(flat_rows(runs), "csv", tmp_path / "nowhere" / "results.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run the command with four runs in its home; gives exit status, stdout and stderr."""
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    write_runs(tmp_path / "home" / "runs", [replace(run, studies=("mine",)) for run in sample_runs(4)])

    def run(*words):
        return cli.main(["results", *words]), *capsys.readouterr()

    return run


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_the_command_writes_a_study(call, tmp_path, form):
    to = tmp_path / f"results.{form}"
    status, out, _ = call("--study", "mine", "--format", form, "--to", str(to), "--json")
    assert (status, json.loads(out)["path"], json.loads(out)["rows"]) == (0, str(to), 24)
    assert {path.name for path in tmp_path.iterdir()} == {"home", to.name}
    if form == "csv":
        assert len(list(csv.DictReader(io.StringIO(to.read_text())))) == 24
    elif form == "json":
        assert len(json.loads(to.read_text())) == 24
    else:
        assert pq.read_table(to).num_rows == 24


def test_the_command_prints_single_runs(call):
    status, out, _ = call("--run", "sample-0001,sample-0002", "--run", "sample-0003")
    assert status == 0
    assert {line["run"] for line in csv.DictReader(io.StringIO(out))} == {f"sample-000{n}" for n in (1, 2, 3)}
    assert {row["run"] for row in json.loads(call("--run", "sample-0001", "--json")[1])} == {"sample-0001"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--study", "nowhere"), "There is no study 'nowhere'; known are mine"),
        (("--run", "nothing"), "There is no finished run 'nothing'"),
        (("--model", "nothing"), "No finished run fits what was asked for"),
        (("--format", "parquet"), "name the file to write with --to"),
        (("--format", "xml"), "xml"),
    ],
)
def test_bad_input_is_one_sentence(call, words, sentence):
    status, _, err = call(*words)
    assert status == 2 and sentence in err and "Traceback" not in err
