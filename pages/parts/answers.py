"""What variants answer: confusion matrices beside the baselines, scores by class, inputs whose answer changed sides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from explorer import answers, jobs
from explorer.answers import Choice, ClassRow, FlippedInput
from explorer.charts import ConfusionInfo, confusion_figure, confusion_info
from explorer.comparison import TableRow
from explorer.errors import ExplorerError
from explorer.store import RunRow
from explorer.tasks.base import Split
from explorer.texts import t, target_title
from explorer.texts.sentences import sentence
from pages.parts.page import safe, theme
from pages.parts.pictures import draw
from pages.parts.tables import fact_table, side_by_side

PANEL_PX, IMAGE_ROW_PX = 300, 56
ROWS_AT_ONCE = 8


@dataclass(frozen=True)
class Shown:
    """A variant with its answers under the choice that is looked at."""

    row: RunRow
    name: str
    entry: dict[str, Any]

    @property
    def labels(self) -> list[str]:
        return (self.row.result or {})["labels"]

    @property
    def is_baseline(self) -> bool:
        return not self.row.families and self.entry["confusion"] == self.entry.get("baseline_confusion")


def section(rows: list[RunRow], names: dict[str, str]) -> None:
    """The answers of ``rows``, called as in ``names`` by run; those measured before answers were kept are named."""
    st.subheader(t("answers.title"), anchor=False)
    without = [row.run for row in rows if not answers.choices([row.result or {}])]
    found = answers.choices([row.result or {} for row in rows])
    if found:
        st.markdown(t("answers.sentence"))
    if without:
        st.info(t("answers.not_kept", variants=safe(", ".join(names[run] for run in without))))
    if found:
        choice = _choice(found)
        entries = [(row, answers.entry_of(row.result or {}, choice)) for row in rows]
        _elsewhere([names[row.run] for row, entry in entries if entry is None and row.run not in without])
        _draw([Shown(row, names[row.run], entry) for row, entry in entries if entry is not None])


def _choice(found: list[Choice]) -> Choice:
    if len(found) == 1:
        return found[0]
    return st.selectbox(t("answers.where"), found, key="answers-where", format_func=_choice_words, width=420)


def _choice_words(choice: Choice) -> str:
    target = target_title(choice.target)
    return target if choice.condition == "clean" else t(f"answers.condition.{choice.condition}", target=target)


def _elsewhere(names: list[str]) -> None:
    if names:
        st.caption(t("answers.none_there", variants=safe(", ".join(names))))


def _draw(shown: list[Shown]) -> None:
    """Matrices and scores for each model with its own baseline, and the flipped inputs of each variant."""
    models = dict.fromkeys(one.row.model for one in shown)
    for model in models:
        group = [one for one in shown if one.row.model == model]
        if len(models) > 1:
            st.markdown(f"**{safe(model)}**")
        _matrices(group)
        _classes(group)
        for one in group:
            _flipped(one)


def _matrices(group: list[Shown]) -> None:
    """One heatmap for the baseline and one for each variant, as many beside each other as the window holds."""
    drawn = [one for one in group if one.entry.get("confusion")]
    with st.container(horizontal=True, gap="medium"):
        for place, info in enumerate([*_baseline_panels(drawn), *(_panel(one) for one in drawn)]):
            figure, alt = confusion_figure(info, theme()), f"{info.title}: {info.subtitle}"
            key = f"confusion-{group[0].row.model}-{place}"
            draw(figure, alt, key, width=PANEL_PX)
    if len(drawn) < len(group):
        st.caption(t("answers.many", count=len(group[0].labels)))
    for one in drawn:
        missing = one.entry["samples"] - sum(map(sum, one.entry["confusion"]))
        if missing:
            st.caption(t("answers.unanswered", variant=safe(one.name), count=missing))


def _baseline_panels(drawn: list[Shown]) -> list[ConfusionInfo]:
    """The baseline's answers, once; none where a chosen variant is the baseline itself."""
    if any(one.is_baseline for one in drawn):
        return []
    known = next((one for one in drawn if one.entry.get("baseline_confusion")), None)
    if known is None:
        return []
    macro_f1 = answers.baseline_macro_f1(known.entry, known.labels)
    words = _panel_words(known.entry["baseline"], macro_f1 or 0.0)
    return [confusion_info(t("answers.baseline"), words, known.labels, known.entry["baseline_confusion"])]


def _panel(one: Shown) -> ConfusionInfo:
    words = _panel_words(one.entry["value"], one.entry["macro_f1"])
    return confusion_info(one.name, words, one.labels, one.entry["confusion"])


def _panel_words(accuracy: float, macro_f1: float) -> str:
    return t("answers.panel", accuracy=f"{100 * accuracy:.1f}", macro_f1=f"{100 * macro_f1:.1f}")


def _classes(group: list[Shown]) -> None:
    """F1 with precision and recall of each class, the baseline's first."""
    columns = [(one.name, answers.class_rows(one.entry)) for one in group]
    baseline = answers.baseline_class_rows(group[0].entry, group[0].labels)
    if baseline and not any(one.is_baseline for one in group):
        columns.insert(0, (t("answers.baseline"), baseline))
    supports = answers.supports(group[0].entry)
    lines = []
    for label in dict.fromkeys(label for _, rows in columns for label in rows):
        name = t("answers.class", label=label, support=supports.get(label, 0))
        lines.append(TableRow(name, tuple(_score(rows, label) for _, rows in columns)))
    with st.expander(t("answers.classes"), icon=":material/table_rows:"), side_by_side(f"classes-{group[0].row.run}"):
        fact_table([t("answers.class.column"), *(name for name, _ in columns)], lines)
        st.caption(t("answers.classes.caption"))


def _score(rows: dict[str, ClassRow], label: str) -> tuple[str, str]:
    score = rows.get(label)
    if score is None:
        return t("number.none"), ""
    precision, recall = (f"{100 * share:.1f}" for share in (score.precision, score.recall))
    return f"{100 * score.f1:.1f} %", t("answers.class.note", precision=precision, recall=recall)


def _flipped(one: Shown) -> None:
    """The inputs that changed sides; data are read when the reader opens the list."""
    flips = one.entry.get("flips")
    if one.is_baseline or not flips:
        return
    lost, gained = flips["right_to_wrong"], flips["wrong_to_right"]
    title = t("answers.flipped", variant=safe(one.name), lost=lost, gained=gained)
    if not one.entry.get("flipped"):
        st.caption(title)
        return
    box = st.expander(title, key=f"flipped-{one.row.run}", icon=":material/swap_horiz:", on_change="rerun")
    if box.open:
        with box:
            _flipped_table(one, title)
            if len(one.entry["flipped"]) < lost + gained:
                st.caption(t("answers.flipped.first", count=len(one.entry["flipped"])))


def _flipped_table(one: Shown, title: str) -> None:
    inputs, problem = _inputs(one)
    if problem:
        st.info(t("answers.flipped.without", reason=safe(sentence(problem))))
    lines = answers.flipped_inputs(one.entry, one.labels)
    images = any(given.startswith("data:image/") for given in inputs)
    column = st.column_config
    st.dataframe(
        [_cells(line, inputs[place] if inputs else None) for place, line in enumerate(lines)],
        hide_index=True,
        height="content" if len(lines) <= ROWS_AT_ONCE else 460,
        row_height=IMAGE_ROW_PX if images else None,
        alt=title,
        column_config={
            "index": column.NumberColumn(t("answers.index"), width=70),
            "input": (column.ImageColumn if images else column.TextColumn)(
                t("answers.input"), width=80 if images else 560
            ),
            "label": t("answers.label"),
            "baseline": t("family.baseline"),
            "variant": t("answers.variant"),
            "change": t("answers.change"),
        },
    )
    st.caption(t("answers.flipped.hint"))


def _cells(line: FlippedInput, given: str | None) -> dict[str, Any]:
    shown = {} if given is None else {"input": given}
    answered = {name: getattr(line, name) or t("answers.no_answer") for name in ("baseline", "variant")}
    change = t("answers.gained" if line.gained else "answers.lost")
    return {"index": line.index, **shown, "label": line.label, **answered, "change": change}


def _inputs(one: Shown) -> tuple[list[str], str]:
    """The flipped inputs as texts of one's own or as small images, else the reason why they are not shown."""
    result = one.row.result or {}
    own = result["recipe"].get("data") is not None
    if not own and result.get("kind", "text") == "text":
        return [], t("answers.flipped.by_index")
    try:
        folder = jobs.run_folder(one.row.run) if own and not one.row.recorded else None
        with st.spinner(t("answers.loading")):
            split = _split(one.row.run if own else result["task"], result, folder)
            inputs = answers.shown_inputs(split, one.entry)
    except ExplorerError as error:
        return [], str(error)
    return [given if isinstance(given, str) else answers.thumbnail(given) for given in inputs], ""


@st.cache_resource(max_entries=3, ttl=600, show_spinner=False)
def _split(name: str, _result: dict[str, Any], _folder: Path | None) -> Split:
    """The validation split by the name of the built-in task, or of the run with data of its own."""
    return answers.measured_split(_result, _folder)
