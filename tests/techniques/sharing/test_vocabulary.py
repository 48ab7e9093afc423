import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from explorer import deploy
from explorer.errors import BadInput
from explorer.models.preprocess import TextPreprocessor
from explorer.models.structure import load_torch, save_torch
from explorer.techniques.distillation.student import DistillStudent
from explorer.techniques.factorization.embeddings import FactorizeEmbeddings
from explorer.techniques.sharing.vocabulary import TrimVocabulary, kept_ids, trimmed
from explorer.techniques.training.fine_tune import FineTune
from tests.models import tiny
from tests.techniques.workbench import run_onnx, workbench

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
SYLLABLES = ["ba", "bo", "chi", "da", "el", "fu", "gra", "ho", "in", "ka", "lo", "mi", "no", "pe", "qua", "ri", "sto"]
KINDS = ("WordPiece", "BPE", "byte-level BPE", "Unigram", "WordLevel")


def corpus(count: int, seed: int, syllables: list[str] = SYLLABLES) -> list[str]:
    random = np.random.default_rng(seed)
    return [
        " ".join("".join(random.choice(syllables, random.integers(1, 4))) for _ in range(random.integers(2, 9)))
        for _ in range(count)
    ]


def tokenizer(kind: str) -> Tokenizer:
    """Trained by its library on texts of which the later ones use a part only."""
    special: dict[str, Any] = {"special_tokens": SPECIAL, "show_progress": False}
    if kind == "WordPiece":
        made, trainer = (
            Tokenizer(models.WordPiece(unk_token="[UNK]")),
            trainers.WordPieceTrainer(vocab_size=250, **special),
        )
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    elif kind == "Unigram":
        made = Tokenizer(models.Unigram())
        trainer = trainers.UnigramTrainer(vocab_size=250, unk_token="[UNK]", **special)
        made.pre_tokenizer = pre_tokenizers.Metaspace()
    elif kind == "WordLevel":
        made, trainer = Tokenizer(models.WordLevel(unk_token="[UNK]")), trainers.WordLevelTrainer(**special)
        made.pre_tokenizer = pre_tokenizers.Whitespace()
    elif kind == "BPE":
        made = Tokenizer(models.BPE(unk_token="[UNK]", end_of_word_suffix="</w>"))
        trainer = trainers.BpeTrainer(vocab_size=250, end_of_word_suffix="</w>", **special)
        made.pre_tokenizer = pre_tokenizers.Whitespace()
    else:
        made = Tokenizer(models.BPE())
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=450, initial_alphabet=alphabet, **special)
        made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    made.normalizer = normalizers.Lowercase()
    made.train_from_iterator(corpus(400, 0), trainer)
    ends = [(token, made.token_to_id(token)) for token in ("[SEP]", "[CLS]")]
    made.post_processor = (
        processors.RobertaProcessing(*ends)
        if kind == "byte-level BPE"
        else processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[(t, i) for t, i in ends])
    )
    made.enable_padding(pad_id=0, pad_token="[PAD]")
    return made


def trim(old: Tokenizer, texts: list[str], least: int = 1) -> tuple[Tokenizer, list[int]]:
    counts = np.bincount(np.concatenate([encoding.ids for encoding in old.encode_batch(texts)]), minlength=1_000)
    fields = json.loads(old.to_str())
    kept = kept_ids(fields, np.flatnonzero(counts >= least).tolist(), {0})
    return Tokenizer.from_str(json.dumps(trimmed(fields, {n: i for i, n in enumerate(kept)}))), kept


@pytest.mark.parametrize("kind", KINDS)
def test_texts_that_were_counted_give_the_same_tokens(kind: str) -> None:
    old, texts = tokenizer(kind), corpus(60, 1, SYLLABLES[:8])
    new, kept = trim(old, texts)
    assert 20 < new.get_vocab_size() == len(kept) < 0.9 * old.get_vocab_size()
    for before, after in zip(old.encode_batch(texts), new.encode_batch(texts), strict=True):
        assert [kept[number] for number in after.ids] == before.ids
        assert after.tokens == before.tokens and after.type_ids == before.type_ids


@pytest.mark.parametrize("kind", ["WordPiece", "BPE", "byte-level BPE", "Unigram"])
@pytest.mark.parametrize("least", [1, 40])
def test_other_texts_fall_into_smaller_pieces_and_never_into_unknown_ones(kind: str, least: int) -> None:
    old = tokenizer(kind)
    new, _ = trim(old, corpus(60, 1, SYLLABLES[:8]), least)
    others = corpus(40, 2)
    for before, after in zip(old.encode_batch(others), new.encode_batch(others), strict=True):
        assert "[UNK]" not in after.tokens and len(after.tokens) >= len(before.tokens)
        assert after.tokens[0] == "[CLS]" or kind == "byte-level BPE"
    joined = "".join(new.encode(others[0], add_special_tokens=False).tokens)
    spelled = joined.replace("##", "").replace("</w>", "").replace("▁", "").replace("Ġ", "")
    assert spelled == others[0].replace(" ", "")


@pytest.mark.parametrize("kind", KINDS)
def test_keeping_every_token_is_the_identity(kind: str) -> None:
    old = tokenizer(kind)
    fields = json.loads(old.to_str())
    everything = range(old.get_vocab_size())
    kept = kept_ids(fields, everything, ())
    assert kept == list(everything)
    assert trimmed(fields, dict(enumerate(kept))) == fields


def test_an_unknown_character_stays_unknown() -> None:
    old = tokenizer("Unigram")
    new, kept = trim(old, corpus(60, 1, SYLLABLES[:8]))
    text = "ba☃bo"
    assert [kept[number] for number in new.encode(text).ids] == old.encode(text).ids


def test_the_model_answers_training_texts_as_before(tmp_path: Path) -> None:
    bench = workbench("bert")
    random = np.random.default_rng(0)
    train = bench.task.splits["train"]
    train.inputs[:] = [" ".join(random.choice(tiny.WORDS[4:40], 6)) for _ in range(len(train))]
    subject, context = bench.subject(), bench.context()
    TrimVocabulary().apply(subject, context)
    assert subject.model.bert.embeddings.word_embeddings.num_embeddings == subject.model.config.vocab_size == 40
    assert bench.preprocessor.tokenizer.get_vocab_size() == 100, "the teacher's tokenizer is left as it was"
    tensors = [p.encode(train.inputs) for p in (bench.preprocessor, subject.preprocessor)]
    save_torch(subject.model, tmp_path)
    subject.preprocessor.save(tmp_path)
    reloaded, saved = load_torch(tmp_path), TextPreprocessor.load(tmp_path)
    with torch.inference_mode():
        before = bench.model(**{n: torch.from_numpy(a) for n, a in tensors[0].items()}).logits
        after = reloaded(**{n: torch.from_numpy(a) for n, a in saved.encode(train.inputs).items()}).logits
    assert torch.equal(before, after)
    graph = deploy.export(reloaded, saved)
    assert np.allclose(run_onnx(graph, tensors[1]), before.numpy(), atol=1e-4)
    assert context.notes[0] == "40 of 100 tokens stay; the table lost 960 parameters."
    texts = bench.task.splits["calibration"].inputs
    alike = np.mean([all(word in tiny.WORDS[:40] for word in text.split()) for text in texts])
    assert context.figures["texts_alike"] == pytest.approx(alike)


def test_a_larger_count_drops_more() -> None:
    bench, sizes = workbench("bert"), []
    for least in (1, 4, 8, 50):
        subject = bench.subject()
        TrimVocabulary(min_count=least).apply(subject, bench.context())
        sizes.append(subject.model.config.vocab_size)
    assert sizes[0] == 100 > sizes[1] > sizes[2] > sizes[3] >= 4


def test_later_steps_use_the_new_tokenizer() -> None:
    """The teacher answers by its own."""
    bench = workbench("bert")
    subject = bench.subject()
    TrimVocabulary(min_count=8).apply(subject, bench.context())
    size = subject.preprocessor.tokenizer.get_vocab_size()
    assert size < 90
    FactorizeEmbeddings(rank=0.5).apply(subject, bench.context())
    FineTune(epochs=0.5).apply(subject, bench.context())
    TrimVocabulary(min_count=9).apply(subject, bench.context())
    words = subject.model.bert.embeddings.word_embeddings
    assert words.rank == 8 and words.num_embeddings == subject.preprocessor.tokenizer.get_vocab_size() <= size
    bench.preprocessor = subject.preprocessor
    assert bench.logits(subject.model).isfinite().all()
    other = workbench("bert")
    trimmed_subject = other.subject()
    TrimVocabulary(min_count=8).apply(trimmed_subject, other.context())
    DistillStudent(epochs=0.5, layers=0.5).apply(trimmed_subject, other.context())
    assert trimmed_subject.model.bert.embeddings.word_embeddings.num_embeddings == size


def test_a_tokenizer_of_another_kind_is_refused() -> None:
    with pytest.raises(BadInput, match="cannot trim a tokenizer of the type 'Exotic'"):
        kept_ids({"model": {"type": "Exotic"}}, (), ())
