"""One input, and what baseline and variant say to it: class, confidence, time, size."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer.charts import CONFIG
from explorer.charts.confidence import confidence_figure, confidence_info
from explorer.quantities import significant
from explorer.serving.client import Answer
from explorer.serving.drawing import digit, from_canvas
from explorer.serving.examples import Example, enlarged, example_images
from explorer.serving.pairs import PairFiles
from explorer.texts import t
from pages.parts import state
from pages.parts.demo import Side, Subject
from pages.parts.demo_canvas import canvas
from pages.parts.page import plain_errors, safe, theme

Given = str | NDArray[np.uint8]

TEXT_EXAMPLES = 4
MOST_LETTERS = 2000
DRAWN_TASK = "digits"
SEEN_PX = 84
QUIET_CONFIG = {**CONFIG, "displayModeBar": False}


def section(subject: Subject) -> None:
    """The input on the left, the two answers beside it in the same layout."""
    left, *answers = st.columns([1.05, 1, 1], gap="large")
    with left, plain_errors():
        given = _text() if subject.result["kind"] == "text" else _image(subject)
        found: dict[str, Answer] = {}
        if given is not None:
            with st.spinner(t("demo.asking")):
                found = subject.pair.answer(given)
    for column, side in zip(answers, subject.sides, strict=True):
        with column:
            _answer(side, found.get(side.key), subject.result["labels"])


def _text() -> str | None:
    """A text of one's own, which begins with the first example."""
    examples = [t(f"demo.text.{number}") for number in range(1, TEXT_EXAMPLES + 1)]
    first = state.remember_value("demo-text", examples[0])
    given = st.text_area(t("demo.text"), first, key="demo-text", max_chars=MOST_LETTERS, height=140)
    st.button(t("demo.ask"), key="demo-ask", type="primary")
    st.caption(t("demo.text.examples"))
    with st.container(gap="small"):
        for number, text in enumerate(examples, start=1):
            st.button(text, key=f"demo-example-{number}", type="tertiary", on_click=_say, args=(text,))
    if not given.strip():
        st.info(t("demo.text.none"))
        return None
    return str(given)


def _say(text: str) -> None:
    st.session_state["demo-text"] = text


def _image(subject: Subject) -> NDArray[np.uint8] | None:
    """A drawing where the model reads digits, else one of the examples."""
    ways = ["draw", "example"] if subject.result["task"] == DRAWN_TASK else ["example"]
    way = ways[0]
    if len(ways) > 1:
        label = t("demo.image.how")
        way = st.segmented_control(
            label, ways, default=way, required=True, key="demo-way", format_func=lambda way: t(f"demo.image.{way}")
        )
    return _drawing() if way == "draw" else _example(subject)


def _drawing() -> NDArray[np.uint8] | None:
    drawn = from_canvas(canvas())
    if drawn is None:
        st.caption(t("demo.draw.hint"))
        return None
    image = digit(drawn)
    st.image(enlarged(image, SEEN_PX), caption=t("demo.draw.seen"), alt=t("demo.draw.alt"))
    return image


def _example(subject: Subject) -> NDArray[np.uint8] | None:
    examples = _examples(subject.files, subject.files.version, tuple(subject.result["labels"]))
    if not examples:
        st.info(t("demo.image.none"))
        return None
    place = st.pills(
        t("demo.image.which"),
        range(len(examples)),
        default=0,
        required=True,
        wrap=True,
        key=f"demo-image-{subject.row.run}",
        format_func=lambda place: str(place + 1),
    )
    example = examples[place]
    known = t("demo.image.label", label=safe(example.label)) if example.label is not None else None
    alt = t("demo.image.alt", number=place + 1)
    st.image(enlarged(example.pixels), width=280, caption=known, alt=alt)
    return example.pixels


@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs={PairFiles: repr})
def _examples(files: PairFiles, version: tuple[int, ...], labels: tuple[str, ...]) -> list[Example]:
    return example_images(files, labels)


def _answer(side: Side, answer: Answer | None, labels: list[str]) -> None:
    """The class in large type, what it cost, and how sure the model is of every class."""
    best = answer.best if answer else None
    st.subheader(side.name, anchor=False)
    with st.container(key=f"said-{side.key}"):
        st.markdown(safe(labels[best]) if best is not None else t("answers.no_answer" if answer else "number.none"))
    time = t("demo.ms", ms=significant(answer.ms)) if answer else t("number.none")
    with st.container(key=f"cost-{side.key}"):
        st.markdown(t("demo.cost", time=time, size=side.size))
    if answer is None or best is None:
        return
    st.caption(t("demo.median", calls=answer.calls))
    info = confidence_info(side.name, labels, answer.probabilities, side.family)
    figure = confidence_figure(info, theme())
    st.plotly_chart(figure, theme=None, config=QUIET_CONFIG, alt=info.alt, key=f"confidence-{side.key}")
