"""A story being shown: one step in large type, the chart, what the variant comes to, next and back."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from explorer import stories
from explorer.budget import Budget
from explorer.charts import crowded, presented_figure
from explorer.charts.presented import FACTORS, TypeSize
from explorer.charts.style import BACKGROUNDS
from explorer.charts.tradeoff.info import NO_BUDGET
from explorer.conclusion import conclusion
from explorer.errors import ExplorerError
from explorer.stories import Step, Story
from explorer.texts import t
from explorer.texts.sentences import sentence
from pages.parts import budgeting, clicker, data, empty, marks, state, view_charts
from pages.parts.page import go, plain_errors, safe, theme
from pages.parts.pictures import draw
from pages.parts.tradeoffs import spare_words
from pages.parts.view_charts import Chart

TYPES = tuple(FACTORS)
KEPT = ("story", "step", "view", "type")

# Everything around the step goes: the sidebar, Streamlit's header, and the page's own title and sentence, of which the
# title stays for those who hear the page read.
STAGE = """<style>
[data-testid="stSidebar"], [data-testid="stHeader"], [data-testid="stExpandSidebarButton"] { display: none !important; }
.stElementContainer:has(h1) { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.stElementContainer:has(h1) + .stElementContainer { display: none; }
.stMainBlockContainer { padding-top: 2rem; padding-bottom: 5rem; max-width: 110rem; margin: 0 auto; }
.stMainBlockContainer { --type: TYPE; }
.stMainBlockContainer h2 { font-size: calc(var(--type) * clamp(1.6rem, 3.4vw, 2.8rem)); padding-top: 0; }
.st-key-stage { min-height: calc(100dvh - 7rem); }
.st-key-stage > :has(.st-key-wall), .st-key-wall { flex: 1 1 auto; align-items: stretch; }
.st-key-wall > * { flex: 1 1 0; min-width: min(100%, calc(var(--type) * 26rem)); }
.st-key-wall > * > * { height: 100%; }
.st-key-wall .stElementContainer:has(.stPlotlyChart) {
  flex: 1 1 auto; min-height: calc(var(--type) * 26rem); position: relative;
}
.st-key-wall:has(> :nth-child(2)) .stElementContainer:has(.stPlotlyChart) { min-height: calc(var(--type) * 33rem); }
.st-key-stage .stElementContainer:has(.stPlotlyChart) > div { position: absolute; inset: 0; }
.st-key-stage .stPlotlyChart { height: 100%; }
.st-key-stage [data-testid="stCaptionContainer"] p { font-size: calc(var(--type) * clamp(1rem, 1.5vw, 1.25rem)); }
.st-key-said p { font-size: calc(var(--type) * clamp(1.15rem, 2vw, 1.6rem)); line-height: 1.4; }
.st-key-comes-to p { font-size: calc(var(--type) * clamp(1.3rem, 2.4vw, 1.9rem)); line-height: 1.35; font-weight: 600; }
.st-key-steps { position: fixed; bottom: 0; left: 0; width: 100%; padding: 0.6rem 1rem; z-index: 9; }
.st-key-steps { background: GROUND; }
@media (max-width: 640px) {
  .st-key-wall .stElementContainer:has(.stPlotlyChart) { min-height: calc(var(--type) * 38rem); }
  .st-key-stage :is(.xtitle, .ytitle) { font-size: 17px !important; }
  .st-key-steps kbd { display: none; }
  .st-key-steps { gap: 0.6rem; }
}
</style>"""

# Streamlit lets a chart be as high as its place only where the place has a height of its own, which what is left of the
# window has not; so the chart lies over its place.

# Buttons are gone until a pointer or the keyboard comes to their place, unless there is only a finger: for a guest from
# the start, for a presenter after some seconds, in which they are found.
GUEST, PRESENTER = (
    """<style>
@keyframes leave { to { opacity: 0; } }
@media (hover: hover) {
  .st-key-steps { animation: leave 0.01s AFTER forwards; }
  .st-key-steps:is(:hover, :has(:focus-visible)) { animation: none; }
}
</style>""".replace("AFTER", after)
    for after in ("0s", "4s")
)


def asked() -> bool:
    """Whether the address asks for a story."""
    return bool(st.query_params.get("story"))


def begin(name: str) -> None:
    """Show a story from its first step, in the type that was chosen last."""
    st.query_params.update(address(name))


def address(name: str) -> dict[str, str]:
    """What the address of a story's first step says, in the type that was chosen last and the reader's language."""
    chosen = st.session_state.get("type-size", TYPES[0])
    return {"story": name, "step": "1"} | ({"type": chosen} if chosen != TYPES[0] else {}) | state.spoken()


def _type() -> TypeSize:
    """The size of the type that the address asks for."""
    asked_for = st.query_params.get("type")
    return next((size for size in TYPES if size == asked_for), TYPES[0])


def _choose_type(size: TypeSize) -> None:
    st.session_state["type-size"] = st.query_params["type"] = size


def show() -> None:
    """The step that the address asks for, or why there is none; a guest then gets one sentence and nothing else."""
    guest = st.query_params.get("view") == "1"
    story = _for_guests() if guest else _for_presenters()
    if story is None:
        return
    place = stories.place_of(st.query_params.get("step"), len(story.steps))
    with st.container(key="stage"):
        _step(story.steps[place - 1], guest)
    _buttons(place, len(story.steps), guest)


def _for_guests() -> Story | None:
    """The story, with nothing around it whether there is one or not; None where there is nothing to show."""
    _clear_stage(GUEST)
    with suppress(ExplorerError):  # its sentence names the other stories
        story = stories.load(st.query_params["story"])
        if story.steps:
            return story
    st.markdown(t("present.gone"))
    return None


def _for_presenters() -> Story | None:
    """The story; None where there is nothing to show, after the reason and the ways out."""
    with plain_errors():
        story = stories.load(st.query_params["story"])
        if story.steps:
            _clear_stage(PRESENTER)
            return story
        st.markdown(t("present.no_steps"))
    with st.container(horizontal=True):
        st.button(t("present.stories"), key="end", type="primary", on_click=_end)
        if st.button(t("page.overview.name"), key="overview"):
            go("overview")
    return None


def _clear_stage(more: str) -> None:
    share = FACTORS[_type()] / FACTORS[TYPES[0]]
    st.html(STAGE.replace("GROUND", BACKGROUNDS[theme()]).replace("TYPE", f"{share:g}") + more)


def _step(step: Step, guest: bool) -> None:
    st.header(safe(step.title), anchor=False)
    if step.sentence:
        with st.container(key="said"):
            st.markdown(safe(step.sentence))
    _view(step, guest)


def _view(step: Step, guest: bool) -> None:
    """What the Trade-offs page shows of the step's view: one chart, or several side by side where there is room.

    What it comes to stands below, and what is to be known besides last.
    """
    view, budget = step.view, step.view.budget(data.variants())
    found = view_charts.measured(data.variants(), view, step.runs)
    foreseen = view_charts.estimated(view, step.runs)
    shown = [*found, foreseen] if foreseen else found
    with st.container(horizontal=True, key="wall"):
        for chart in shown:
            with st.container(key=f"presented-{chart.key}"):
                _chart(chart, guest, len(shown) > 1)
    if step.runs:
        with st.container(key="comes-to"):
            st.markdown(safe(_conclusion(step)))
    for chart in shown:
        _caption(chart, budget if chart is not foreseen else NO_BUDGET, len(shown) > 1)
    if budget.given:
        st.caption(safe(budgeting.limits(view)))
    marks.follow(with_picks=False)


def _chart(chart: Chart, guest: bool, beside: bool) -> None:
    """The figure, or why there is none; ``beside`` says that it stands beside another one."""
    for part in chart.parts:
        if part.reason:
            empty.reason(part.reason.title, part.reason.text, part.reason.note)
    if chart.drawn:
        info = chart.info
        alt, figure = f"{info.title}. {info.subtitle}", presented_figure(info, theme(), _type(), beside)
        # the presenter's camera comes when the pointer does
        buttons = {"displayModeBar": False if guest else "hover", "modeBarButtons": [["toImage"]]}
        draw(figure, alt, f"{chart.key}-{theme()}-{_type()}", buttons, info.credit, height="stretch")
        spare_words(f"presented-{chart.key}", crowded(info, _type(), beside))


def _caption(chart: Chart, budget: Budget, beside: bool) -> None:
    """How a chart was measured and, where a budget greys marks, the best of what fits; by its name beside others."""
    if chart.drawn:
        fitting = [budgeting.said(part.rows, budget, part.place) for part in chart.parts if not part.reason]
        words = [chart.info.caption, *(fitting if budget.given else [])]
        st.caption(safe(" ".join([f"{chart.info.subtitle}:", *words] if beside else words)))


def _conclusion(step: Step) -> str:
    """What the last of the step's variants comes to."""
    row = data.find(step.runs[-1])
    if row is None or not row.result:
        return t("picked.gone")
    view = step.view
    return f"{sentence(row.label)}: {conclusion(row.result, view.targets[0], view.batch, view.length)}"


def _buttons(place: int, count: int, guest: bool) -> None:
    clicker.follow()
    with st.container(horizontal=True, horizontal_alignment="center", vertical_alignment="center", key="steps"):
        st.button(t("present.back"), key="back", shortcut="Left", on_click=_go, args=(place - 1,), disabled=place == 1)
        st.markdown(t("present.place", place=place, count=count), width="content")
        st.button(
            t("present.next"), key="next", shortcut="Right", on_click=_go, args=(place + 1,), disabled=place == count
        )
        if not guest:
            _type_button()
            st.button(t("present.end"), key="end", shortcut="Esc", type="tertiary", on_click=_end)


def _type_button() -> None:
    """The size of the type; each press takes the next one, the first after the last."""
    size = _type()
    following = TYPES[(TYPES.index(size) + 1) % len(TYPES)]
    st.button(
        t(f"present.type.{size}"),
        key="type",
        icon=":material/format_size:",
        type="tertiary",
        on_click=_choose_type,
        args=(following,),
        help=t("present.type.help"),
    )


def _go(place: int) -> None:
    st.query_params["step"] = str(place)


def _end() -> None:
    """Back to where stories are made, with this one chosen."""
    st.session_state["told"] = st.query_params.get("story")
    for name in KEPT:
        st.query_params.pop(name, None)
