"""What a hand does on charts of variants: a click picks a run, a hover lights up its recipe, a legend filters, ranges
on axes side by side select."""

from __future__ import annotations

import streamlit as st

from pages.parts import left_out, state

# Streamlit's own clicks make Plotly draw all marks again before they are reported, and know nothing of Shift; so charts
# of variants report boxes through Streamlit and clicks from here. A chart for boxes alone has its clicks switched off
# while it is dragged or zoomed: they are switched on again under the pointer.
# A mark's customdata are its run and its kin. Plotly draws the ring nowhere by itself: it has no name on the page by
# which a style could be changed, and restyling would end the hover. Listeners are given again to charts drawn anew.
JS = """
const SVG = "http://www.w3.org/2000/svg";
const known = new WeakMap();
const pointed = ["pointerover", "pointermove"];  // a pointer may stand on a chart before anybody listens
let pick, leaveOut, brush;

const clear = () => document.querySelectorAll(".twin-light").forEach((light) => light.remove());

const spots = (plot, kin) => {
    const { xaxis, yaxis } = plot._fullLayout;
    return plot._fullData.flatMap((trace) => [...(trace.customdata ?? [])].flatMap((own, i) => {
        if (own?.[1] !== kin || trace.visible !== true) return [];
        const size = trace.marker.size?.[i] ?? trace.marker.size;
        const place = { x: xaxis._offset + xaxis.d2p(trace.x[i]), y: yaxis._offset + yaxis.d2p(trace.y[i]) };
        return [{ ...place, r: size / 2 + 6 }];
    }));
};

const draw = (layer, name, numbers) => {
    const shape = document.createElementNS(SVG, name);
    Object.entries(numbers).forEach(([key, value]) => shape.setAttribute(key, value));
    layer.append(shape);
};

const light = (plot, kin) => {
    const layer = document.createElementNS(SVG, "g"), found = spots(plot, kin);
    layer.setAttribute("class", "twin-light");
    layer.style.cssText = `pointer-events: none; fill: none; stroke: ${plot._fullLayout.font.color}; stroke-width: 2px`;
    if (found.length === 2) {
        const [a, b] = found;
        draw(layer, "line", { x1: a.x, y1: a.y, x2: b.x, y2: b.y });
    }
    found.forEach(({ x, y, r }) => draw(layer, "circle", { cx: x, cy: y, r }));
    plot.querySelector(".hoverlayer")?.before(layer);
};

const takeClicks = (plot) => {
    if (plot._fullLayout?.clickmode === "none") plot._fullLayout.clickmode = "event";
};

const clicked = ({ points, event }) => {
    const run = points[0]?.customdata?.[0];
    if (run && pick) pick({ run, more: event.shiftKey });
};

const legendClicked = ({ curveNumber, fullData }) => {
    const named = fullData[curveNumber]?.meta?.leaves_out;
    if (named && leaveOut) leaveOut(named);
    return false;
};

// Only what a click filters looks as if it could be clicked.
const showClickable = (plot) => plot.querySelectorAll(".legend .traces").forEach((entry) => {
    const filters = leaveOut && entry.__data__?.[0]?.trace?.meta?.leaves_out;
    entry.querySelector(".legendtoggle").style.cursor = filters ? "pointer" : "default";
});

const sizeClicked = ({ annotation }) => {
    if (annotation.name && leaveOut) leaveOut({ size: annotation.name });
};

const hovered = ({ points, event }) => {
    clear();
    takeClicks(event.target.closest(".js-plotly-plot"));
    const kin = points[0]?.customdata?.[1];
    if (!kin) return;
    document.querySelectorAll(".js-plotly-plot").forEach((plot) => plot._fullLayout?.xaxis && light(plot, kin));
};

const brushed = (plot) => ([changed]) => {
    const lines = plot.data.find((trace) => trace.type === "parcoords");
    if (!lines || !Object.keys(changed).some((name) => name.includes("constraintrange"))) return;
    const axes = lines.dimensions.filter((axis) => axis.constraintrange?.length).map((axis) => ({
        ...axis, ranges: Array.isArray(axis.constraintrange[0]) ? axis.constraintrange : [axis.constraintrange],
    }));
    const passes = (axis, i) => axis.ranges.some(([low, high]) => low <= axis.values[i] && axis.values[i] <= high);
    const runs = [...lines.customdata].filter((_, i) => axes.length && axes.every((axis) => passes(axis, i)));
    brush({ runs, ranges: Object.fromEntries(axes.map((axis) => [axis.label, axis.ranges])) });
};

const listen = (event) => {
    const plot = event.target.closest?.(".js-plotly-plot");
    if (!plot?._ev) return;
    takeClicks(plot);
    if (known.get(plot) === plot._ev) return;
    known.set(plot, plot._ev);
    showClickable(plot);
    plot.on("plotly_afterplot", () => showClickable(plot));
    plot.on("plotly_click", clicked);
    plot.on("plotly_legendclick", legendClicked);
    plot.on("plotly_legenddoubleclick", () => false);
    plot.on("plotly_clickannotation", sizeClicked);
    plot.on("plotly_hover", hovered);
    plot.on("plotly_unhover", clear);
    plot.on("plotly_restyle", brushed(plot));
};

export default function ({ setTriggerValue, data }) {
    brush = (drawn) => setTriggerValue("brush", drawn);
    pick = data.picks ? (mark) => setTriggerValue("pick", mark) : null;
    leaveOut = data.filters ? (named) => setTriggerValue("leave_out", named) : null;
    pointed.forEach((kind) => document.addEventListener(kind, listen));
    return () => {
        pointed.forEach((kind) => document.removeEventListener(kind, listen));
        clear();
    };
}
"""

_HAND = st.components.v2.component("marks", js=JS)


def follow(with_filters: bool = False, with_picks: bool = True) -> None:
    """Draws nothing itself; stands once on a page with charts of variants, ``with_filters`` where it has those too.

    Without ``with_picks`` a click does nothing, where what is lit up is given.
    """
    _HAND(
        key="marks",
        data={"filters": with_filters, "picks": with_picks},
        on_pick_change=_pick,
        on_leave_out_change=_leave_out,
        on_brush_change=_brush,
    )


def _pick() -> None:
    mark = st.session_state["marks"]["pick"]
    if mark:
        state.pick([str(mark["run"])], more=bool(mark["more"]))


def _leave_out() -> None:
    for key, name in (st.session_state["marks"]["leave_out"] or {}).items():
        left_out.leave_out(str(key), str(name))


def _brush() -> None:
    """Light up the variants that pass through all ranges of parallel coordinates; none where no range is left."""
    drawn = st.session_state["marks"]["brush"]
    if drawn:
        runs = [str(run) for run in drawn["runs"]]
        ranges = {str(axis): [[float(end) for end in one] for one in them] for axis, them in drawn["ranges"].items()}
        state.select(runs)
        st.session_state["brushed"] = (runs, ranges)


def ranges() -> dict[str, list[list[float]]]:
    """The ranges on axes side by side, for as long as what they lit up is what is lit."""
    runs, drawn = st.session_state.get("brushed", ([], {}))
    return drawn if runs == state.selected() else {}
