"""The page of all techniques, written from their declarations: ``python -m explorer.reference``."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from explorer.technique import Parameter, Technique, techniques
from explorer.texts import t

PAGE = Path(__file__).resolve().parents[1] / "docs" / "techniques.md"

HEAD = """# Techniques

Written by `python -m explorer.reference` from the declarations under `explorer/techniques/`; `python -m explorer
techniques` prints the same. A step of the stage *model* edits or trains the PyTorch model, one of the stage *deploy*
the exported ONNX graph, and a recipe keeps that order. What each costs in accuracy stands in [accuracy](accuracy.md);
where an artefact runs, and in which precision, in [targets](measuring.md#targets).
"""


def page() -> str:
    """The page as Markdown, a chapter for each family."""
    parts = [HEAD]
    for family, members in groupby(techniques().values(), key=lambda technique: technique.family):
        parts.append(f"\n## {t(f'family.{family}')}")
        parts += [_chapter(technique) for technique in members]
    return "\n".join(parts) + "\n"


def _chapter(technique: type[Technique]) -> str:
    facts = [
        f"stage {technique.stage}",
        f"for {', '.join(technique.suits)}",
        f"meant to improve {', '.join(technique.effect)}",
    ]
    if technique.needs:
        facts.append(f"takes {', '.join(sorted(technique.needs))}")
    lines = [f"\n### {technique.title} (`{technique.name}`)", technique.summary(), "", f"*{'; '.join(facts)}.*"]
    lines += [technique.cost, technique.paper + ".", ""]
    if parameters := technique.parameters():
        lines += ["| parameter | values | default | |", "|---|---|---|---|"]
        lines += [_row(parameter) for parameter in parameters]
    for other, reason in technique.not_after.items():
        lines.append(f"\nNot after `{other}`: {reason}.")
    return "\n".join(lines)


def _row(parameter: Parameter) -> str:
    if parameter.kind == "slider":
        values = f"{parameter.low:g} to {parameter.high:g} {parameter.unit}".strip()
    elif parameter.kind in ("choice", "stops"):
        values = ", ".join(str(option) for option in parameter.options)
    else:
        values = {"flag": "yes, no", "text": "text"}[parameter.kind]
    default = {True: "yes", False: "no"}.get(parameter.default, parameter.default) if parameter.kind == "flag" else None
    beside = f" Only beside `{parameter.only_with}`." if parameter.only_with else ""
    shown = default or (parameter.default if parameter.default != "" else "none")
    help = " ".join(part for part in (parameter.help, parameter.move) if part)
    help = (help + beside).replace("|", "\\|")
    return f"| `{parameter.name}` | {values} | {shown} | {help} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
