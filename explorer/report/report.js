"use strict";
{
  // The width of an A4 page between its margins: what is drawn wider would be cut off on paper.
  const PRINTED_PX = 680;
  const place = document.getElementById("chart");
  const chart = JSON.parse(document.getElementById("chart-data").textContent);
  const night = matchMedia("screen and (prefers-color-scheme: dark)");
  // The same chart with the dark theme's colour in place of each of the light one's.
  const darkened = (part) => {
    if (Array.isArray(part)) return part.map(darkened);
    if (part && typeof part === "object")
      return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, darkened(value)]));
    return Object.hasOwn(chart.dark, part) ? chart.dark[part] : part;
  };
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
    const draw = (dark, size) => {
      const { data, layout } = dark ? darkened(chart) : structuredClone(chart);
      Plotly.react(place, data, { ...layout, ...size }, config);
    };
    const onScreen = () => draw(night.matches, { autosize: true });
    night.addEventListener("change", onScreen);
    addEventListener("beforeprint", () => draw(false, { width: PRINTED_PX }));
    addEventListener("afterprint", onScreen);
    onScreen();
  }
}
