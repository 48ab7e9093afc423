"""What every technique must keep, on every kind of model. A new technique is covered by being declared."""

from __future__ import annotations

import re
import subprocess
import sys
import zlib
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from explorer import deploy, training
from explorer.context import Context, GraphSubject
from explorer.errors import BadInput
from explorer.measure.size import measure_size
from explorer.models.structure import load_torch, save_torch
from explorer.recipe import Recipe
from explorer.tasks import Split
from explorer.technique import Technique, build, techniques
from explorer.texts import languages, texts_of
from tests.techniques.workbench import KINDS, NAMES, run_onnx, workbench

every_technique = pytest.mark.parametrize("technique", techniques().values(), ids=lambda t: t.name)
every_fitting_pair = pytest.mark.parametrize(
    ("technique", "kind"),
    [
        pytest.param(technique, kind, id=f"{technique.name}-{kind}")
        for technique in techniques().values()
        for kind in KINDS
        if NAMES[kind] in technique.suits
    ],
)

SAVES_LITTLE = {"quantize-embeddings": 0.8, "cluster-weights": 0.7}
"""Share of the bytes that is left of a tiny model where a real one shrinks more: tables are a third of it, and palettes
take as much as its layers."""


def short(technique: type[Technique]) -> Technique:
    """The technique with its defaults, but trained for a moment only and in the finest bit-width."""
    mild = {"epochs": 0.5, "bits": 8, "budget": 0.4, "min_count": 8}  # tiny texts use every word
    return technique(**{name: value for name, value in mild.items() if name in technique.model_fields})


def fitting(technique: type[Technique]) -> str:
    """The first kind of model that it works on."""
    return next(kind for kind in KINDS if NAMES[kind] in technique.suits)


@every_technique
def test_declaration_is_complete(technique: type[Technique]) -> None:
    summary = technique.summary()
    assert summary.endswith(".") and len(summary) > 40
    assert "arXiv:" in technique.paper
    assert (
        set(technique.effect) <= {"file size", "zipped size", "parameters", "latency", "accuracy"} and technique.effect
    )
    for parameter in technique.parameters():
        assert parameter.help.endswith("."), parameter.name
        beside, _, wanted = parameter.only_with.partition("=")
        others = {other.name: other for other in technique.parameters()}
        assert not beside or others[beside].kind == ("choice" if wanted else "flag")
        assert not wanted or set(wanted.split("|")) <= set(others[beside].options)
        if parameter.kind == "slider":
            assert parameter.low is not None and parameter.low <= parameter.default <= parameter.high
            assert parameter.step > 0
        if parameter.kind in ("choice", "stops"):
            assert parameter.default in parameter.options
        if parameter.kind == "text":
            assert isinstance(parameter.default, str)


@every_technique
def test_every_slider_says_what_moving_it_does_and_the_technique_what_it_costs(technique: type[Technique]) -> None:
    assert re.fullmatch(r"Costs .{10,}\.", technique.cost)
    for parameter in technique.parameters():
        slides = parameter.kind in ("slider", "stops")
        assert re.fullmatch(r"Higher: .+\. Lower: .+\." if slides else "", parameter.move), parameter.name


@every_technique
def test_its_words_are_there_in_every_language(technique: type[Technique]) -> None:
    for language in set(languages()) - {"en"}:
        known, start = texts_of(language), f"technique.{technique.name}."
        wanted = [start + what for what in ("title", "summary", "cost")]
        for parameter in technique.parameters():
            wanted += [start + parameter.name] + [f"{start}{parameter.name}.move"] * bool(parameter.move)
        assert [key for key in wanted if key not in known] == []


@every_technique
def test_yaml_and_json_round_trip(technique: type[Technique]) -> None:
    recipe = Recipe(model="vit-digits", steps=(technique(),))
    assert Recipe.from_yaml(recipe.to_yaml()) == recipe
    assert Recipe.parse(recipe.plain()) == recipe


@every_technique
def test_an_unknown_parameter_is_refused_by_name(technique: type[Technique]) -> None:
    with pytest.raises(BadInput, match=r"'sparsness'.*no such parameter"):
        build({"technique": technique.name, "sparsness": 1})


@every_technique
def test_values_outside_the_range_are_refused_by_name(technique: type[Technique]) -> None:
    for parameter in technique.parameters():
        wrong = {"slider": (parameter.high or 0) + 1, "stops": 3.5, "choice": "nonsense", "flag": "perhaps", "text": 7}[
            parameter.kind
        ]
        with pytest.raises(BadInput, match=rf"'{parameter.name}' is .* must be"):
            build({"technique": technique.name, parameter.name: wrong})


@every_fitting_pair
def test_the_artefact_agrees_with_the_model_it_came_from(technique: type[Technique], kind: str, tmp_path) -> None:
    bench, step = workbench(kind), short(technique)
    context = bench.context()
    if step.stage == "model":
        subject = bench.subject()
        step.apply(subject, context)
        bench.preprocessor = subject.preprocessor
        save_torch(subject.model, tmp_path)
        reloaded = load_torch(tmp_path)
        assert (bench.logits(reloaded) - bench.logits(subject.model)).abs().max() == 0
        graph = deploy.export(reloaded, bench.preprocessor)
        assert deploy.check_parity(graph, reloaded, bench.tensors()) < 1e-4
        if step.finishes:
            _finish_agrees(step, graph, bench)
    else:
        deployed = bench.graph()
        exact = run_onnx(deployed.graph, bench.tensors())
        step.apply(deployed, context)
        deploy.save_graph(deployed.graph, tmp_path / "model.onnx")
        difference = np.abs(run_onnx(deployed.graph, bench.tensors()) - exact)
        # sixteen values wide, with one activation scale for a padded batch, int8 is off by a tenth
        assert difference.mean() < 0.25 * np.abs(exact).mean()
    assert context.notes, "a step says what it did"


def _finish_agrees(step: Technique, graph, bench) -> None:
    """What a step trained for is what the file stores: no more than rounding lies between them."""
    deployed, exact = GraphSubject(graph), run_onnx(graph, bench.tensors())
    step.finish(deployed, bench.context())
    assert np.abs(run_onnx(deployed.graph, bench.tensors()) - exact).max() < 0.02 * np.abs(exact).max()


@every_fitting_pair
def test_promised_sizes_are_delivered(technique: type[Technique], kind: str, tmp_path) -> None:
    bench, step = workbench(kind), short(technique)
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    deployed = bench.graph()
    deploy.save_graph(deployed.graph, before)
    if step.stage == "model":
        subject = bench.subject()
        step.apply(subject, bench.context())
        exported = GraphSubject(deploy.export(subject.model, subject.preprocessor))
        if step.finishes:
            step.finish(exported, bench.context())
        deploy.save_graph(exported.graph, after)
    else:
        step.apply(deployed, bench.context())
        deploy.save_graph(deployed.graph, after)
    old, new = measure_size(before), measure_size(after)
    if "parameters" in step.effect:
        assert new.parameters < old.parameters
    else:
        assert new.parameters == old.parameters
    if "file size" in step.effect and "parameters" in step.effect:
        assert new.file_bytes < old.file_bytes
    elif "file size" in step.effect:  # tiny graphs are mostly structure: compare what the weights take
        assert _weight_bytes(after) < SAVES_LITTLE.get(step.name, 0.6) * _weight_bytes(before)
    if "zipped size" in step.effect:
        assert _zipped_weights(after) < 0.95 * _zipped_weights(before)


@every_technique
def test_the_same_seed_gives_the_same_model(technique: type[Technique]) -> None:
    bench, step = workbench(fitting(technique)), short(technique)
    if step.stage == "deploy":
        graphs = [bench.graph(), bench.graph()]
        for graph in graphs:
            step.apply(graph, bench.context())
        assert graphs[0].graph.SerializeToString() == graphs[1].graph.SerializeToString()
        return
    subjects = [bench.subject(), bench.subject()]
    for subject in subjects:
        step.apply(subject, bench.context(seed=3))
    bench.preprocessor = subjects[0].preprocessor
    first, second = (bench.logits(subject.model) for subject in subjects)
    assert (first - second).abs().max() < 1e-6


@every_technique
def test_what_a_technique_needs_is_what_it_takes(technique: type[Technique], monkeypatch) -> None:
    """Over all its choices a step takes from the context what it declares, and never what it is scored on."""
    taken: set[str] = set()

    class Watched(dict):
        def __getitem__(self, split: str) -> Split:
            taken.add("training" if split == "train" else split)
            return super().__getitem__(split)

    def gradients(context: Context, subject, samples: int = 512) -> None:
        taken.add("gradients")
        training.accumulate_gradients(subject.model, bench.task.splits["train"], bench.preprocessor)

    bench = workbench(fitting(technique))
    monkeypatch.setattr(Context, "train", lambda context, subject, **settings: taken.add("training"))
    monkeypatch.setattr(Context, "gradients", gradients)
    choices = [(p.name, option) for p in technique.parameters() if p.kind == "choice" for option in p.options]
    choices += [("keep_sensitive", 0.5)] if "keep_sensitive" in technique.model_fields else []
    for settings in [{}, *({name: option} for name, option in choices)]:
        context = bench.context()
        context.task = replace(bench.task, splits=Watched(bench.task.splits))
        with suppress(BadInput):  # a choice that means nothing for this kind of model
            technique(**settings).apply(bench.subject() if technique.stage == "model" else bench.graph(), context)
    assert taken == technique.needs


def test_declarations_import_nothing_heavy() -> None:
    code = (
        "import sys; from explorer.technique import techniques; [t.parameters() for t in techniques().values()];"
        "heavy = {'torch', 'transformers', 'onnxruntime', 'onnx', 'streamlit'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def _arrays(path) -> list[bytes]:
    import onnx

    return [tensor.raw_data for tensor in onnx.load(path).graph.initializer]


def _weight_bytes(path) -> int:
    return sum(len(raw) for raw in _arrays(path))


def _zipped_weights(path) -> int:
    return sum(len(zlib.compress(raw)) for raw in _arrays(path))
