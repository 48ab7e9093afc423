"""A canvas to draw a digit on, with mouse, pen or finger."""

from __future__ import annotations

from typing import cast

import streamlit as st

from explorer.serving.drawing import CANVAS_PX
from explorer.texts import t

HTML = '<canvas width="280" height="280" role="img"></canvas><button type="button"></button>'

CSS = """
:host, div { display: block; }
canvas {
    display: block; width: 100%; max-width: 280px; aspect-ratio: 1; background: #000; cursor: crosshair;
    border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius); touch-action: none;
}
button {
    margin-top: 0.6rem; padding: 0.3rem 0.9rem; font: inherit; cursor: pointer;
    color: var(--st-text-color); background: var(--st-background-color);
    border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius);
}
button:hover, button:focus-visible { border-color: var(--st-primary-color); outline: none; }
button:focus-visible { box-shadow: 0 0 0 2px var(--st-primary-color); }
"""

# Called again whenever the page is drawn anew: handlers are replaced, and what is drawn stays.
JS = """
export default function ({ data, setStateValue, parentElement }) {
    const canvas = parentElement.querySelector("canvas"), clear = parentElement.querySelector("button");
    const pen = canvas.getContext("2d"), small = document.createElement("canvas");
    small.width = small.height = data.side;
    canvas.setAttribute("aria-label", data.label);
    clear.textContent = data.clear;
    Object.assign(pen, { lineWidth: 22, lineCap: "round", lineJoin: "round", strokeStyle: "#fff" });

    const place = (event) => {
        const box = canvas.getBoundingClientRect();
        return [(event.clientX - box.left) * canvas.width / box.width,
                (event.clientY - box.top) * canvas.height / box.height];
    };
    const send = () => {
        const reduced = small.getContext("2d", { willReadFrequently: true });
        reduced.fillRect(0, 0, data.side, data.side);
        reduced.drawImage(canvas, 0, 0, data.side, data.side);
        const pixels = reduced.getImageData(0, 0, data.side, data.side).data.filter((_, i) => i % 4 === 0);
        setStateValue("pixels", btoa(String.fromCharCode(...pixels)));
    };
    canvas.onpointerdown = (event) => {
        if (event.button !== 0) return;
        canvas.setPointerCapture(event.pointerId);
        canvas.dataset.pointer = event.pointerId;
        pen.beginPath();
        pen.moveTo(...place(event));
        pen.lineTo(...place(event));
        pen.stroke();
    };
    canvas.onpointermove = (event) => {
        if (canvas.dataset.pointer !== String(event.pointerId)) return;
        pen.lineTo(...place(event));
        pen.stroke();
    };
    canvas.onpointerup = canvas.onpointercancel = (event) => {
        if (canvas.dataset.pointer !== String(event.pointerId)) return;
        delete canvas.dataset.pointer;
        send();
    };
    clear.onclick = () => {
        pen.clearRect(0, 0, canvas.width, canvas.height);
        setStateValue("pixels", "");
    };
}
"""

_CANVAS = st.components.v2.component("digit_canvas", html=HTML, css=CSS, js=JS)


def canvas() -> str:
    """Draw the canvas; what is on it as base64, empty where nothing is."""
    words = {"label": t("demo.canvas"), "clear": t("demo.clear"), "side": CANVAS_PX}
    found = _CANVAS(key="demo-canvas", data=words, default={"pixels": ""}, on_pixels_change=lambda: None)
    return cast(str, found.pixels or "")
