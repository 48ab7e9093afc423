"""Hub ids and local folders through the real loading code, and everything that can be wrong with them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from explorer.errors import BadInput, Cancelled
from explorer.models import card_for, check_files, load_model, model_digest
from explorer.models.hub import count_parameters, image_preprocessor, is_folder, labels_of
from explorer.models.preprocess import ImagePreprocessor
from tests.models import tiny


def change_config(folder: Path, **fields: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    tiny.save_bert(tmp_path / "bert")
    return tmp_path / "bert"


@pytest.fixture
def vit(tmp_path: Path) -> Path:
    tiny.save_vit(tmp_path / "vit")
    return tmp_path / "vit"


def test_a_text_model_gives_the_logits_it_was_saved_with(bert: Path, tmp_path: Path) -> None:
    loaded = load_model(str(bert), str(tiny.write_csv(tmp_path / "mine.csv")))
    assert (loaded.card.kind, loaded.card.architecture, loaded.task.labels) == ("text", "bert", tiny.LABELS)
    assert loaded.card.parameters == sum(p.numel() for p in loaded.model.parameters())
    assert not loaded.model.training and loaded.model.config._attn_implementation == "eager"
    arrays = loaded.preprocessor.encode(["good w1", "bad w2 w3"])
    inputs = {name: torch.from_numpy(array) for name, array in arrays.items()}
    with torch.no_grad():
        assert torch.equal(loaded.model(**inputs).logits, tiny.bert()(**inputs).logits)
    assert loaded.preprocessor.max_length == 32


def test_an_image_model_takes_its_preparation_from_its_folder(vit: Path, tmp_path: Path) -> None:
    loaded = load_model(str(vit), str(tiny.write_images(tmp_path / "photos")))
    assert (loaded.card.kind, loaded.card.architecture, loaded.task.name) == ("image", "vit", "photos")
    inputs = loaded.task.splits["train"].inputs
    assert isinstance(inputs, np.ndarray) and inputs.shape[1:] == (8, 8, 3)
    pixels = loaded.preprocessor.encode(inputs[:1])["pixel_values"][0]
    expected = (inputs[0].transpose(2, 0, 1) / 255 - np.array([0.5, 0.4, 0.3])[:, None, None]) / 0.2
    np.testing.assert_allclose(pixels, expected, atol=1e-5)


def test_a_built_in_model_takes_the_users_data(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    tiny.write_images(folder)
    for old, new in (("bad", "3"), ("good", "8")):
        (folder / old).rename(folder / new)
    loaded = load_model("cnn-digits", str(folder))
    assert (loaded.task.name, set(loaded.task.splits["train"].labels)) == ("photos", {3, 8})


def test_a_digest_follows_the_weights(bert: Path) -> None:
    first = model_digest(str(bert))
    weights = load_file(bert / "model.safetensors")
    weights["classifier.bias"] += 1
    save_file(weights, bert / "model.safetensors", metadata={"format": "pt"})
    assert model_digest(str(bert)) != first
    assert len({model_digest(name) for name in ("cnn-digits", "owner/one", "owner/two")}) == 3


def test_a_model_without_data_is_refused(bert: Path) -> None:
    with pytest.raises(BadInput, match="comes without data; give your own"):
        load_model(str(bert))


def test_a_first_look_finds_what_files_show(bert: Path, tmp_path: Path) -> None:
    data = str(tiny.write_csv(tmp_path / "mine.csv"))
    check_files(str(bert), data)
    check_files("owner/name", data)
    check_files("vit-digits", None)
    with pytest.raises(BadInput, match="comes without data"):
        check_files(str(bert), None)
    with pytest.raises(BadInput, match="this model takes image"):
        check_files("vit-digits", data)
    change_config(bert, architectures=["BertModel"])
    with pytest.raises(BadInput, match="no classification head"):
        check_files(str(bert), data)


def test_no_classification_head(bert: Path) -> None:
    change_config(bert, architectures=["BertForMaskedLM"])
    with pytest.raises(BadInput, match=r"no classification head \(its config names BertForMaskedLM\)"):
        card_for(str(bert), "mine.csv")


def test_a_head_that_was_never_trained(bert: Path, tmp_path: Path) -> None:
    weights = load_file(bert / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, bert / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadInput, match=r"lacks 1 of its weights, such as 'classifier.weight'"):
        load_model(str(bert), str(tiny.write_csv(tmp_path / "mine.csv")))


def test_labels_that_do_not_match(tmp_path: Path) -> None:
    tiny.save_bert(tmp_path / "bert", labels=("negative", "positive"))
    with pytest.raises(BadInput, match=r"label 'good' \(and 1 more\)|label 'bad' \(and 1 more\)") as caught:
        load_model(str(tmp_path / "bert"), str(tiny.write_csv(tmp_path / "mine.csv")))
    assert "its labels are negative, positive" in str(caught.value)


def test_pickled_weights_are_refused(bert: Path) -> None:
    (bert / "model.safetensors").rename(bert / "pytorch_model.bin")
    with pytest.raises(BadInput, match=r"pytorch_model.bin only, and pickled weights can run code"):
        card_for(str(bert), "mine.csv")
    (bert / "pytorch_model.bin").unlink()
    with pytest.raises(BadInput, match=r"it has no weights; expected is model.safetensors"):
        card_for(str(bert), "mine.csv")


def test_broken_files(bert: Path, vit: Path, tmp_path: Path) -> None:
    (vit / "preprocessor_config.json").unlink()
    with pytest.raises(BadInput, match=r"no readable preprocessor_config.json"):
        load_model(str(vit), str(tiny.write_images(tmp_path / "photos")))
    (bert / "model.safetensors").write_bytes(b"\x08")
    with pytest.raises(BadInput, match="not a readable safetensors file"):
        card_for(str(bert), "mine.csv")
    (bert / "config.json").write_text("{")
    with pytest.raises(BadInput, match=r"no readable config.json"):
        card_for(str(bert), "mine.csv")


@pytest.mark.parametrize(
    ("said", "end"),
    [
        ("The file is broken.", "cannot be loaded: The file is broken."),
        ("The file\nis broken", "cannot be loaded: The file is broken."),
        ("Not a file...", "cannot be loaded: Not a file."),
        ("", "cannot be loaded: ValueError."),
        ("word " * 100, " word word word …"),
    ],
)
def test_what_a_loader_says_ends_as_one_sentence(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, end: str
) -> None:
    import transformers

    def broken(*_: object, **__: object) -> None:
        raise ValueError(said)

    data = str(tiny.write_csv(tmp_path / "mine.csv"))
    for loader in ("AutoTokenizer", "AutoModelForSequenceClassification"):
        monkeypatch.setattr(getattr(transformers, loader), "from_pretrained", broken)
        with pytest.raises(BadInput) as caught:
            load_model(str(bert), data)
        assert str(caught.value).endswith(end) and len(str(caught.value)) < 400


def test_a_cancel_while_a_model_loads_stays_a_cancel(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import transformers

    def cancelled(*_: object, **__: object) -> None:
        raise Cancelled("The run was cancelled.")

    data = str(tiny.write_csv(tmp_path / "mine.csv"))
    for loader in ("AutoTokenizer", "AutoModelForSequenceClassification"):
        monkeypatch.setattr(getattr(transformers, loader), "from_pretrained", cancelled)
        with pytest.raises(Cancelled):
            load_model(str(bert), data)


def test_remote_code_is_never_run(bert: Path, tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    (bert / "modeling_own.py").write_text(f"open({str(trap)!r}, 'w')\n")
    classes = {"AutoConfig": "modeling_own.C", "AutoModelForSequenceClassification": "modeling_own.M"}
    change_config(bert, model_type="own", auto_map=classes)
    with pytest.raises(BadInput, match="needs code of its own"):
        load_model(str(bert), str(tiny.write_csv(tmp_path / "mine.csv")))
    assert not trap.exists()


def test_loading_leaves_nothing_in_the_log() -> None:
    script = "from explorer.models import load_model; load_model('vit-digits')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_no_such_folder_and_no_such_name() -> None:
    with pytest.raises(
        BadInput, match=r"no model './nowhere'; expected is a built-in name \(minilm-tweets, vit-digits"
    ):
        card_for("./nowhere", "mine.csv")
    with pytest.raises(BadInput, match="no model 'what is this'"):
        card_for("what is this", "mine.csv")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("RepositoryNotFoundError", "There is no model 'owner/absent'"),
        ("GatedRepoError", "needs its owner's consent"),
        ("LocalEntryNotFoundError", "the hub cannot be reached"),
        ("ConnectionError", "the hub cannot be reached"),
    ],
)
def test_what_the_hub_answers_becomes_one_sentence(error: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub import errors

    def answer(model: str, local_files_only: bool = False, **_: object) -> str:
        if local_files_only:
            raise errors.LocalEntryNotFoundError("not cached")
        kind = ConnectionError if error == "ConnectionError" else getattr(errors, error)
        raise kind.__new__(kind)  # an answer without its HTTP response

    monkeypatch.setattr(huggingface_hub, "snapshot_download", answer)
    with pytest.raises(BadInput, match=sentence):
        card_for("owner/absent", "mine.csv")


def test_a_hub_model_in_the_cache_needs_no_network(bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, local_files_only=False, **__: str(bert))
    loaded = load_model("owner/name", str(tiny.write_csv(tmp_path / "mine.csv")))
    assert (loaded.card.name, loaded.card.kind) == ("owner/name", "text")


def test_what_counts_as_a_folder(tmp_path: Path) -> None:
    assert is_folder(str(tmp_path)) and is_folder("./a") and is_folder("/a/b") and is_folder("a/b/c")
    assert not is_folder("owner/name") and not is_folder("bert-base-uncased")


def test_parameters_are_counted_from_the_header(tmp_path: Path) -> None:
    save_file(
        {"a": torch.zeros(3, 4), "b": torch.zeros(5).half(), "ids": torch.zeros(9, dtype=torch.int64)},
        tmp_path / "w.safetensors",
    )
    assert count_parameters([tmp_path / "w.safetensors"]) == 17


def test_labels_are_in_the_order_of_the_outputs() -> None:
    assert labels_of({"id2label": {"1": "b", "0": "a", "10": "k"} | {str(i): str(i) for i in range(2, 10)}})[:2] == (
        "a",
        "b",
    )
    assert labels_of({}) == ("LABEL_0", "LABEL_1")


def test_a_shortest_edge_without_crop_squeezes_to_the_models_size() -> None:
    made = image_preprocessor({"size": {"shortest_edge": 224}, "crop_pct": 0.875}, channels=3, side=224)
    assert (made.height, made.width, made.shortest_edge) == (224, 224, 256)
    made = image_preprocessor({"size": 32, "do_rescale": False, "do_normalize": False}, channels=1, side=8)
    assert made == ImagePreprocessor(32, 32, 1, (0.0,), (1.0,), 1.0, None, 2)
