"""What every page begins with, and how it shows mistakes."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, reduce
from typing import Literal, TypeVar, cast

import pandas  # noqa: F401  # whole before any page draws: Plotly takes it as another session has it, half imported too
import streamlit as st

from explorer import access, memory, texts
from explorer.charts import Theme
from explorer.charts.style import BACKGROUNDS, INK, MUTED
from explorer.errors import ExplorerError
from explorer.jobs.engine import on_cluster
from explorer.store import Store
from explorer.texts import t
from explorer.texts.sentences import sentence
from pages.parts import data, page_language, pictures, sidebar_closer, state, theme_watcher
from pages.parts.carrying_on import carry_on

PAGES = {
    "overview": ("app.py", ":material/home:"),
    "compress": ("pages/1_Compress.py", ":material/compress:"),
    "runs": ("pages/2_Runs.py", ":material/list:"),
    "trade_offs": ("pages/3_Trade_offs.py", ":material/scatter_plot:"),
    "compare": ("pages/4_Compare.py", ":material/compare_arrows:"),
    "export": ("pages/5_Export.py", ":material/download:"),
    "models": ("pages/6_Models.py", ":material/schema:"),
    "demo": ("pages/7_Demo.py", ":material/play_circle:"),
    "report": ("pages/8_Report.py", ":material/description:"),
    "present": ("pages/9_Present.py", ":material/slideshow:"),
}

# Less air above the title, tables of figures that stand in columns, and words that are read in the colour of text:
# the accent is dark enough for white words on it, so it is too dark for words on the dark background. Captions are
# grey by colour, not by opacity, and code is not coloured, since neither keeps a contrast of 4.5:1 otherwise; what has
# the keyboard's focus is outlined.
STYLE = """<style>
.stMainBlockContainer { padding-top: 3.2rem; padding-bottom: 3rem; }
@media (min-width: 768px) { .stMainBlockContainer { padding-left: 3rem; padding-right: 3rem; } }
[class*="st-key-quiet-"] { column-gap: 1rem; }
[class*="st-key-quiet-"] button { min-height: 1.7rem; padding-block: 0; text-align: left; }
[class*="st-key-quiet-"] button:is(:hover, :active, [aria-expanded="true"]) { color: INK; }
[class*="st-key-quiet-"] button:hover p { text-decoration: underline; }
.stMarkdown table { width: 100%; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
.stMarkdown th, .stMarkdown td { border-left: none !important; border-right: none !important; }
.stMarkdown th, .stMarkdown td { padding: 0.3rem 0.5rem !important; }
.stMarkdown:has(table) { overflow: auto hidden; }
.stMarkdown td:first-child strong { white-space: nowrap; }
[class*="st-key-side-by-side-"] :is(th, td) { min-width: 7.6rem; overflow-wrap: anywhere; vertical-align: top; }
@media (max-width: 768px) { [class*="st-key-side-by-side-"] :is(th, td) { min-width: 9.2rem; } }
[class*="st-key-side-by-side-"] :is(th, td):first-child { min-width: 6.4rem; position: sticky; left: 0; z-index: 1; }
[class*="st-key-side-by-side-"] :is(th, td):first-child { background: GROUND; }
[class*="st-key-side-by-side-"] td:first-child strong { white-space: normal; }
[class*="st-key-side-by-side-"] td .stMarkdownColoredText { display: block; }
.stButtonGroup button[data-selected="true"] p, [data-testid="stSliderThumbValue"] p { color: INK; }
[data-testid="stCaptionContainer"] { opacity: 1; }
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] p { color: MUTED; }
:is([data-testid="stCaptionContainer"], [data-testid="stMarkdownContainer"]) :not(pre) > code {
  font-size: 0.92em;
}
[data-testid="stCode"] .token { color: INK !important; }
[data-testid="stCode"] .token.comment { color: MUTED !important; }
.stApp :is(a, button, summary, [role="slider"], [role="tab"]):focus-visible { outline: 2px solid INK; }
</style>"""

TURN_S = 0.0005
_here = threading.local()
_T = TypeVar("_T")
Login = Literal["there", "none", "unreadable"]
"""Whether the dashboard has a login, and whether there is something to set one up with that cannot be read."""


@contextmanager
def start(name: str) -> Iterator[None]:
    """Set the page up: its title and sentence, the links to the others, what was selected before.

    The page itself stands inside, so that whatever goes wrong there is one sentence and never a traceback.
    """
    from pages.parts import telling  # which needs this module

    _set_up_process()
    state.restore()
    _here.language, _here.login = st.session_state.get("language"), None
    texts.follow(_language)
    st.set_page_config(page_title=t(f"page.{name}.name"), page_icon="🗜️", layout="wide", initial_sidebar_state=220)
    colours = {"INK": INK, "MUTED": MUTED, "GROUND": BACKGROUNDS}
    st.html(reduce(lambda css, name: css.replace(name, colours[name][theme()]), colours, STYLE))
    access.follow(_visitor)
    state.arrive(name)
    with st.sidebar:
        _navigation()
        sidebar_closer.close_sidebar()
        theme_watcher.follow_system()
        page_language.tell(texts.language())
    st.title(t(f"page.{name}.title"), anchor=False)
    st.markdown(t(f"page.{name}.sentence"))
    telling.now()
    with suppress(ExplorerError):  # what is wrong with the index is said below, where the page needs it
        with st.spinner(t("page.reading")):  # the first page of all may have ten thousand results to read
            data.learn()
        _window()
        carry_on()
        if trouble := Store().trouble():
            st.warning(safe(sentence(trouble)))
    with plain_errors():
        yield
    memory.collect()  # what whole pages left in circles; parts that are drawn again by themselves leave little


def _window() -> None:
    """Where there are more runs than pages read: which are read, and how to see others."""
    count = data.beyond()
    if count:
        st.caption(t("page.newest", shown=f"{data.MOST:,}", count=f"{count:,}"))


def _language() -> str | None:
    """The reader's language, looked up once in each run of a page: a chart asks for it thousands of times."""
    if not hasattr(_here, "language"):  # a part of the page that is drawn again by itself
        _here.language = st.session_state.get("language")
    return _here.language


def in_this_language(make: Callable[[], _T]) -> Callable[[], _T]:
    """``make`` for a thread of the server that draws no page, and so knows no reader: in the language of this one."""
    language = _language()

    def made() -> _T:
        _here.language = language
        try:
            return make()
        finally:
            del _here.language

    return made


def _visitor() -> access.Visitor:
    """Who is logged in, where the dashboard is set up with a login (``[auth]`` in Streamlit's secrets)."""
    if _login() != "there":
        return access.without_login(unreadable=_login() == "unreadable")
    return access.logged_in(access.identity(st.user.to_dict()) if st.user.is_logged_in else None)


def _login() -> Login:
    """Whether it is; looked up once in each run of a page, since each button asks and Streamlit reads its files."""
    if getattr(_here, "login", None) is None:
        _here.login = _read_login()
    return cast(Login, _here.login)


def _read_login() -> Login:
    with suppress(OSError, ValueError):  # it may not be read, or holds no text
        if st.secrets.load_if_toml_exists():
            return "there" if "auth" in st.secrets else "none"
    # Streamlit says the same of no file and of one that it cannot make out; a link that leads nowhere is meant as one
    return "unreadable" if any(map(os.path.lexists, st.get_option("secrets.files"))) else "none"


def _account() -> None:
    """Who is logged in, a way to become somebody, and what a guest cannot do."""
    reason = access.why_not()
    if reason is not None:
        st.caption(sentence(reason))
    if _login() != "there":
        return
    if st.user.is_logged_in:
        st.caption(safe(access.visitor().name))
        st.button(t("app.logout"), on_click=st.logout, key="logout")
    else:
        st.button(t("app.login"), on_click=st.login, key="login")


@cache
def _set_up_process() -> None:
    """Once in a process: threads share a heap and Arrow takes from it, instead of each keeping what it once freed.

    They also take turns sooner: the thread that sends what was drawn else waits 5 ms before each message while another
    one makes a chart, which made a quarter of the time from a click to its details.
    """
    memory.keep_small()
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    sys.setswitchinterval(TURN_S)


def _navigation() -> None:
    st.markdown(f"**{t('app.name')}**")
    for name, (path, icon) in PAGES.items():
        st.page_link(path, label=t(f"page.{name}.name"), icon=icon, query_params=state.address())
    if len(texts.languages()) > 1:
        options = texts.languages()
        st.selectbox(
            t("app.language"),
            options,
            options.index(texts.language()),
            format_func=lambda code: texts.texts_of(code)["app.language.name"],
            key="language",
            on_change=state.speak_anew,
            persist_state="session",
        )
    pictures.choice()
    st.caption(t("app.cluster" if on_cluster() else "app.private"))
    _account()


def go(name: str) -> None:
    """Switch to another page and keep the selection."""
    st.switch_page(PAGES[name][0], query_params=state.address())


def theme() -> Theme:
    """The reader's theme."""
    return "dark" if st.context.theme.type == "dark" else "light"


@contextmanager
def plain_errors() -> Iterator[None]:
    """Show a mistake as its one sentence."""
    try:
        yield
    except ExplorerError as error:
        st.error(safe(sentence(str(error))))


def safe(text: str) -> str:
    """Text from people or files that must not act as Markdown."""
    return re.sub(r"([\\`*_\[\]<>$~|#])", r"\\\1", text)
