import copy

import numpy as np
import pytest
import torch
import torch_pruning
import transformers

from explorer.context import ModelSubject
from explorer.errors import BadInput
from explorer.models.layers import attentions
from explorer.models.modules import FactorizedEmbedding, LowRankLinear
from explorer.models.structure import load_torch, save_torch
from explorer.models.surgery import cuts, distinct, hidden_cuts, keep, keep_heads, keep_layers, layer_lists, spread
from explorer.techniques.pruning.heads import PruneHeads
from explorer.techniques.pruning.width import PruneWidth
from explorer.techniques.sharing.layers import ShareLayers
from tests.models import tiny
from tests.techniques.workbench import lively, workbench

STAY = torch.tensor([0, 2, 3, 7, 8, 9, 12, 15])
SMALL = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 16, "intermediate_size": 24}
TEXTS = {"vocab_size": len(tiny.WORDS), "max_position_embeddings": 42}
IMAGES = {"image_size": 8, "patch_size": 4}
OTHERS = {
    "DistilBert": {"n_layers": 2, "n_heads": 4, "dim": 16, "hidden_dim": 24, **TEXTS},
    "Roberta": {**SMALL, **TEXTS},
    "Electra": {**SMALL, **TEXTS, "embedding_size": 8},
    "DeiT": {**SMALL, **IMAGES},
}


def other(family: str) -> torch.nn.Module:
    """A tiny classifier of a family that no built-in model is of."""
    torch.manual_seed(0)
    task = "ForImageClassification" if family == "DeiT" else "ForSequenceClassification"
    config = getattr(transformers, f"{family}Config")(**OTHERS[family], attn_implementation="eager")
    return lively(getattr(transformers, family + task)(config)).eval()


def answers(model: torch.nn.Module, kind: str) -> torch.Tensor:
    if kind == "DeiT":
        inputs = {"pixel_values": torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))}
    else:
        inputs = {"input_ids": torch.arange(30).view(3, 10) + 4}
    with torch.inference_mode():
        return model(**inputs).logits


@pytest.mark.parametrize("module", [LowRankLinear(6, 3, 8), torch.nn.Linear(6, 8)], ids=["low-rank", "linear"])
def test_rows_and_columns_of_a_linear_layer(module: torch.nn.Module) -> None:
    whole, inputs = copy.deepcopy(module), torch.randn(5, 6)
    columns, rows = torch.tensor([1, 4]), torch.tensor([0, 3, 7])
    keep(cuts(module, "inputs"), columns)
    keep(cuts(module, "outputs"), rows)
    silent = torch.zeros(5, 6)
    silent[:, columns] = inputs[:, columns]
    assert torch.allclose(module(inputs[:, columns]), whole(silent)[:, rows], atol=1e-6)
    assert (module.in_features, module.out_features) == (2, 3)


@pytest.mark.parametrize("table", [FactorizedEmbedding(9, 3, 16), torch.nn.Embedding(9, 16, padding_idx=1)])
def test_columns_of_a_table(table: torch.nn.Module) -> None:
    whole = copy.deepcopy(table)
    keep(cuts(table, "outputs"), STAY)
    assert table.embedding_dim == len(STAY)
    assert torch.allclose(table(torch.arange(9)), whole(torch.arange(9))[:, STAY], atol=1e-6)


def test_a_frozen_parameter_stays_frozen() -> None:
    layer = torch.nn.Linear(4, 4)
    layer.weight.requires_grad_(False)
    keep(cuts(layer, "outputs"), torch.tensor([1]))
    assert not layer.weight.requires_grad and layer.bias.requires_grad


@pytest.mark.parametrize("kind", ["bert", "vit"])
def test_the_hidden_width_is_cut_where_torch_pruning_cuts_it(kind: str) -> None:
    bench = workbench(kind)
    ours, theirs = copy.deepcopy(bench.model), copy.deepcopy(bench.model)
    keep(hidden_cuts(ours), STAY)
    inputs = {name: torch.from_numpy(array) for name, array in bench.preprocessor.dummy(2, 16).items()}
    bare = (
        [(theirs.vit.embeddings.cls_token, 2), (theirs.vit.embeddings.position_embeddings, 2)] if kind == "vit" else []
    )
    graph = torch_pruning.DependencyGraph().build_dependency(
        theirs, inputs, output_transform=lambda output: output.logits, unwrapped_parameters=bare
    )
    norm = theirs.vit.layers[0].layernorm_before if kind == "vit" else theirs.bert.embeddings.LayerNorm
    gone = [i for i in range(16) if i not in STAY]
    graph.get_pruning_group(norm, torch_pruning.prune_layernorm_out_channels, idxs=gone).prune()
    shapes = [{name: tuple(p.shape) for name, p in model.named_parameters()} for model in (ours, theirs)]
    assert shapes[0] == shapes[1]
    assert torch.equal(bench.logits(ours), bench.logits(theirs))


@pytest.mark.parametrize("family", OTHERS)
def test_other_families_are_cut_and_come_back(family: str, tmp_path) -> None:
    model = other(family)
    whole = answers(model, family)
    for attention in attentions(model):
        keep_heads(model, attention, torch.arange(4))
    assert torch.equal(answers(model, family), whole)
    keep_heads(model, attentions(model)[0], torch.tensor([2]))
    keep(hidden_cuts(model), STAY)
    save_torch(model, tmp_path)
    assert torch.equal(answers(load_torch(tmp_path), family), answers(model, family))
    assert (answers(model, family) - whole).abs().max() > 1e-3


def test_a_model_whose_head_reads_something_else_is_refused() -> None:
    config = transformers.Dinov2Config(**SMALL | IMAGES | {"mlp_ratio": 2})
    with pytest.raises(BadInput, match="'dinov2' cannot be cut: 'classifier' reads something else"):
        hidden_cuts(transformers.Dinov2ForImageClassification(config))


def test_layers_that_stay_do_what_they_did() -> None:
    class Skip(torch.nn.Module):
        def forward(self, hidden_states: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
            return hidden_states

    bench = workbench("bert")
    skipping, shorter = copy.deepcopy(bench.model), copy.deepcopy(bench.model)
    skipping.bert.encoder.layer[0] = Skip()
    assert layer_lists(shorter) == ["bert.encoder.layer"]
    moved = keep_layers(shorter, [[1]])
    assert moved == {"bert.encoder.layer.1": "bert.encoder.layer.0"} and shorter.config.num_hidden_layers == 1
    assert torch.equal(bench.logits(shorter), bench.logits(skipping))


def test_blocks_of_a_cnn_that_stay_do_what_they_did(tmp_path) -> None:
    bench = workbench("cnn")
    skipping, shorter = copy.deepcopy(bench.model), copy.deepcopy(bench.model)
    skipping.resnet.encoder.stages[0].layers[1] = torch.nn.Identity()
    keep_layers(shorter, [[0], [0, 1]])
    assert shorter.config.depths == [1, 2]
    assert torch.equal(bench.logits(shorter), bench.logits(skipping))
    save_torch(shorter, tmp_path)
    assert torch.equal(bench.logits(load_torch(tmp_path)), bench.logits(shorter))


def test_layers_are_spread_from_the_first() -> None:
    assert spread(6, 3) == [0, 2, 4] and spread(5, 2) == [0, 2] and spread(4, 4) == [0, 1, 2, 3] and spread(4, 0) == []


def test_shared_layers_are_cut_once() -> None:
    bench = workbench("bert")
    subject = ModelSubject(bench.model, bench.preprocessor)
    ShareLayers(unique=0.5).apply(subject, bench.context())
    assert len(distinct(bench.model, attentions(bench.model), lambda one: one.output)) == 1
    PruneHeads(sparsity=0.5).apply(subject, bench.context())
    PruneWidth(sparsity=0.5).apply(subject, bench.context())
    query = bench.model.bert.encoder.layer[1].attention.self.query
    assert query is bench.model.bert.encoder.layer[0].attention.self.query and query.weight.shape == (8, 8)
    assert np.isfinite(bench.logits(bench.model).numpy()).all()
