"""Vocabulary trimming: only the tokens that the training texts use keep a row in the embedding table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from explorer.context import Context, ModelSubject, plain_number
from explorer.errors import BadInput
from explorer.technique import Family, ModelKind, Need, Stage, Technique, slider

if TYPE_CHECKING:
    import torch

    from explorer.models.preprocess import TextPreprocessor

Fields = dict[str, Any]
CONFIG_IDS = ("pad_token_id", "bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id", "mask_token_id")
TEXTS_AT_ONCE = 2_048
"""How many texts are tokenised at a time, between two reports."""


class TrimVocabulary(Technique):
    """Drops the words that the training texts never use from the embedding table and from the tokenizer, which keeps
    single characters so that any text still becomes tokens; half of a small text model becomes a fraction.

    Training texts give the very tokens that they gave before, as long as every token that occurs is kept. WordPiece,
    BPE, Unigram and word-level tokenizers are trimmed; what a token is built from by merges stays with it.
    """

    name: ClassVar[str] = "trim-vocabulary"
    title: ClassVar[str] = "Smaller vocabulary"
    family: ClassVar[Family] = "sharing"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"training", "calibration"})
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size", "parameters")
    cost: ClassVar[str] = (
        "Costs accuracy on texts with other words, which fall apart into smaller tokens; the speed hardly changes."
    )
    paper: ClassVar[str] = (
        "Abdaoui et al., Load what you need: smaller versions of multilingual BERT, 2020, arXiv:2010.05609"
    )
    suits: ClassVar[tuple[ModelKind, ...]] = ("text transformer",)

    min_count: int = slider(
        1, low=1, high=50, step=1, unit="occurrences",
        help="A token stays when the training texts use it at least as often as this.",
        move="Higher: a smaller file, fewer words that the model knows. Lower: a larger file, more words known.",
    )  # fmt: skip

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.preprocess import TextPreprocessor

        old = subject.preprocessor
        if not isinstance(old, TextPreprocessor):
            raise BadInput("'trim-vocabulary' works on a model of texts; given was one of images.")
        fields, table = json.loads(old.tokenizer.to_str()), _table(subject.model)
        used = counted(old, list(context.task.splits["train"].inputs), context)
        wanted = {token for token, count in used.items() if count >= self.min_count}
        if max(old.tokenizer.get_vocab().values()) >= table.num_embeddings:
            raise BadInput("'trim-vocabulary' wants a row of the embedding table for each token; some have none.")
        kept = kept_ids(fields, wanted, {old.pad_id, *_config_ids(subject.model)})
        rows = {token: place for place, token in enumerate(kept)}
        subject.preprocessor = _preprocessor(old, trimmed(fields, rows), rows)
        before = table.num_embeddings
        _cut(subject.model, table, kept, rows)
        self._note(context, before, len(kept), table.embedding_dim)
        _note_alike(context, old, subject.preprocessor, kept)

    def _note(self, context: Context, before: int, after: int, width: int) -> None:
        context.note(
            f"{plain_number(after)} of {plain_number(before)} tokens stay; the table lost "
            f"{plain_number((before - after) * width)} parameters.",
            tokens_before=before,
            tokens_after=after,
        )
        if after == before:
            context.note("The training texts use every token, so that the file does not become smaller.")


def counted(preprocessor: TextPreprocessor, texts: Sequence[Any], context: Context) -> Counter[int]:
    """How often the model sees each token in these texts, by its number."""
    found: Counter[int] = Counter()
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        context.report(stage="train", text="Counting the tokens of the training texts", fraction=start / len(texts))
        for encoding in preprocessor.tokenizer.encode_batch(list(texts[start : start + TEXTS_AT_ONCE])):
            found.update(encoding.ids)
    return found


def kept_ids(fields: Fields, wanted: Iterable[int], special: Iterable[int]) -> list[int]:
    """Which tokens of a tokenizer, by its JSON, stay: sorted numbers.

    Besides the ``wanted`` and ``special`` ones these are added tokens, those of the template and of unknown words,
    single characters (also as continuations), raw bytes, and all that a token which stays is merged from.
    """
    model = fields["model"]
    numbers = _vocabulary(model)
    kept = set(wanted) | set(special) | {token["id"] for token in fields.get("added_tokens", [])}
    kept |= _template_ids(fields.get("post_processor") or {})
    prefix, suffix = model.get("continuing_subword_prefix") or "", model.get("end_of_word_suffix") or ""
    single = {word for word in numbers if len(word.removeprefix(prefix).removesuffix(suffix)) == 1}
    kept |= {numbers[word] for word in single} | {numbers[word] for word in numbers if _is_byte(word)}
    if model.get("unk_token") in numbers:
        kept.add(numbers[model["unk_token"]])
    if model["type"] == "Unigram":  # the score of an unknown character is the lowest of all minus ten
        scores = [score for _, score in model["vocab"]]
        kept |= {scores.index(min(scores)), *([] if model["unk_id"] is None else [model["unk_id"]])}
    if model["type"] == "BPE":
        kept |= _merged_from(kept, numbers, _merges(model), prefix)
    return sorted(kept)


def trimmed(fields: Fields, rows: dict[int, int]) -> Fields:
    """A tokenizer's JSON with the tokens in ``rows`` only, old number to new."""
    model = dict(fields["model"])
    if model["type"] == "Unigram":
        model["vocab"] = [pair for number, pair in enumerate(model["vocab"]) if number in rows]
        model["unk_id"] = None if model["unk_id"] is None else rows[model["unk_id"]]
    else:
        vocab = {word: rows[number] for word, number in model["vocab"].items() if number in rows}
        prefix = model.get("continuing_subword_prefix") or ""
        if model["type"] == "BPE":
            pairs = ((pair, model["vocab"].get(_merged(*pair, prefix))) for pair in _merges(model))
            model["merges"] = [list(p) for p, made in pairs if made in rows and set(p) <= set(vocab)]
        model["vocab"] = vocab
    made = {**fields, "model": model}
    made["added_tokens"] = [{**token, "id": rows[token["id"]]} for token in fields.get("added_tokens", [])]
    made["post_processor"] = _renumbered(fields.get("post_processor"), rows)
    if fields.get("padding"):
        made["padding"] = {**fields["padding"], "pad_id": rows[fields["padding"]["pad_id"]]}
    return made


def _vocabulary(model: Fields) -> dict[str, int]:
    """Every token of a tokenizer's model with its number."""
    if model["type"] == "Unigram":
        return {word: number for number, (word, _) in enumerate(model["vocab"])}
    if model["type"] not in ("WordPiece", "BPE", "WordLevel"):
        raise BadInput(f"'trim-vocabulary' cannot trim a tokenizer of the type '{model['type']}'.")
    vocab: dict[str, int] = model["vocab"]
    return vocab


def _is_byte(word: str) -> bool:
    """Whether a token stands for one byte, as in ``<0x0A>``."""
    return len(word) == 6 and word.startswith("<0x") and word.endswith(">")


def _merges(model: Fields) -> list[tuple[str, str]]:
    """The merges of BPE; older files write a pair as one string."""
    pairs = (tuple(pair.split(" ", 1)) if isinstance(pair, str) else tuple(pair) for pair in model["merges"])
    return [(first, second) for first, second in pairs]


def _merged(first: str, second: str, prefix: str) -> str:
    return first + second.removeprefix(prefix)


def _merged_from(kept: set[int], numbers: dict[str, int], merges: list[tuple[str, str]], prefix: str) -> set[int]:
    """All tokens that the kept ones are merged from, in every way that there is: later merges use earlier ones."""
    found = set(kept)
    sources: dict[int, list[tuple[str, str]]] = {}
    for pair in merges:
        sources.setdefault(numbers[_merged(*pair, prefix)], []).append(pair)
    waiting = list(kept)
    while waiting:
        for pair in sources.get(waiting.pop(), []):
            new = {numbers[part] for part in pair} - found
            found |= new
            waiting += new
    return found


def _template_ids(processor: Fields) -> set[int]:
    """The numbers of tokens that a post-processor puts around a text."""
    found = {number for token in processor.get("special_tokens", {}).values() for number in token["ids"]}
    found |= {processor[name][1] for name in ("sep", "cls") if name in processor}
    return found.union(*(_template_ids(part) for part in processor.get("processors", [])))


def _renumbered(processor: Fields | None, rows: dict[int, int]) -> Fields | None:
    if processor is None:
        return None
    made = dict(processor)
    if "special_tokens" in made:
        made["special_tokens"] = {
            name: {**token, "ids": [rows[number] for number in token["ids"]]}
            for name, token in made["special_tokens"].items()
        }
    made |= {name: [made[name][0], rows[made[name][1]]] for name in ("sep", "cls") if name in made}
    if "processors" in made:
        made["processors"] = [_renumbered(part, rows) for part in made["processors"]]
    return made


def _preprocessor(old: TextPreprocessor, fields: Fields, rows: dict[int, int]) -> TextPreprocessor:
    """A new one: the old tokenizer is the teacher's too."""
    from tokenizers import Tokenizer

    from explorer.models.preprocess import TextPreprocessor

    tokenizer = Tokenizer.from_str(json.dumps(fields))
    expected = {word: rows[number] for word, number in old.tokenizer.get_vocab().items() if number in rows}
    if tokenizer.get_vocab() != expected:
        raise BadInput("'trim-vocabulary' cannot number the tokens of this tokenizer anew.")
    return TextPreprocessor(tokenizer, old.max_length, old.input_names, rows[old.pad_id], old.pad_token)


def _table(model: Any) -> torch.nn.Embedding:
    """The table whose rows are tokens: the narrow one where it was factorised."""
    from explorer.models.modules import FactorizedEmbedding

    words = model.get_input_embeddings()
    table: Any = words[0] if isinstance(words, FactorizedEmbedding) else words
    return table  # type: ignore[no-any-return]


def _config_ids(model: Any) -> set[int]:
    """Tokens whose numbers the model's config tells, as far as they are in the table."""
    found = {getattr(model.config, name, None) for name in CONFIG_IDS}
    return {number for number in found if isinstance(number, int) and 0 <= number < _table(model).num_embeddings}


def _cut(model: Any, table: torch.nn.Embedding, kept: list[int], rows: dict[int, int]) -> None:
    """Leave the rows ``kept`` of the table, in place, and tell the config and whoever knows the padding's number."""
    import torch

    config, pad = model.config, table.padding_idx
    if pad is not None and rows[pad] != pad:
        if any(m is not table and isinstance(m, torch.nn.Embedding) and m.padding_idx == pad for m in model.modules()):
            raise BadInput("'trim-vocabulary' cannot move the padding token, which this model counts positions from.")
        table.padding_idx = rows[pad]
    table.weight = torch.nn.Parameter(
        table.weight.detach()[torch.tensor(kept)].clone(), requires_grad=table.weight.requires_grad
    )
    table.num_embeddings = len(kept)
    known = {name: number for name in CONFIG_IDS if (number := getattr(config, name, None)) in rows}
    for name, number in known.items():
        setattr(config, name, rows[number])
    config.vocab_size = len(kept)


def _note_alike(context: Context, old: TextPreprocessor, new: Any, kept: list[int]) -> None:
    """Tell how many texts that were not counted give the same tokens as before."""
    texts = list(context.task.splits["calibration"].inputs)
    before = [encoding.ids for encoding in old.tokenizer.encode_batch(texts)]
    after = [[kept[number] for number in encoding.ids] for encoding in new.tokenizer.encode_batch(texts)]
    # padding is as long as the longest text, which may have become longer
    pairs = zip(_bare(before, old.pad_id), _bare(after, old.pad_id), strict=True)
    alike = sum(first == second for first, second in pairs) / len(texts)
    context.note(
        f"{alike:.1%} of {plain_number(len(texts))} calibration texts, which were not counted, give the same tokens as "
        "before; the others give smaller pieces or unknown words.",
        texts_alike=alike,
    )


def _bare(texts: list[list[int]], pad_id: int) -> list[list[int]]:
    return [[number for number in numbers if number != pad_id] for numbers in texts]
