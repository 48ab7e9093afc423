"""Headers, shapes and values of safetensors without PyTorch, and what they say about a model."""

import json
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from explorer import anatomy, cache
from explorer.errors import BadInput, ExplorerError
from explorer.measure.layers import Layers
from explorer.models import cards
from explorer.models.zoo import BUILT_IN, NAMES, load
from explorer.pipeline import Bench
from explorer.recipe import Recipe
from tests.measure.test_layers import read
from tests.models import tiny


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))


def only(path, name="w"):
    return next(weight for weight in anatomy.weights(path) if weight.name == name)


@pytest.fixture
def values():
    return torch.from_numpy(np.random.default_rng(0).normal(0.01, 0.05, (40, 25)).astype(np.float32))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("chunk", [7, 1_000_000])
def test_values_are_those_that_were_saved(tmp_path, monkeypatch, values, dtype, chunk):
    monkeypatch.setattr(anatomy, "CHUNK", chunk)
    path, stored = tmp_path / "model.safetensors", values.to(dtype)
    save_file({"before": torch.ones(3), "w": stored, "behind": torch.zeros(5)}, path)
    weight = only(path)
    assert (weight.shape, weight.parameters) == ((40, 25), 1000)
    read = np.concatenate(list(anatomy.values(weight)))
    assert read.tolist() == stored.double().flatten().tolist()
    spread, wanted = anatomy.spread(weight), stored.double()
    assert spread.mean == pytest.approx(float(wanted.mean()), abs=1e-12)
    assert spread.deviation == pytest.approx(float(wanted.std(correction=0)), rel=1e-9)
    assert (spread.low, spread.high) == (float(wanted.min()), float(wanted.max()))
    near = (wanted.abs() <= 0.1 * wanted.std(correction=0)).sum()
    assert spread.near_zero == pytest.approx(float(near) / 1000)


def test_what_lies_far_out_is_counted_and_not_drawn(tmp_path, values):
    values[0, 0], values[0, 1], values[0, 2] = 9.0, -9.0, 0.0
    save_file({"w": values}, tmp_path / "m.safetensors")
    spread = anatomy.spread(only(tmp_path / "m.safetensors"))
    assert spread.outside == 2 and sum(spread.counts) == 998
    assert (spread.low, spread.high, spread.zero) == (-9.0, 9.0, 0.001)
    assert len(spread.counts) == anatomy.BINS == len(spread.edges) - 1


def test_a_bell_curve_has_eight_percent_near_zero(tmp_path):
    many = torch.from_numpy(np.random.default_rng(1).normal(0, 3, 200_000))
    save_file({"w": many}, tmp_path / "m.safetensors")
    assert anatomy.spread(only(tmp_path / "m.safetensors")).near_zero == pytest.approx(0.0797, abs=0.003)


def test_equal_values_fill_one_bin(tmp_path):
    save_file({"w": torch.full((6,), 2.0)}, tmp_path / "m.safetensors")
    spread = anatomy.spread(only(tmp_path / "m.safetensors"))
    assert (max(spread.counts), sum(spread.counts), spread.deviation, spread.zero) == (6, 6, 0.0, 0.0)


@pytest.mark.parametrize("wrong", [torch.tensor([1.0, float("nan")]), torch.tensor([1.0, float("inf")]), torch.ones(0)])
def test_what_is_no_number_is_refused_by_name(tmp_path, wrong):
    save_file({"w": wrong}, tmp_path / "m.safetensors")
    with pytest.raises(BadInput, match="'w' holds values that are no finite numbers, or none at all"):
        anatomy.spread(only(tmp_path / "m.safetensors"))


def test_a_type_that_numpy_does_not_know_has_a_shape_and_no_values(tmp_path):
    save_file({"w": torch.ones(4, 2).to(torch.float8_e4m3fn)}, tmp_path / "m.safetensors")
    weight = only(tmp_path / "m.safetensors")
    assert weight.parameters == 8
    with pytest.raises(BadInput, match="'w' is stored as F8_E4M3; expected is F32, F16 or BF16"):
        anatomy.spread(weight)


def written(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def entry(**other):
    return {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **other}}


@pytest.mark.parametrize(
    "header",
    [
        b"not json",
        [1],
        entry(data_offsets=[0, 9]),
        entry(data_offsets=[-8, 0]),
        entry(data_offsets=[800, 808]),
        entry(data_offsets=[0]),
        entry(shape=[3]),
        entry(shape=None),
        entry(dtype=None),
        {"w": 1},
    ],
)
def test_a_header_that_does_not_fit_is_refused(tmp_path, header):
    with pytest.raises(BadInput, match=r"'m\.safetensors' is not a readable safetensors file"):
        anatomy.weights(written(tmp_path / "m.safetensors", header, bytes(8)))


def test_what_is_no_safetensors_file_is_refused(tmp_path):
    (tmp_path / "m.safetensors").write_bytes(b"\xff" * 20)
    (tmp_path / "short").write_bytes(b"abc")
    for name in ("m.safetensors", "short", "missing"):
        with pytest.raises(BadInput, match="not a readable safetensors file"):
            anatomy.weights(tmp_path / name)


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_model_has_the_parameters_of_its_card(name):
    found = anatomy.anatomy(name)
    assert sum(weight.parameters for weight in found) == cards()[name].parameters


def test_minilm_has_the_weights_that_fine_tuning_left_it(monkeypatch):
    monkeypatch.setattr(anatomy, "CHUNK", 100_003)  # no multiple of any row
    model, found = load("minilm-tweets")[0], {weight.name: weight for weight in anatomy.anatomy("minilm-tweets")}
    names = ("embeddings.word_embeddings", "encoder.layer.0.attention.self.query", "encoder.layer.5.output.LayerNorm")
    for name in (*(f"bert.{name}.weight" for name in names), "classifier.weight"):
        read = np.concatenate(list(anatomy.values(found[name])))
        wanted = model.get_parameter(name).detach().double().numpy().reshape(-1)
        np.testing.assert_allclose(read, wanted, atol=1e-6)
    parts = [len(found[f"bert.{name}.weight"].change) for name in names]
    assert parts == [0, 2, 1], "not changed, by the product of two, and by one of its shape"


def test_minilm_by_layer_and_kind():
    modules = anatomy.modules(anatomy.anatomy("minilm-tweets"))
    layers = list(dict.fromkeys(module.layer for module in modules))
    assert layers[:2] == ["embeddings", "encoder.layer.0"] and set(layers[-2:]) == {"pooler", "classifier"}
    assert layers[1:7] == [f"encoder.layer.{number}" for number in range(6)]
    sums = {}
    for module in modules:
        if module.layer == "encoder.layer.3":
            sums[module.kind] = sums.get(module.kind, 0) + module.parameters
    assert sums == {
        "attention": 4 * (384 * 384 + 384),
        "feed_forward": 2 * 384 * 1536 + 1536 + 384,
        "normalisation": 4 * 384,
    }
    names = {module.name for module in modules if module.layer == "encoder.layer.3"}
    assert {"attention.self.query", "attention.output.dense", "intermediate.dense", "output.LayerNorm"} <= names
    assert {module.kind for module in modules if module.layer in ("pooler", "classifier")} == {"head"}


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("vit-digits", {"embeddings", "attention", "feed_forward", "normalisation", "head"}),
        ("cnn-digits", {"convolution", "normalisation", "head"}),
    ],
)
def test_every_module_of_an_image_model_has_a_kind(name, kinds):
    modules = anatomy.modules(anatomy.anatomy(name))
    assert {module.kind for module in modules} == kinds
    assert len({(module.layer, module.name) for module in modules}) == len(modules)


def test_layer_ten_comes_after_layer_two():
    names = [f"bert.encoder.layer.{number}.output.dense.weight" for number in (10, 2, 0)]
    weights = [anatomy.Weight(name, "F32", (2,), BUILT_IN, 0) for name in [*names, "classifier.weight"]]
    layers = [module.layer for module in anatomy.modules(weights)]
    assert layers == ["encoder.layer.0", "encoder.layer.2", "encoder.layer.10", "classifier"]


@pytest.mark.parametrize("name", NAMES)
def test_layers_are_called_as_where_they_are_timed(name):
    names = [weight.name for weight in anatomy.anatomy(name)]
    timed = Layers(read(dict.fromkeys(names, (2, 2))))
    assert anatomy.layer_names(names) == {one: timed.of_tensor(one) for one in names}


def test_the_key_is_that_of_the_pipelines_baseline():
    assert anatomy.key("cnn-digits", None) == Bench(Recipe(model="cnn-digits", seed=3), lambda **_: None).digest(0)


def test_the_baselines_artefact_goes_before_the_base():
    def write(folder):
        (folder / "torch").mkdir()
        save_file({"bert.pooler.dense.weight": torch.ones(2, 3)}, folder / "torch" / "model.safetensors")

    cache.folder("baselines", anatomy.key("minilm-tweets", None), write)
    found = anatomy.anatomy("minilm-tweets")
    assert [weight.shape for weight in found] == [(2, 3)]


def test_a_local_folder_is_read_where_no_baseline_is(tmp_path):
    model = tiny.save_bert(tmp_path / "m")
    found = anatomy.anatomy(str(tmp_path / "m"), str(tiny.write_csv(tmp_path / "d.csv")))
    assert sum(weight.parameters for weight in found) == sum(p.numel() for p in model.parameters())


def test_a_model_that_is_not_here_is_named(tmp_path):
    with pytest.raises(ExplorerError, match="'owner/name' are not on this machine; run its baseline"):
        anatomy.anatomy("owner/name", str(tmp_path / "d.csv"))
    with pytest.raises(BadInput, match="There is no model"):
        anatomy.anatomy(str(tmp_path / "gone"))


def test_a_model_without_weights_is_refused():
    def write(folder):
        (folder / "torch").mkdir()
        save_file({"w": torch.ones(0)}, folder / "torch" / "model.safetensors")

    cache.folder("baselines", anatomy.key("vit-digits", None), write)
    with pytest.raises(BadInput, match="hold no weights; run its baseline again"):
        anatomy.anatomy("vit-digits")
