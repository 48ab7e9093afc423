"""Scores of attention heads: those that head pruning goes by."""

import pytest
import torch

from explorer import anatomy
from explorer.anatomy import background
from explorer.anatomy.heads_process import IMPORTANCES, KIND, MODULE, head_importance, scores
from explorer.errors import BadInput
from explorer.models.layers import attentions
from explorer.techniques.pruning.heads import PruneHeads
from tests.anatomy.test_background import until_over
from tests.models import tiny
from tests.techniques.workbench import workbench


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("kind", ["bert", "vit"])
@pytest.mark.parametrize("importance", IMPORTANCES)
def test_head_pruning_removes_the_head_with_the_lowest_score(kind, importance):
    bench = workbench(kind)
    subject, cut = bench.subject(), bench.subject()
    found = scores(subject, bench.context())[importance]
    PruneHeads(sparsity=0.5, importance=importance).apply(cut, bench.context())
    for layer, row in zip(attentions(bench.model), found, strict=True):
        assert len(row) == 2 and row[0] != row[1]
        best = max(range(2), key=lambda head: row[head])
        rows = slice(best * layer.head_size, (best + 1) * layer.head_size)
        whole = bench.model.get_submodule(layer.inputs[0]).weight[rows]
        assert torch.equal(cut.model.get_submodule(layer.inputs[0]).weight, whole)


def test_a_folder_and_its_data(tmp_path):
    tiny.save_bert(tmp_path / "m")
    found = head_importance(str(tmp_path / "m"), str(tiny.write_csv(tmp_path / "d.csv")))
    assert {name: [len(row) for row in rows] for name, rows in found.items()} == {key: [2, 2] for key in IMPORTANCES}
    query = tiny.bert().bert.encoder.layer[0].attention
    parts = [query.self.query, query.self.key, query.self.value]
    rows = sum(part.weight[:8].square().sum() + part.bias[:8].square().sum() for part in parts)
    assert found["l2"][0][0] == pytest.approx(
        float((rows + query.output.dense.weight[:, :8].square().sum()).detach()), rel=1e-5
    )
    assert all(score > 0 for rows in found.values() for row in rows for score in row)


def test_a_cnn_has_none():
    with pytest.raises(BadInput, match="'cnn-digits' is a CNN and has no attention heads; expected is a transformer"):
        head_importance("cnn-digits")


@pytest.mark.slow
def test_the_process_leaves_its_answer_under_the_models_digest(tmp_path):
    tiny.save_bert(tmp_path / "m")
    model, data = str(tmp_path / "m"), str(tiny.write_csv(tmp_path / "d.csv"))
    name = anatomy.key(model, data)
    background.start(KIND, name, MODULE, [model, data])
    work = until_over(KIND, name)
    assert work.state == "done", work.text
    assert work.answer == head_importance(model, data)
