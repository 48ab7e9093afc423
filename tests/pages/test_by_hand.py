"""What a hand does on the pages, each as a reader does it: charts, recipes, runs, downloads, language, theme, keys."""

from __future__ import annotations

import csv
import json
import os
import re
import zipfile
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pandas
import psutil
import pytest

from explorer import presets
from explorer.bench import serve_dashboard
from explorer.charts.style import BACKGROUNDS, FAMILY_COLOURS, INK, INTERVAL
from explorer.pictures import open_page, settle
from explorer.recipe import Recipe
from explorer.technique import techniques
from explorer.texts import t, texts_of
from tests.pages.conftest import GRID
from tests.support.browser import (
    GROUND,
    MARKS,
    add_technique,
    apart,
    change_theme,
    click_mark,
    colour,
    complaints,
    lit,
    marks,
    obstacles,
    page_of,
    pick,
    slide,
    wait_chosen,
)
from tests.support.sample_results import sample_runs

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TEXTS = "/Trade_offs?study=default&model=minilm-tweets&length=32"
IMAGES = "/Trade_offs?study=default&model=vit-digits"
OWN = {run.run: run for run in sample_runs(16) if run.model == "minilm-tweets" and run.families}
"""The compressed runs that ``TEXTS`` shows."""

BASELINES = {colour(INK["light"]), "none"}
"""How marks of baselines are filled; those of recorded ones are open."""
MOST_TABS = 70
TWO = "?selected=sample-0002&compared=sample-0002,sample-0003"
ROW_PX = 35
"""How tall a row of a table is."""

HIDDEN_PX = """(() => {
    const table = document.querySelector('table'), box = table.closest('.stMarkdown');
    return table.getBoundingClientRect().width - box.clientWidth;
})()"""
"""How much of the first table is wider than its place."""

SCALE = "type => document.querySelector('.js-plotly-plot')?._fullLayout?.xaxis.type === type"
FILL = "part => getComputedStyle(document.querySelector(part)).fill"
KEPT = """() => [...document.querySelectorAll('.js-plotly-plot')].map(chart => chart.data[0])
    .filter(trace => trace.type === 'parcoords').flatMap(trace => trace.dimensions.map(one => one.constraintrange))
    .filter(range => range).map(range => range.flat())"""
ROWS = """() => [...document.querySelectorAll('[data-testid="stDataFrame"] [role="row"]')]
    .map(row => [row.getAttribute('aria-selected') === 'true', ...[...row.querySelectorAll('td')].map(
        cell => cell.textContent)]).filter(row => row.length > 1)"""
STEPS = r"""() => [...document.querySelectorAll('strong')].map(one => one.innerText)
    .filter(words => /^\d+\. /.test(words)).map(words => words.replace(/^\d+\. /, ''))"""

SAID = """titles => titles.every(
    (title, place) => document.querySelectorAll('ol li')[place + 1]?.innerText.startsWith(title))"""
CARDS = '[class*="st-key-quiet-card"] strong, [data-testid="stColumn"] strong'
NAMES = f"() => [...document.querySelectorAll('{CARDS}')].map(one => one.innerText)"
SELECTED = "() => new URL(location.href).searchParams.get('selected')"
FOCUSED = """async controls => {
    const last = document.activeElement;
    if (!last.matches('a, button, input, textarea, summary, [tabindex]:not(main)')) return null;
    const words = [last.getAttribute('aria-label'), last.innerText, last.closest('label')?.innerText].join(' ');
    const control = controls.find(name => words.includes(name));
    if (!control) return null;
    const near = [];
    for (let one = last, up = 0; up < 4; one = one.parentElement, up++) near.push(one, ...one.children);
    const drawn = () => JSON.stringify(near.map(one => {
        const {outline, boxShadow, borderColor, backgroundColor} = getComputedStyle(one);
        return [outline, boxShadow, borderColor, backgroundColor];
    }));
    const wait = () => new Promise(done => setTimeout(done, 250));
    await wait();
    const focused = drawn();
    last.blur();
    await wait();
    const seen = drawn() !== focused;
    last.focus({focusVisible: true, preventScroll: true});
    return [control, seen];
}"""
"""Which of the controls has the keyboard's focus, and whether it looks otherwise without; null for all others."""


def title(page, words: str) -> None:
    """Wait for the chart with this title."""
    page.locator(".js-plotly-plot .gtitle").filter(has_text=words).first.wait_for()


def link(page, name: str) -> None:
    """Go to another page by its link, and wait for it."""
    page.get_by_test_id("stSidebar").get_by_role("link", name=t(f"page.{name}.name"), exact=True).click()
    page.get_by_role("heading", level=1, name=t(f"page.{name}.title"), exact=True).wait_for()
    settle(page)


@pytest.fixture
def page(filled_page):
    """A page of the dashboard that has runs; nothing may complain meanwhile."""
    with complaints(filled_page) as said:
        yield filled_page
        assert said == []


# Trade-offs


def test_axes_and_scale_stay_as_they_were_chosen(page):
    open_page(page, TEXTS, "light")
    pick(page, "Across", "Latency p50")
    pick(page, "Up", "Difference to baseline")
    title(page, "Difference to baseline against latency p50")
    page.get_by_role("button", name="More").click()
    page.get_by_text("Logarithmic scale across").click()
    page.wait_for_function(SCALE, arg="log")
    page.reload()
    title(page, "Difference to baseline against latency p50")
    page.wait_for_function(SCALE, arg="log")
    settle(page)
    page.get_by_role("button", name="More").click()
    page.get_by_text("Logarithmic scale across").click()
    page.wait_for_function(SCALE, arg="linear")
    page.keyboard.press("Escape")
    pick(page, "Up", "File size")
    page.get_by_role("button", name="More").click()
    page.get_by_text("Logarithmic scale up").click()
    page.wait_for_function(SCALE.replace("xaxis", "yaxis"), arg="log")


def test_a_budget_greys_out_what_breaks_it_and_names_the_best(page):
    size = {run.run: run.result["size"]["file_bytes"] for run in OWN.values()}
    open_page(page, TEXTS, "light")
    slide(page, "Size of its file", 5, "ArrowLeft")
    fitting = [run for run in OWN if size[run] <= 50e6]
    page.get_by_text(f"{len(fitting)} of {len(OWN)} variants fit. The best of them:").wait_for()
    grey = {run for run, mark in marks(page).items() if mark["fill"] == colour(INTERVAL["light"])}
    assert grey == set(OWN) - set(fitting) and grey and fitting
    page.get_by_role("button", name=re.compile("^Smallest ")).click()
    wait_chosen(page, [min(fitting, key=lambda run: size[run])])


def fast_enough(target: str, least: float) -> set[str]:
    """The runs of ``OWN`` that are so many times as fast as the baseline on this target, with eight texts at once."""
    where = {"target": target, "batch": 8, "sequence": 32}
    entries = [(run, entry) for run, one in OWN.items() for entry in one.result["latency"]]
    return {run for run, entry in entries if where.items() <= entry.items() and (entry["speedup"] or 0) >= least}


def test_the_speed_counts_on_the_target_that_is_chosen_and_a_device_is_estimated(page):
    open_page(page, f"{TEXTS}&batch=8", "light")
    slide(page, t("budget.speed"), 4, "ArrowRight")
    words = page.get_by_role("slider", name=t("budget.speed")).get_attribute("aria-valuetext")
    least = float(re.search(r"[\d.]+", words)[0])
    here, there = (fast_enough(target, least) for target in ("cpu-onnxruntime", "cpu-torch"))
    page.get_by_text(f"{len(here)} of {len(OWN)} variants fit.").wait_for()
    pick(page, t("budget.on"), "CPU, PyTorch")
    page.get_by_text(f"{len(there)} of {len(OWN)} variants fit.").wait_for()
    assert here != there
    page.get_by_role("button", name="More").click()
    pick(page, t("filter.estimate"), "NVIDIA T4")
    page.get_by_text(t("estimate.axis")).wait_for()
    page.wait_for_function("() => new URL(location.href).searchParams.get('estimate') === 'nvidia-t4'")


def test_a_click_selects_a_mark_alone_and_with_shift_one_more(page):
    open_page(page, TEXTS, "light")
    first, second = apart(marks(page))[:2]
    click_mark(page, first)
    wait_chosen(page, [first])
    click_mark(page, second)
    wait_chosen(page, [second])
    assert lit(marks(page)) == {second}
    page.keyboard.down("Shift")
    click_mark(page, first)
    page.keyboard.up("Shift")
    wait_chosen(page, [second, first])
    assert lit(marks(page)) == {first, second}


def test_a_click_selects_where_the_mouse_stood_on_the_chart_before_anybody_listened(page):
    open_page(page, TEXTS, "light")
    page.evaluate("addEventListener('pointerover', event => event.stopImmediatePropagation(), true)")
    run = apart(marks(page))[0]
    click_mark(page, run)
    wait_chosen(page, [run])


@pytest.mark.parametrize("tool", ["Pan", "Zoom"])
def test_a_click_selects_while_the_mouse_drags_or_zooms_too(page, tool):
    open_page(page, TEXTS, "light")
    page.locator(f'.modebar-btn[data-title="{tool}"]').first.click()
    for run in apart(marks(page))[:2]:
        click_mark(page, run)
        wait_chosen(page, [run])


def test_what_a_box_selects_outlives_a_reload_and_another_page(page):
    open_page(page, TEXTS, "light")
    found = marks(page)
    across = sorted(mark["x"] for run, mark in found.items() if run in OWN)
    boxed = {run for run, mark in found.items() if mark["x"] <= across[2]}
    plot = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    page.mouse.move(plot["x"] + 2, plot["y"] + 2)
    page.mouse.down()
    page.mouse.move((across[2] + across[3]) / 2, plot["y"] + plot["height"] - 2, steps=5)
    page.mouse.up()
    wait_chosen(page, list(boxed))
    page.get_by_text(f"{len(boxed)} variants are selected; the last one is shown.").wait_for()
    assert lit(marks(page)) == boxed
    page.reload()
    assert lit(marks(page)) == boxed
    link(page, "compare")
    wait_chosen(page, list(boxed))
    link(page, "trade_offs")
    assert lit(marks(page)) == boxed


def legend(page, words: str):
    return page.locator(".legend .traces").filter(has_text=words).locator(".legendtoggle")


def test_the_legend_takes_a_family_away_until_it_is_called_back(page):
    open_page(page, TEXTS, "light")
    before = marks(page)
    pruned = {run for run, mark in before.items() if mark["fill"] == colour(FAMILY_COLOURS["pruning"])}
    legend(page, "Pruning").click()
    page.wait_for_function(f"count => ({MARKS})('').length < count", arg=len(before))
    assert set(marks(page)) == set(before) - pruned and pruned
    left = apart(marks(page))[0]
    click_mark(page, left)
    wait_chosen(page, [left])
    assert set(marks(page)) == set(before) - pruned, "a chart that is drawn anew remembers"
    page.reload()
    assert set(marks(page)) == set(before) - pruned
    link(page, "compare")
    link(page, "trade_offs")
    assert set(marks(page)) == set(before) - pruned
    page.locator(".st-key-back-family-pruning button").first.click()
    page.wait_for_function(f"count => ({MARKS})('').length === count", arg=len(before))


def test_the_legend_takes_the_baseline_away_on_the_overview_and_on_trade_offs(page):
    open_page(page, "/?selected=sample-0002", "light")
    before = marks(page)
    cursor = "one => getComputedStyle(one).cursor"
    page.locator(".js-plotly-plot").first.hover()
    assert legend(page, "Baseline").evaluate(cursor) == "pointer"
    assert legend(page, t("chart.legend.recorded")).evaluate(cursor) == "default"
    legend(page, "Baseline").click()
    page.wait_for_function(f"count => ({MARKS})('').length < count", arg=len(before))
    away = set(before) - set(marks(page))
    assert "sample-0000" in away and {mark["fill"] for run, mark in before.items() if run in away} == BASELINES
    link(page, "trade_offs")
    assert not away & set(marks(page))
    page.locator(".st-key-back-family-baseline button").first.click()
    page.wait_for_function(f"runs => ({MARKS})('').some(mark => runs.includes(mark.run))", arg=list(away))


def test_the_legend_filters_models(page):
    open_page(page, f"{TEXTS}&model=vit-digits", "light")
    before = marks(page)
    legend(page, "minilm-tweets").click()
    page.wait_for_function(f"count => ({MARKS})('').length < count", arg=len(before))
    assert "minilm-tweets" not in " ".join(mark["words"] for mark in marks(page).values())


def test_the_legend_of_sizes_filters(page):
    open_page(page, f"{TEXTS}&size=file_size", "light")
    before = marks(page)
    page.locator(".annotation", has_text=re.compile(r"^\d")).first.click()
    page.wait_for_function(f"count => ({MARKS})('').length < count", arg=len(before))
    page.locator("[class*='st-key-back-size'] button").first.click()
    page.wait_for_function(f"count => ({MARKS})('').length === count", arg=len(before))


def test_the_table_and_the_chart_have_one_selection(page):
    open_page(page, TEXTS, "light")
    found = marks(page)
    label = {run: re.search("<b>(.*?)</b>", mark["words"]).group(1) for run, mark in found.items()}
    first, second = apart(found)[:2]
    click_mark(page, first)
    wait_chosen(page, [first])
    page.get_by_test_id("stDataFrame").scroll_into_view_if_needed()
    settle(page)
    rows = page.evaluate(ROWS)
    assert [label[first] in words for ticked, *words in rows if ticked] == [True]
    place = next(place for place, (_, *words) in enumerate(rows) if label[second] in words)
    for _ in range(2):  # on a busy machine a click can fall where the table is drawn anew, and is lost
        table = page.get_by_test_id("stDataFrame").locator("canvas").first.bounding_box()
        page.mouse.click(table["x"] + 18, table["y"] + ROW_PX * (place + 1.5))  # below the row of titles
        settle(page)
        if lit(marks(page)) == {first, second}:
            break
    wait_chosen(page, [first, second])
    assert lit(marks(page)) == {first, second}


def test_the_table_is_sorted_and_searched_in_place(page):
    open_page(page, TEXTS, "light")
    table = page.get_by_test_id("stDataFrame")
    table.scroll_into_view_if_needed()
    settle(page)
    rows = [row[1:] for row in page.evaluate(ROWS)]
    before = [row[0] for row in rows]
    box = table.locator("canvas").first.bounding_box()
    page.mouse.click(box["x"] + 150, box["y"] + ROW_PX / 2)  # the title of the first column
    page.wait_for_function(f"before => JSON.stringify(({ROWS})().map(row => row[1])) === before", arg=listed(before))
    first, *_, last = sorted(before, key=str.lower)
    page.mouse.click(box["x"] + 18, box["y"] + ROW_PX * (len(before) + 0.5))
    wait_chosen(page, [run for run, one in OWN.items() if one.label == last])
    table.hover()
    page.locator("[data-testid=stElementToolbar] button[aria-label^=Search]").click()
    page.keyboard.type(first)
    found = sum(first.lower() in cell.lower() for row in rows for cell in row)
    page.locator(".gdg-search-status", has_text=f"{found} result").wait_for()


def listed(names: list[str]) -> str:
    """Names in the order in which a table that is sorted by them shows them, as the browser writes a list."""
    return json.dumps(sorted(names, key=str.lower), ensure_ascii=False, separators=(",", ":"))


def test_axe_finds_nothing_on_two_devices_and_on_no_view(page):
    open_page(page, "/Trade_offs?model=minilm-tweets&where=both", "light")
    for view in ("table", "parallel", "sweep", "progress"):
        page.get_by_role("radio", name=t(f"views.{view}"), exact=True).click()
        settle(page)
        assert obstacles(page) == [], view
    page.get_by_role("radio", name=t("where.joined"), exact=True).click()
    settle(page)
    assert page.locator(".st-key-chart-joined").count() == 1 and obstacles(page) == []
    change_theme(page, "dark")
    assert obstacles(page) == []


def test_a_click_on_a_curve_selects_its_run_and_the_device_is_chosen(page):
    open_page(page, "/Trade_offs?model=minilm-tweets&where=both&view=sweep", "light")
    *_, run = marks(page, ".st-key-sweep-chart")
    click_mark(page, run, ".st-key-sweep-chart")
    wait_chosen(page, [run])
    assert run in lit(marks(page, ".st-key-sweep-chart"))
    page.locator(".st-key-view-where").get_by_role("radio", name=t("where.gpu"), exact=True).click()
    page.locator(".st-key-view-where [aria-checked=true]", has_text=t("where.gpu")).wait_for()
    page.get_by_role("radio", name=t("views.progress"), exact=True).click()
    page.locator(".st-key-hypervolume .gtitle-subtitle", has_text="NVIDIA GPU").wait_for()


def test_on_a_phone_the_axes_keep_apart_and_scroll_in_their_box(page):
    open_page(page, f"{TEXTS}&view=parallel", "light", 400)
    page.locator(".parcoords .axis-brush").last.wait_for(state="attached")
    settle(page)
    places = "axes => axes.map(axis => axis.getBoundingClientRect().x)"
    axes = page.locator(".parcoords .axis-brush").evaluate_all(places)
    assert len(axes) > 3 and all(right - left >= 90 for left, right in pairwise(axes))
    scrolls = "box => box.scrollWidth > box.clientWidth"
    assert page.locator(".st-key-wide-chart").evaluate(scrolls)
    assert not page.get_by_test_id("stMain").evaluate(scrolls)


def test_a_drag_along_an_axis_selects_the_variants_that_pass_there(page):
    open_page(page, TEXTS, "light")
    page.get_by_role("radio", name="Parallel coordinates").click()
    title(page, t("chart.parallel.title"))
    settle(page)
    axis = page.locator(".parcoords .axis-brush .background").last
    axis.scroll_into_view_if_needed()
    box = axis.bounding_box()
    middle = box["x"] + box["width"] / 2
    page.mouse.move(middle, box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(middle, box["y"] + 0.6 * box["height"], steps=5)
    page.mouse.up()
    page.wait_for_function(f"({KEPT})().length === 1")
    ((low, high),) = page.evaluate(KEPT)
    there = [run for run in sample_runs(16) if run.model == "minilm-tweets"]
    kept = {run.run for run in there if low <= 100 * run.result["accuracy"][0]["value"] <= high}
    assert kept and len(kept) < len(there)
    wait_chosen(page, list(kept))
    settle(page)
    assert lit(marks(page)) == kept and page.evaluate(KEPT) == [[low, high]], "what was dragged stays"
    page.locator(".st-key-clear-picked button").click()
    page.wait_for_function(f"({KEPT})().length === 0")


def test_a_click_on_a_cell_of_a_heatmap_selects_its_run(page):
    open_page(page, IMAGES, "light")
    page.get_by_role("radio", name="Sweeps").click()
    assert set(marks(page, ".st-key-sweep-chart")) == set(GRID)
    for run in list(GRID)[1:3]:
        click_mark(page, run, ".st-key-sweep-chart")
        wait_chosen(page, [run])
    assert lit(marks(page, ".st-key-sweep-chart")) == {run}
    area = page.locator(".st-key-sweep-chart .nsewdrag").first.bounding_box()
    first, _, _, last = GRID
    for run, way in ((first, 1), (last, -1)):  # near a corner of one of four cells
        mark = marks(page, ".st-key-sweep-chart")[run]
        x, y = mark["x"] + way * 0.22 * area["width"], mark["y"] + way * 0.22 * area["height"]
        page.mouse.move(x, y)
        settle(page)
        page.mouse.click(x, y)
        wait_chosen(page, [run])


# Compress and Runs


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """A home to change things in, and its dashboard, whose runs wait for a file ``go``; nothing of it stays behind."""
    home = tmp_path_factory.mktemp("workshop") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_PIPELINE", "tests.jobs.pipelines:gated")
        patch.setenv("EXPLORER_SPARE_S", "0")
        with serve_dashboard(home) as (_, address):
            yield home, address
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get("EXPLORER_HOME") == str(home):
                process.kill()


@pytest.fixture(scope="module")
def workshop_page(chromium, workshop):
    with page_of(chromium, workshop[1]) as page:
        yield page


@pytest.fixture
def bench(workshop_page):
    """A page of the workshop; nothing may complain meanwhile."""
    with complaints(workshop_page) as said:
        yield workshop_page
        assert said == []


def wait_steps(page, *titles: str) -> None:
    """Wait until the form has these steps, and the summary names them in the same order."""
    page.wait_for_function(f"titles => JSON.stringify(({STEPS})()) === JSON.stringify(titles)", arg=list(titles))
    page.wait_for_function(SAID, arg=list(titles))


PRUNING, TRAINING, MAGNITUDE = "Neuron and channel pruning", "Fine-tuning (recovery)", "Magnitude pruning"


def test_steps_are_added_moved_duplicated_and_removed(bench):
    bench.goto("/Compress")
    bench.get_by_text("Vision transformer on digits").click()
    for name in (PRUNING, TRAINING, MAGNITUDE):
        add_technique(bench, name)
    wait_steps(bench, PRUNING, TRAINING, MAGNITUDE)
    bench.get_by_role("button", name="Move 3 up").click()
    wait_steps(bench, PRUNING, MAGNITUDE, TRAINING)
    bench.get_by_role("button", name="Move 1 down").click()
    wait_steps(bench, MAGNITUDE, PRUNING, TRAINING)
    bench.get_by_role("button", name="Duplicate step 2").click()
    wait_steps(bench, MAGNITUDE, PRUNING, PRUNING, TRAINING)
    bench.get_by_role("button", name="Remove 1").click()
    wait_steps(bench, PRUNING, PRUNING, TRAINING)


def test_steps_are_kept_as_a_preset_until_it_is_deleted(bench):
    bench.goto("/Compress")
    bench.get_by_text("Vision transformer on digits").click()
    add_technique(bench, MAGNITUDE)
    slide(bench, "Sparsity", 2, "ArrowRight")
    bench.get_by_role("button", name="Save as preset").click()
    bench.get_by_role("textbox", name="Name of the preset").fill("Mine & yours")
    bench.get_by_role("button", name="Save", exact=True).click()
    bench.get_by_text("Saved as “Mine & yours”").wait_for()
    assert bench.get_by_role("slider", name="Sparsity").get_attribute("aria-valuetext") == "60%"
    bench.goto("/Compress")
    bench.get_by_text("Vision transformer on digits").click()
    bench.get_by_role("button", name="Mine & yours").click()
    wait_steps(bench, MAGNITUDE)
    assert bench.get_by_role("slider", name="Sparsity").get_attribute("aria-valuetext") == "60%"
    bench.get_by_role("button", name="Remove 1").click()
    bench.get_by_role("button", name="Delete preset").click()
    bench.get_by_role("button", name="Mine & yours").wait_for(state="detached")
    bench.get_by_text("“Mine & yours” was deleted.").wait_for()
    bench.get_by_role("button", name="Undo").click()
    bench.get_by_role("button", name="Mine & yours").wait_for()
    bench.get_by_role("button", name="Undo").wait_for(state="detached")


def test_each_wish_fills_the_form_with_its_steps(bench):
    bench.goto("/Compress")
    bench.get_by_text("Vision transformer on digits").click()
    for wish in presets.WISHES:
        titles = [step.title for step in presets.for_wish(wish, "vision transformer")]
        bench.get_by_role("button", name=t(f"preset.{wish.name}"), exact=True).click()
        wait_steps(bench, *titles)
        while titles:
            bench.get_by_role("button", name="Remove 1").click()
            wait_steps(bench, *titles[1:])
            titles = titles[1:]


def test_a_recipe_is_pasted_or_uploaded_into_the_form_and_a_wrong_one_refused(bench, tmp_path):
    steps = [{"technique": "prune-neurons", "sparsity": 0.6}, {"technique": "int8-dynamic"}]
    recipe = Recipe.parse({"model": "cnn-digits", "steps": steps, "seed": 7})
    bench.goto("/Compress")
    bench.get_by_text(t("recipe.title")).click()
    box, load = bench.get_by_label(t("recipe.paste")), bench.get_by_role("button", name=t("recipe.load"))
    box.fill(recipe.to_yaml().replace("int8-dynamic", "int9"))
    load.click()
    bench.get_by_text("There is no technique 'int9'").wait_for()
    box.fill(recipe.to_yaml())
    load.click()
    wait_steps(bench, *(step.title for step in recipe.steps))
    assert bench.get_by_role("slider", name="Sparsity").get_attribute("aria-valuetext") == "60%"
    assert bench.get_by_role("spinbutton", name=t("compress.seed")).input_value() == "7"
    (tmp_path / "other.yaml").write_text("model: vit-digits\nsteps:\n  - technique: half-precision\n")
    bench.locator('[data-testid="stFileUploader"] input').set_input_files(tmp_path / "other.yaml")
    bench.get_by_text("other.yaml").wait_for()
    load.click()
    wait_steps(bench, techniques()["half-precision"].title)


def number(page, label: str, value: str) -> None:
    """Type a number and wait until the page has taken it."""
    page.get_by_role("spinbutton", name=label, exact=True).fill(value)
    page.keyboard.press("Enter")
    settle(page)


def names(page) -> list[str]:
    """What the cards of runs are called, from top to bottom."""
    return page.evaluate(f"({NAMES})()")


def test_a_sweep_is_counted_and_its_runs_are_moved_cancelled_and_retried(bench, workshop):
    bench.goto("/Compress")
    bench.get_by_text("Vision transformer on digits").click()
    add_technique(bench, MAGNITUDE)
    bench.get_by_text("Sweep one or two sliders").click()
    for label, value in (("From", "0.2"), ("Step", "0.1"), ("To", "0.3")):
        number(bench, label, value)
    bench.get_by_text(re.compile(r"^2 runs\..*not known yet.*At most .* of weights stay on the disk:")).wait_for()
    number(bench, "To", "0.4")
    bench.get_by_text("Sparsity: 20 %, 30 %, 40 %").wait_for()
    bench.get_by_text(re.compile(r"^3 runs\..*not known yet.*At most .* of weights stay on the disk:")).wait_for()
    bench.get_by_role("button", name="Launch a sweep of 3 runs").click()
    bench.get_by_role("heading", level=1, name="Runs").wait_for()
    work_on_runs(bench, workshop[0])


def work_on_runs(page, home: Path) -> None:
    """The first of three is at work; the last is put before the second; the first is cancelled, retried, and read."""
    page.wait_for_function(f"new Set(({NAMES})()).size === 3")
    first, second, third = names(page)
    page.get_by_text(f"{first} · vit-digits · running").wait_for()
    waiting = page.locator('[class*="st-key-quiet-card"]')  # the details have such buttons too
    waiting.last.get_by_role("button", name="First", exact=True).click()
    page.wait_for_function(f"order => ({NAMES})().join() === order", arg=",".join([first, third, second]))
    page.get_by_role("button", name="Cancel", exact=True).first.click()
    page.get_by_text(f"{first} · vit-digits · cancelled").first.wait_for()
    page.get_by_text(f"{third} · vit-digits · running").first.wait_for()
    ended = page.evaluate(SELECTED)
    page.get_by_role("button", name="Retry").click()
    page.wait_for_function(f"ended => ({SELECTED})() !== ended", arg=ended)
    page.get_by_role("code").get_by_text(page.evaluate(SELECTED), exact=True).wait_for()  # the new run is shown
    open_log(page)
    for folder in (home / "runs").iterdir():
        (folder / "go").touch()
    page.get_by_role("button", name="Show on the chart").wait_for()
    page.get_by_text("a line in the log").wait_for()  # what is open stays open when the run ends


def open_log(page) -> None:
    """Open it as a reader does, who clicks once more where a slow page shut it again."""
    shut = page.get_by_text("Log", exact=True).locator("xpath=ancestor::details[not(@open)]")
    for _ in range(3):
        if shut.count():
            shut.locator("summary").click()
        settle(page)
    assert not shut.count()


# Compare, Models, Export, Report


def test_six_variants_stand_side_by_side_and_no_seventh(page):
    runs = list(OWN)[:5]
    open_page(page, f"/Compare?compared={','.join(runs)}", "light")
    heads = page.locator("table").first.locator("th")
    assert heads.count() == 1 + len(runs)
    box = page.get_by_role("combobox", name=re.compile("Variants$"))
    box.click()
    page.get_by_role("option").first.click()
    page.wait_for_function("new URL(location.href).searchParams.get('compared').split(',').length === 6")
    settle(page)
    assert heads.count() == 7
    box.click()
    page.get_by_text("You can only select up to 6 options").wait_for()


def test_flipped_inputs_are_listed_where_their_box_is_opened(page):
    open_page(page, f"/Compare{TWO}", "light")
    assert not page.get_by_test_id("stDataFrame").count()
    page.locator("summary", has_text="flipped inputs").first.click()
    page.get_by_test_id("stDataFrame").wait_for()
    settle(page)
    rows = page.evaluate(ROWS)
    assert rows and {row[-1] for row in rows} <= {t("answers.gained"), t("answers.lost")} and obstacles(page) == []
    page.locator("summary", has_text="flipped inputs").first.click()
    page.get_by_test_id("stDataFrame").wait_for(state="detached")


def test_a_table_of_six_is_whole_on_a_screen_and_its_quantities_stay_in_sight_on_a_phone(page):
    address = f"/Compare?compared={','.join([*list(OWN)[:5], 'sample-0008'])}"
    open_page(page, address, "light")
    assert page.evaluate(HIDDEN_PX) <= 0, "no variant is cut off"
    open_page(page, address, "dark", 400)
    assert page.evaluate(HIDDEN_PX) > 300
    first = page.locator("table").first.locator("tr >> nth=4").locator("td >> nth=0")
    before = first.bounding_box()["x"]
    page.evaluate("document.querySelector('table').closest('.stMarkdown').scrollLeft = 200")
    assert first.bounding_box()["x"] == pytest.approx(before, abs=2)
    groups = page.locator("table").first.locator("tr", has=page.locator("td strong"))
    assert "prune-neurons" not in groups.nth(0).inner_text(), "the heading stands above it"
    assert "prune-neurons" in groups.nth(1).inner_text(), "further groups name the variants again"


def test_every_model_opens(page):
    open_page(page, "/Models", "light")
    for name in ("Vision transformer on digits", "CNN on digits", "MiniLM on tweets"):
        pick(page, "Model", name)
        title(page, f"Parameters of {name} by layer")
        title(page, t("models.histogram.title"))
    page.get_by_role("radio", name=t("models.measure.time"), exact=True).click()
    title(page, t("models.treemap.time", model="MiniLM on tweets"))
    page.get_by_role("combobox", name=t("models.weight")).click()
    weight = page.get_by_role("option").nth(1)
    layer = weight.inner_text().partition(" · ")[0]
    weight.click()
    page.locator(".gtitle-subtitle").filter(has_text=f"{layer}:").wait_for()


def test_the_axes_of_a_report_are_chosen_and_answers_are_read_class_by_class(page):
    open_page(page, f"/Report{TWO}", "light")
    drawn = page.frame_locator("iframe").last
    for label, words in (("Across", "Latency p50"), ("Up", "File size"), ("Across", "Throughput")):
        pick(page, label, words)
        drawn.locator(".xtitle" if label == "Across" else ".ytitle").filter(has_text=words).first.wait_for()
    open_page(page, f"/Compare{TWO}", "light")
    classes = page.get_by_test_id("stExpander").filter(has_text=t("answers.classes")).first
    classes.locator("summary").click()
    classes.get_by_text(t("answers.classes.caption")).wait_for()
    assert classes.locator("tr").count() > 3


def test_what_is_previewed_is_downloaded(page, tmp_path):
    run = "sample-0003"
    open_page(page, f"/Export?selected={run}", "light")
    files = page.locator("table").first.locator("tbody td:first-child").all_inner_texts()
    saved = {}
    for button in ("Download the bundle", "Download recipe.yaml", "Download the results"):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=button, exact=True).click()
        saved[button] = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(saved[button])
    with zipfile.ZipFile(saved["Download the bundle"]) as bundle:
        assert sorted(Path(name).name for name in bundle.namelist()) == sorted(files) and "model.onnx" in files
    recipe = Recipe.from_yaml(saved["Download recipe.yaml"].read_text(encoding="utf-8"))
    assert recipe == Recipe.parse(OWN[run].recipe)
    with saved["Download the results"].open(encoding="utf-8", newline="") as file:
        assert {row["run"] for row in csv.DictReader(file)} == {run}


def test_a_whole_study_is_taken_away_in_every_form(page, tmp_path):
    open_page(page, "/Export?compared=sample-0001,sample-0003", "light")
    page.get_by_test_id("stDataFrame").scroll_into_view_if_needed()
    settle(page)
    listed = [name for _, *words in page.evaluate(ROWS) for name in words if "." in name and " " not in name]
    saved = {name: download(page, name, tmp_path) for name in ("Download the bundles", "Download the recipes")}
    for path, suffix in zip(saved.values(), ("/model.onnx", ".yaml"), strict=True):
        with zipfile.ZipFile(path) as together:
            held = [name for name in together.namelist() if name.endswith(suffix)]
        assert [sorted(run for run in OWN if run in name) for name in held] == [["sample-0001"], ["sample-0003"]]
    with zipfile.ZipFile(saved["Download the bundles"]) as together:
        assert listed and set(listed) <= {Path(name).name for name in together.namelist()}, "as it was listed"
    page.get_by_role("radio", name="A whole study").click()
    settle(page)
    for form, read in {"JSON": pandas.read_json, "Parquet": pandas.read_parquet}.items():
        page.get_by_role("radio", name=form, exact=True).click()
        page.get_by_text(f"--to results.{form.lower()}").wait_for()
        settle(page)
        table = read(download(page, "Download the results", tmp_path))
        assert set(table["run"]) == {*(run.run for run in sample_runs(16)), *GRID}
    charts = download(page, "Download the charts", tmp_path).read_text(encoding="utf-8")
    assert "Accuracy against latency p50" in charts


def download(page, button: str, folder: Path) -> Path:
    """The file that a button saves."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button, exact=True).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_a_report_opens_without_the_dashboard(page, chromium, tmp_path):
    open_page(page, "/Report?compared=sample-0002,sample-0003", "light")
    page.get_by_role("textbox", name="Title").fill("Ours & theirs")
    page.keyboard.press("Enter")
    settle(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name=t("report.download")).click()
    waiting.value.save_as(tmp_path / "report.html")
    alone = chromium.new_page(offline=True)
    with complaints(alone) as said:
        alone.goto((tmp_path / "report.html").as_uri())
        alone.get_by_role("heading", name="Ours & theirs").first.wait_for()
        alone.locator(".scatterlayer .trace .point").nth(1).wait_for()
        assert said == []
    alone.close()


# Everywhere


def test_another_language_stays_from_page_to_page(page):
    open_page(page, "/", "light")
    chinese = texts_of("zh")
    pick(page, "Language", chinese["app.language.name"])
    for name in ("runs", "trade_offs"):
        sidebar = page.get_by_test_id("stSidebar")
        sidebar.get_by_role("link", name=chinese[f"page.{name}.name"], exact=True).click()
        page.get_by_role("heading", level=1, name=chinese[f"page.{name}.title"], exact=True).wait_for()
    title(page, chinese["chart.tradeoff.title"].format(y=chinese["quantity.accuracy"], x=chinese["quantity.file_size"]))
    pick(page, chinese["app.language"], t("app.language.name"))
    page.get_by_role("heading", level=1, name=t("page.trade_offs.title"), exact=True).wait_for()


def test_the_theme_follows_the_system_while_a_page_is_open(page):
    open_page(page, TEXTS, "light")
    before = set(marks(page))
    for theme in ("dark", "light"):
        change_theme(page, theme)
        assert page.evaluate(GROUND) == colour(BACKGROUNDS[theme])
        assert page.evaluate(FILL, ".js-plotly-plot .gtitle") == colour(INK[theme])
        assert set(marks(page)) == before


@pytest.mark.parametrize(
    ("address", "controls"),
    [
        (
            "/Compress",
            ["Runs", "Language", "MiniLM on tweets", "Add a technique", "Launch the baseline alone"],
        ),
        (TEXTS, ["Compare", "Across", "CPU", "Pruning", "Size of its file", "Collect clicks", "Table"]),
        ("/Runs", ["Trade-offs", "Show on the chart", "Log", "Disk"]),
        ("/", ["Compress a model", "minilm-tweets", "Try an example", "Box Select"]),
        (f"/Compare{TWO}", ["Variants", "Clear all", "Answers given on", "Class by class", "flipped inputs"]),
        (f"/Export{TWO}", ["Variant", "Download the bundle", "Download recipe.yaml", "CSV", "Download the charts"]),
        ("/Models", ["Model", "Parameters", "Weights of", "Score the heads", "Hugging Face id", "Check them"]),
        ("/Demo", ["Compressed model", "Beside it", "Re-run here"]),
        (f"/Report{TWO}", ["Title", "Across", "Where", "Download the report", "Show how it looks"]),
        (
            "/Present",
            ["Name of the story", "Title of the step", "What to say", "Change what it shows", "Add this view"],
        ),
    ],
    ids=["Compress", "Trade-offs", "Runs", "Overview", "Compare", "Export", "Models", "Demo", "Report", "Present"],
)
def test_the_keyboard_reaches_every_control_and_shows_where_it_is(page, address, controls):
    open_page(page, address, "light")
    reached: dict[str, bool] = {}
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUSED, [name for name in controls if name not in reached])
        reached.update([found] if found else [])
        if len(reached) == len(controls):
            break
    assert reached == dict.fromkeys(controls, True)
