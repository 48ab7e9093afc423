import json

import pytest
import torch
from safetensors.torch import load_file

from explorer.errors import BadInput
from explorer.models.modules import FactorizedEmbedding, LowRankLinear
from explorer.models.structure import describe, load_torch, save_torch
from explorer.techniques.pruning.neurons import PruneNeurons
from tests.models import tiny
from tests.techniques.workbench import KINDS, workbench


@pytest.mark.parametrize("kind", KINDS)
def test_an_untouched_model_needs_no_record(kind: str) -> None:
    assert list(describe(workbench(kind).model)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_uneven_widths_come_back(kind: str, tmp_path) -> None:
    bench = workbench(kind)
    subject = bench.subject()
    PruneNeurons(sparsity=0.4, scope="global", round_to=1).apply(subject, bench.context())
    records = list(describe(subject.model))
    assert records and all(record["kind"] in ("linear", "conv", "batch-norm") for record in records)
    save_torch(subject.model, tmp_path)
    assert torch.equal(bench.logits(load_torch(tmp_path)), bench.logits(subject.model))


def test_a_damaged_folder_is_one_sentence(tmp_path) -> None:
    with pytest.raises(BadInput, match="does not hold a saved model"):
        load_torch(tmp_path)
    save_torch(workbench("bert").model, tmp_path)
    structure = {"format": 1, "records": [{"module": "classifier", "kind": "conv", "in": 1, "out": 1, "groups": 1}]}
    (tmp_path / "structure.json").write_text(json.dumps(structure))
    with pytest.raises(BadInput, match="'classifier' is no conv"):
        load_torch(tmp_path)


def cut_and_shared() -> torch.nn.Module:
    """A model with every kind of record: shared layers, low-rank pairs, a narrow table, another hidden width."""
    model = tiny.bert()
    layers = model.bert.encoder.layer
    layers[0].intermediate.dense = LowRankLinear(16, 4, 32)
    layers[1] = layers[0]
    model.bert.embeddings.word_embeddings = FactorizedEmbedding(len(tiny.WORDS), 4, 16, padding_idx=0)
    return model.eval()


def narrow_vit() -> torch.nn.Module:
    """A vision transformer whose class token, positions and norms lost half of their width."""
    model = tiny.vit()
    half = {"cls_token": (1, 1, 8), "position_embeddings": (1, 5, 8)}
    for name, shape in half.items():
        setattr(model.vit.embeddings, name, torch.nn.Parameter(torch.randn(shape)))
    model.vit.layernorm = torch.nn.LayerNorm(8)
    model.classifier = torch.nn.Linear(8, 2)
    return model


@pytest.mark.parametrize("make", [cut_and_shared, narrow_vit])
def test_every_kind_of_edit_is_rebuilt(make, tmp_path):
    model = make()
    save_torch(model, tmp_path)
    again = load_torch(tmp_path)
    assert [type(module) for module in again.modules()] == [type(module) for module in model.modules()]
    assert list(again.state_dict()) == list(model.state_dict())
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


def test_shared_layers_stay_shared_and_are_stored_once(tmp_path):
    model = cut_and_shared()
    save_torch(model, tmp_path)
    stored = load_file(tmp_path / "model.safetensors")
    assert not [name for name in stored if name.startswith("bert.encoder.layer.1.")]
    again = load_torch(tmp_path)
    assert again.bert.encoder.layer[0] is again.bert.encoder.layer[1]
    ids = {"input_ids": torch.tensor([[2, 5, 9, 3]])}
    assert torch.equal(again(**ids).logits, model(**ids).logits)


def test_a_record_that_does_not_fit_is_refused(tmp_path):
    save_torch(cut_and_shared(), tmp_path)
    path = tmp_path / "structure.json"
    structure = json.loads(path.read_text())
    next(record for record in structure["records"] if record["kind"] == "low-rank")["module"] = "bert.pooler"
    path.write_text(json.dumps(structure))
    with pytest.raises(BadInput, match=r"'bert.pooler' is no low-rank"):
        load_torch(tmp_path)
