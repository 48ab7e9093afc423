"""One input, and what the baseline and its variants say to it: class, confidence, time, size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from functools import partial
from textwrap import shorten

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer.charts.confidence import confidence_figure, confidence_info
from explorer.quantities import significant
from explorer.serving.client import Answer
from explorer.serving.drawing import digit, framed, from_canvas
from explorer.serving.examples import Example, enlarged, example_images, example_texts
from explorer.serving.lineup import Lineup
from explorer.serving.verdict import answer_ratio, disagreement
from explorer.texts import t
from pages.parts import state
from pages.parts.demo import Side, Subject
from pages.parts.demo_canvas import canvas
from pages.parts.page import plain_errors, safe, theme
from pages.parts.pictures import draw

Given = str | NDArray[np.uint8]
Pair = tuple[Side, Answer]

TEXT_EXAMPLES = 4
MOST_LETTERS, MOST_SHOWN = 2000, 160
DRAWN_TASK = "digits"
SEEN_PX = 120
IN_ROW = 2


def section(subject: Subject) -> None:
    """The input on the left, the answers beside it in the same layout, two in a row."""
    left, right = st.columns([1.05, 2], gap="large")
    found: list[Answer] = []
    with left, plain_errors():
        given = _text(subject) if subject.result["kind"] == "text" else _image(subject)
        if given is not None:
            found = _answers(subject, given.pixels if isinstance(given, Example) else given)
    with right:
        if not found:
            _waiting(subject.sides)
            return
        labels, pairs = subject.result["labels"], list(zip(subject.sides, found, strict=True))
        known = given.label if isinstance(given, Example) else None
        confidence = partial(_confidence, right=None if known is None else labels.index(known))
        with st.container(key="answers"):
            for number in range(0, len(pairs), IN_ROW):
                _row(f"answers-row-{number}", pairs[number : number + IN_ROW], _answer, labels)
                _row(f"answers-charts-{number}", pairs[number : number + IN_ROW], confidence, labels)
        _differing(subject, found)


def _row(key: str, pairs: list[Pair], part: Callable[[Side, Answer, list[str]], None], labels: list[str]) -> None:
    with st.container(key=key):
        for column, (side, answer) in zip(st.columns(IN_ROW, gap="large"), pairs, strict=False):
            with column:
                part(side, answer, labels)


def _differing(subject: Subject, found: list[Answer]) -> None:
    """Where the times of these few calls tell of another speed than the measurement does."""
    words = disagreement(
        [
            (safe(side.name), answer_ratio(found[0], answer), row.result or {})
            for row, side, answer in zip(subject.rows, subject.sides[1:], found[1:], strict=True)
        ],
        subject.target,
        "answers",
    )
    if words:
        st.markdown(words)


def _answers(subject: Subject, given: Given) -> list[Answer]:
    """What all say to ``given``; asked once, so that a page that is drawn again neither waits nor disturbs a race."""
    content = given if isinstance(given, str) else (given.shape, given.tobytes())
    question = (subject.key, subject.lineup.version, content)
    asked, answers = st.session_state.get("demo-answers", (None, []))
    if asked != question:
        with st.spinner(t("demo.asking")):
            answers = [astuple(answer) for answer in subject.shown.answer(given)]
        st.session_state["demo-answers"] = (question, answers)
    return [Answer(*answer) for answer in answers]


def _waiting(sides: tuple[Side, ...]) -> None:
    """Who will answer, before there is a question."""
    with st.container(border=True):
        st.caption(t("demo.waiting"))
        for side in sides:
            st.markdown(f"**{safe(side.name)}** · {side.size}")


def _text(subject: Subject) -> str | None:
    """A text of one's own, which begins with the first example."""
    examples = _text_examples(subject)
    first = state.remember_value("demo-text", examples[0] if examples else "")
    given = st.text_area(t("demo.text"), first, key="demo-text", max_chars=MOST_LETTERS, height=140)
    st.button(t("demo.ask"), key="demo-ask", type="primary", on_click=_ask_anew)
    if examples:
        st.caption(t("demo.text.examples"))
    with st.container(gap="small"):
        for number, text in enumerate(examples, start=1):
            shown = safe(shorten(text, MOST_SHOWN, placeholder=" …"))
            st.button(shown, key=f"demo-example-{number}", type="tertiary", on_click=_say, args=(text,))
    if not given.strip():
        st.info(t("demo.text.none" if examples else "demo.text.write"))
        return None
    return str(given)


def _text_examples(subject: Subject) -> list[str]:
    """Sentences for the built-in task; for data of one's own some of its validation texts."""
    path = subject.rows[0].recipe.get("data")
    if path is None:
        return [t(f"demo.text.{number}") for number in range(1, TEXT_EXAMPLES + 1)]
    return [text[:MOST_LETTERS] for text in _own_texts(path, tuple(subject.result["labels"]))]


@st.cache_data(max_entries=4, ttl=300, show_spinner=False)
def _own_texts(path: str, labels: tuple[str, ...]) -> list[str]:
    return example_texts(path, labels)


def _ask_anew() -> None:
    st.session_state.pop("demo-answers", None)


def _say(text: str) -> None:
    st.session_state["demo-text"] = text


def _image(subject: Subject) -> Example | None:
    """A drawing where the model reads digits, else one of the examples."""
    ways = ["draw", "example"] if subject.result["task"] == DRAWN_TASK else ["example"]
    way = ways[0]
    if len(ways) > 1:
        label = t("demo.image.how")
        way = st.segmented_control(
            label, ways, default=way, required=True, key="demo-way", format_func=lambda way: t(f"demo.image.{way}")
        )
    return _drawing() if way == "draw" else _example(subject)


def _drawing() -> Example | None:
    drawn = from_canvas(canvas())
    if drawn is None:
        st.caption(t("demo.draw.hint"))
        return None
    image = digit(drawn)
    st.image(enlarged(framed(image), SEEN_PX), caption=t("demo.draw.seen"), alt=t("demo.draw.alt"))
    return Example(image)


def _example(subject: Subject) -> Example | None:
    examples = _examples(subject.lineup, subject.lineup.version, tuple(subject.result["labels"]))
    if not examples:
        st.info(t("demo.image.none"))
        return None
    place = st.pills(
        t("demo.image.which"),
        range(len(examples)),
        default=0,
        required=True,
        wrap=True,
        key=f"demo-image-{subject.rows[0].run}",
        format_func=lambda place: str(place + 1),
    )
    example = examples[place]
    known = t("demo.image.label", label=safe(example.label)) if example.label is not None else None
    alt = t("demo.image.alt", number=place + 1)
    st.image(enlarged(example.pixels), width=280, caption=known, alt=alt)
    return example


@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs={Lineup: repr})
def _examples(lineup: Lineup, version: tuple[int, ...], labels: tuple[str, ...]) -> list[Example]:
    return example_images(lineup, labels)


def _answer(side: Side, answer: Answer, labels: list[str]) -> None:
    """The class in large type, and what it cost."""
    with st.container(key=f"answer-{side.key}"):
        st.subheader(side.name, anchor=False)
        with st.container(key=f"said-{side.key}"):
            st.markdown(safe(labels[answer.best]) if answer.best is not None else t("answers.no_answer"))
        with st.container(key=f"cost-{side.key}"):
            st.markdown(t("demo.cost", time=t("demo.ms", ms=significant(answer.ms)), size=side.size))


def _confidence(side: Side, answer: Answer, labels: list[str], right: int | None) -> None:
    """How sure the model is of the most probable classes and of the right one, and of how many calls the time is."""
    if answer.best is not None:
        info = confidence_info(side.name, labels, answer.probabilities, side.family, right)
        draw(confidence_figure(info, theme()), info.alt, f"confidence-{side.key}")
    st.caption(t("demo.median.of", name=safe(side.name), calls=answer.calls))
