"""What can be chosen: models, techniques, places to measure."""

from __future__ import annotations

from dataclasses import asdict

from explorer.cli import wording
from explorer.cli.base import Json, app, show


@app.command()
def models(as_json: Json = False) -> None:
    """List the built-in models."""
    from explorer.models import cards

    found = [asdict(card) for card in cards().values()]
    lines = [
        f"{card['name']:<16}{card['parameters'] / 1e6:>8.2f} M parameters  {card['description']}" for card in found
    ]
    show(found, lines, as_json)


@app.command()
def techniques(as_json: Json = False) -> None:
    """List the techniques with their parameters."""
    from explorer.technique import techniques as known

    found, lines = [], []
    for technique in known().values():
        parameters = [asdict(parameter) for parameter in technique.parameters()]
        names = {"name": technique.name, "title": technique.title, "family": technique.family, "stage": technique.stage}
        facts = {"suits": technique.suits, "effect": technique.effect, "needs": sorted(technique.needs)}
        texts = {"summary": technique.summary(), "cost": technique.cost, "paper": technique.paper}
        found.append({**names, **facts, **texts, "not_after": technique.not_after, "parameters": parameters})
        lines.append(f"{technique.name}  ({technique.family})  {technique.summary()}")
        lines += [f"    {wording.parameter(parameter)}" for parameter in parameters]
    show(found, lines, as_json)


@app.command()
def targets(as_json: Json = False) -> None:
    """List where artefacts can run, and what this machine has."""
    from explorer.measure.targets import availability
    from explorer.measure.targets import targets as known

    found = [{**asdict(target), "unavailable": availability(name)} for name, target in known().items()]
    wide, wider = (max(len(row[column]) for row in found) + 2 for column in ("name", "title"))
    lines = [f"{row['name']:<{wide}}{row['title']:<{wider}}{wording.available(row['unavailable'])}" for row in found]
    show(found, lines, as_json)
