"""The form of the Compress page: model, techniques with a widget for every parameter, targets and seed."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from explorer.charts.glossary import words_of
from explorer.labels import value_words
from explorer.measure.targets import targets
from explorer.quantities import count, file_size
from explorer.recipe import OWN_SIZE
from explorer.technique import LONGEST_TEXT, ModelKind, Parameter, Technique, techniques
from explorer.texts import (
    parameter_help,
    parameter_move,
    t,
    target_help,
    target_title,
    technique_cost,
    technique_summary,
    technique_title,
)
from explorer.texts.sentences import sentence, setting
from pages.parts import data, draft, glossary, preset_picker
from pages.parts.page import safe
from pages.parts.state import remember_value

OWN = "own"
BATCHES = (1, 2, 4, 8, 16, 32)
LENGTHS = (16, 32, 64, 128, 256, 512, "real")
SIZES = (32, 56, 112, 224, 384)


def model_picker() -> None:
    """Choose a built-in model, or name one of one's own with its data."""
    fields, cards = draft.draft(), data.model_cards()
    fields["model"] = fields["model"] or next(iter(cards), "")
    options = [*cards, OWN]
    current = remember_value("form-model", fields["model"] if fields["model"] in cards else OWN)
    chosen = st.radio(
        t("compress.model"),
        options,
        options.index(current),
        key="form-model",
        label_visibility="collapsed",
        format_func=lambda name: sentence(cards[name].title) if name in cards else t("compress.model.own"),
        captions=[_card_caption(name) for name in options],
    )
    if chosen in cards:
        fields["model"], fields["data"] = chosen, ""
    else:
        _own_model(fields, set(cards))


def _card_caption(name: str) -> str:
    card = data.model_cards().get(name)
    if card is None:
        return t("compress.model.own.caption")
    size = {"parameters": count(card.parameters), "size": file_size(card.file_bytes)}
    return t("compress.model.size", name=card.name, **size, description=safe(sentence(card.description)))


def _own_model(fields: dict[str, Any], built_in: set[str]) -> None:
    own = remember_value("form-own-model", "" if fields["model"] in built_in else fields["model"])
    given = remember_value("form-own-data", fields["data"])
    model, path = st.columns(2)
    fields["model"] = model.text_input(
        t("compress.model.id"), own, key="form-own-model", help=t("compress.model.id.help")
    ).strip()
    fields["data"] = path.text_input(
        t("compress.model.data"), given, key="form-own-data", help=t("compress.model.data.help")
    ).strip()


def steps_editor() -> None:
    """The techniques in their order, each with its sliders, and a way to add one more."""
    steps = draft.draft()["steps"]
    for position, step in enumerate(steps):
        with st.container(border=True):
            _step_editor(position, len(steps), step)
    _technique_adder(first=not steps)
    if steps:
        preset_picker.save()
    else:
        preset_picker.start(_model_kind() or ("CNN" if _is_image() else None))


def _step_editor(position: int, steps: int, step: dict[str, Any]) -> None:
    technique = techniques()[step["technique"]]
    st.markdown(f"**{position + 1}. {technique_title(technique)}** `{technique.name}`")
    needs = [t(f"need.{need}") for need in sorted(technique.needs)]
    st.caption(" · ".join([t(f"family.{technique.family}"), technique_summary(technique), *needs]))
    st.caption(f"{_effect(technique)} {_reference(technique)}")
    glossary.explain(f"step-{step['id']}", *words_of(technique))
    parameters = technique.parameters()
    for first in range(0, len(parameters), 2):
        for column, parameter in zip(st.columns(2), parameters[first : first + 2], strict=False):
            with column:
                step["values"][parameter.name] = _widget(technique, parameter, step)
    with st.container(horizontal=True):
        key, place = f"form-{step['id']}", position + 1
        st.button(
            t("compress.up", place=place),
            key=f"{key}-up",
            on_click=draft.move,
            args=(position, -1),
            disabled=position == 0,
            type="tertiary",
            icon=":material/arrow_upward:",
        )
        st.button(
            t("compress.down", place=place),
            key=f"{key}-down",
            on_click=draft.move,
            args=(position, 1),
            disabled=position == steps - 1,
            type="tertiary",
            icon=":material/arrow_downward:",
        )
        st.button(
            t("compress.duplicate", place=place),
            key=f"{key}-duplicate",
            on_click=draft.duplicate,
            args=(position,),
            type="tertiary",
            icon=":material/content_copy:",
        )
        st.button(
            t("compress.remove", place=place),
            key=f"{key}-remove",
            on_click=draft.remove,
            args=(position,),
            type="tertiary",
            icon=":material/close:",
        )


def settings_moved() -> bool:
    """True once after a setting of a step was moved: the draft has it already, so what follows can be drawn first."""
    return bool(st.session_state.pop("settings-moved", False))


def _take(step: dict[str, Any], name: str, key: str) -> None:
    """Before the page is drawn again: put a setting that was moved into the draft."""
    step["values"][name] = _plain(st.session_state[key])
    st.session_state["settings-moved"] = True


def _plain(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _widget(technique: type[Technique], parameter: Parameter, step: dict[str, Any]) -> Any:
    """The widget that a declaration asks for; its value lives in the draft."""
    key = f"form-{step['id']}-{parameter.name}"
    value = remember_value(key, step["values"].get(parameter.name, parameter.default))
    label = parameter_label(parameter)
    usual: dict[str, Any] = {
        "key": key,
        "help": _help(technique, parameter),
        "disabled": not parameter.matters(step["values"]),
        "on_change": _take,
        "args": (step, parameter.name, key),
    }
    if parameter.kind == "flag":
        return st.toggle(label, value, **usual)
    if parameter.kind == "text":
        return _plain(st.text_input(label, value, LONGEST_TEXT, **usual))
    if parameter.kind == "stops":
        return st.select_slider(label, parameter.options, value, format_func=partial(stop_words, parameter), **usual)
    if parameter.kind == "choice":
        place, words = parameter.options.index(value), partial(value_words, parameter)
        return st.selectbox(label, parameter.options, place, format_func=words, **usual)
    ends, number = (parameter.low, parameter.high), slider_format(parameter)
    return st.slider(label, *ends, value, step=parameter.step, format=number, **usual)


def _effect(technique: type[Technique]) -> str:
    """What a technique is meant to improve, and what that costs."""
    better = t("conclusion.comma").join(t(f"effect.{name.replace(' ', '_')}") for name in technique.effect)
    return t("compress.effect", better=better, cost=technique_cost(technique))


def _help(technique: type[Technique], parameter: Parameter) -> str:
    """What a setting is, what moving it does, and where the method comes from, each in a paragraph."""
    parts = parameter_help(technique, parameter), parameter_move(technique, parameter), _reference(technique)
    return "\n\n".join(part for part in parts if part)


def _reference(technique: type[Technique]) -> str:
    """Where a method comes from, with links to what stands on arXiv."""
    linked = re.sub(r"arXiv:(\d{4}\.\d{5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", safe(technique.paper))
    return t("compress.reference", reference=linked)


def parameter_label(parameter: Parameter) -> str:
    """The parameter's name for people."""
    return setting(parameter.name)


def stop_words(parameter: Parameter, value: float) -> str:
    """One stop of a slider with its unit, unless the label names it."""
    return f"{value:g}" if parameter.unit in parameter.name else f"{value:g} {sentence(parameter.unit)}"


def slider_format(parameter: Parameter) -> str:
    """How a slider writes its number: fractions as percent, others with their unit unless the label names it."""
    if parameter.unit == "fraction":
        return "percent"
    unit = sentence(parameter.unit).replace("%", "%%")  # the widget reads it as printf does
    return "%g" if parameter.unit in parameter.name else f"%g {unit}"


def _technique_adder(first: bool) -> None:
    """Choosing a technique adds it: what is chosen and not added would look as if it were part of the recipe."""
    known, others = _fitting()
    st.selectbox(
        t("compress.add.first" if first else "compress.add.next"),
        list(known),
        None,
        key="form-new",
        placeholder=t("compress.add"),
        format_func=lambda name: _offer(known[name]),
        on_change=_add_chosen,
    )
    if others:
        names = ", ".join(technique_title(technique) for technique in others)
        st.caption(t("compress.add.others", kind=sentence(_model_kind() or ""), names=names))


def _fitting() -> tuple[dict[str, type[Technique]], list[type[Technique]]]:
    """The techniques that work on the chosen kind of model, by name, and the others."""
    kind = _model_kind()
    fitting = {name: one for name, one in techniques().items() if kind is None or kind in one.suits}
    return fitting, [one for name, one in techniques().items() if name not in fitting]


def _model_kind() -> ModelKind | None:
    card = data.model_cards().get(draft.draft()["model"])
    return card.model_kind if card is not None else None


def _offer(technique: type[Technique]) -> str:
    return f"{t(f'family.{technique.family}')}: {technique_title(technique)} ({technique.name})"


def _add_chosen() -> None:
    chosen = st.session_state["form-new"]
    if chosen is not None:
        draft.add(chosen)
        st.session_state["form-new"] = None


def places() -> None:
    """Where to measure, how, seed and study."""
    _targets()
    with st.expander(t("compress.measuring"), icon=":material/timer:"):
        _measuring()
    _seed_and_study()


def _targets() -> None:
    """The targets that are here to tick; the others with the reason why they are not."""
    fields, missing = draft.draft(), {}
    for name in targets():
        reason = data.missing(name)
        if reason is not None:
            missing[target_title(name)] = reason
            continue
        wanted = remember_value(f"form-target-{name}", name in fields["targets"])
        st.checkbox(target_title(name), wanted, key=f"form-target-{name}", help=target_help(name) or None)
    fields["targets"] = [name for name in targets() if st.session_state.get(f"form-target-{name}")]
    if missing:
        with st.expander(t("compress.targets.missing", count=len(missing))):
            lines = [
                t("compress.target.missing", target=title, reason=safe(sentence(why))) for title, why in missing.items()
            ]
            st.markdown("\n".join(f"- {line}" for line in lines))


def _measuring() -> None:
    """The grid of batch sizes and lengths or image sizes, and what else to find out."""
    how = draft.draft()["measure"]
    how["batches"] = _several("batches", BATCHES, how["batches"])
    if not _is_image():
        how["lengths"] = _several("lengths", LENGTHS, how["lengths"])
    elif _model_kind() == "vision transformer":
        how["sizes"] = [OWN_SIZE]
        st.caption(t("compress.sizes.fixed"))
    else:
        others = [size for size in how["sizes"] if size != OWN_SIZE]
        how["sizes"] = [OWN_SIZE, *_several("sizes", SIZES, others, none_allowed=True)]
    robust = remember_value("form-robustness", how["robustness"])
    how["robustness"] = st.toggle(
        t("compress.robustness"), robust, key="form-robustness", help=t("compress.robustness.help")
    )
    wait = remember_value("form-wait", how["wait_s"])
    how["wait_s"] = st.slider(
        t("compress.wait"), 0.0, 120.0, wait, 5.0, key="form-wait", help=t("compress.wait.help"), format="%d s"
    )


def _several(name: str, options: tuple[Any, ...], chosen: list[Any], none_allowed: bool = False) -> list[Any]:
    """Pills of which at least one stays chosen, unless ``none_allowed``; values of a loaded recipe are offered too."""
    offered = sorted({*options, *chosen}, key=lambda option: (isinstance(option, str), option))
    value = remember_value(f"form-{name}", chosen)
    picked = st.pills(
        t(f"compress.{name}"),
        offered,
        selection_mode="multi",
        default=value,
        key=f"form-{name}",
        format_func=lambda option: t("compress.lengths.real") if option == "real" else f"{option}",
        help=t(f"compress.{name}.help"),
    )
    return list(picked) or ([] if none_allowed else [offered[0]])


def _is_image() -> bool:
    """Whether the chosen model takes images; of one's own model the data tell: a file of texts, a folder of images."""
    fields = draft.draft()
    card = data.model_cards().get(fields["model"])
    if card is not None:
        return card.kind == "image"
    return bool(fields["data"]) and Path(fields["data"]).expanduser().is_dir()


def _seed_and_study() -> None:
    fields = draft.draft()
    seed, study = st.columns(2)
    number = remember_value("form-seed", fields["seed"])
    name = remember_value("form-study", fields["study"])
    fields["seed"] = seed.number_input(
        t("compress.seed"), 0, 2**31 - 1, number, step=1, key="form-seed", help=t("compress.seed.help")
    )
    fields["study"] = (
        study.text_input(t("compress.study"), name, key="form-study", help=t("compress.study.help")).strip()
        or "default"
    )
