"use strict";
{
  // The width of an A4 page between its margins: what is drawn wider would be cut off on paper.
  const PRINTED_PX = 680;
  const charts = JSON.parse(document.getElementById("charts-data").textContent);
  const night = matchMedia("screen and (prefers-color-scheme: dark)");
  // The same chart with the dark theme's colour in place of each of the light one's.
  const darkened = (part) => {
    if (Array.isArray(part)) return part.map(darkened);
    if (part && typeof part === "object")
      return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, darkened(value)]));
    return Object.hasOwn(charts.dark, part) ? charts.dark[part] : part;
  };
  const save = (format, title, filename) => ({
    name: `save-${format}`,
    title,
    icon: Plotly.Icons[format === "svg" ? "disk" : "camera"],
    click: (drawn) => Plotly.downloadImage(drawn, { format, filename, scale: format === "svg" ? 1 : 2 }),
  });
  document.querySelectorAll(".chart").forEach((place, number) => {
    place.replaceChildren();
    const file = number ? `${charts.file}-${number + 1}` : charts.file;
    const buttons = [save("png", charts.words.png, file), save("svg", charts.words.svg, file)];
    const config = { ...charts.config, responsive: true, modeBarButtonsToAdd: buttons };
    const draw = (dark, size) => {
      const figure = charts.figures[number];
      const { data, layout } = dark ? darkened(figure) : structuredClone(figure);
      Plotly.react(place, data, { ...layout, ...size }, config);
    };
    const onScreen = () => draw(night.matches, { autosize: true });
    night.addEventListener("change", onScreen);
    addEventListener("beforeprint", () => draw(false, { width: PRINTED_PX }));
    addEventListener("afterprint", onScreen);
    onScreen();
  });
}
