"use strict";
{
  // The width of an A4 page between its margins: what is drawn wider would be cut off on paper.
  const PRINTED_PX = 680;
  const place = document.getElementById("chart");
  const chart = JSON.parse(document.getElementById("chart-data").textContent);
  const save = (format, title) => ({
    name: `save-${format}`,
    title,
    icon: Plotly.Icons[format === "svg" ? "disk" : "camera"],
    click: (drawn) => Plotly.downloadImage(drawn, { format, filename: chart.file, scale: format === "svg" ? 1 : 2 }),
  });
  if (place) {
    place.replaceChildren();
    const buttons = [save("png", chart.words.png), save("svg", chart.words.svg)];
    const config = { ...chart.config, responsive: true, modeBarButtonsToAdd: buttons };
    Plotly.newPlot(place, chart.data, chart.layout, config);
    addEventListener("beforeprint", () => Plotly.relayout(place, { width: PRINTED_PX }));
    addEventListener("afterprint", () => Plotly.relayout(place, { width: null, autosize: true }));
  }
}
