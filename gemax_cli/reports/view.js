"use strict";
const page = id => document.getElementById(id);
const data = JSON.parse(page("data").textContent);
const plot = page("plot");
const bytes = text => Uint8Array.from(atob(text), character => character.charCodeAt(0));
const floats = text => new Float32Array(bytes(text).buffer);
const [right, behind, above] = data.points.map(floats);
const [i, j, k] = data.triangles.map(text => new Int32Array(bytes(text).buffer));
const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const where = "%{x:.1f} mm right, %{z:.1f} mm up, %{y:.2f} mm behind the nose tip<extra></extra>";

function colouring(layer) {
  if (layer.colours) {
    const values = bytes(layer.colours);
    const vertexcolor = Array.from({length: values.length / 3},
      (_, n) => `rgb(${values[3 * n]},${values[3 * n + 1]},${values[3 * n + 2]})`);
    return {vertexcolor};
  }
  if (!layer.unit) return {color: "#d9b49b"};
  let intensity = layer.floats ? floats(layer.floats) : bytes(layer.bytes);
  if (layer.table) intensity = Float32Array.from(intensity, value => layer.table[value]);
  return {
    intensity, cmin: layer.low, cmax: layer.high, colorscale: layer.scale,
    colorbar: {title: {text: layer.unit, side: "top"}, orientation: "h", y: 0, yanchor: "bottom", thickness: 10, len: 0.8},
  };
}

function surface() {
  const layer = data.layers[page("colour").value];
  const plain = layer.name === "shape";
  return {
    type: "mesh3d", x: right, y: behind, z: above, i, j, k, hovertemplate: where, ...colouring(layer),
    lighting: {ambient: plain ? 0.35 : 0.75, diffuse: plain ? 0.8 : 0.35, specular: 0.08, roughness: 0.6, fresnel: 0},
    lightposition: {x: -4000, y: -20000, z: 8000},
  };
}

function walls() {
  const [x, y, z] = data.box;
  const corners = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]];
  const path = [0, 1].flatMap(back => [...corners.map(([a, b]) => [x[a], y[back], z[b]]), [null, null, null]]);
  for (const [a, b] of corners) path.push([x[a], y[0], z[b]], [x[a], y[1], z[b]], [null, null, null]);
  const axis = n => path.map(place => place[n]);
  const back = corners.slice(0, 4);
  return [
    {type: "scatter3d", mode: "lines", x: axis(0), y: axis(1), z: axis(2), line: {color: colour("soft"), width: 3}, hoverinfo: "skip"},
    {type: "mesh3d", x: back.map(c => x[c[0]]), y: back.map(() => y[1]), z: back.map(c => z[c[1]]),
      i: [0, 0], j: [1, 2], k: [2, 3], color: colour("c0"), opacity: 0.15, hoverinfo: "skip"},
  ];
}

function marks(kind, marker, needle) {
  const own = data.marks.filter(mark => mark.kind === kind);
  const ends = needle ? own.flatMap(mark => [mark, {...mark, place: [mark.place[0], mark.place[1] - needle, mark.place[2]]}]) : own;
  return {
    type: "scatter3d", mode: needle ? "lines+markers" : "markers", text: ends.map(mark => mark.name),
    x: ends.map(mark => mark.place[0]), y: ends.map(mark => mark.place[1]), z: ends.map(mark => mark.place[2]),
    marker, line: {color: marker.color, width: 5}, hovertemplate: "%{text}<br>" + where,
  };
}

function traces() {
  const tips = [
    marks("tip", {color: "#e3001b", size: 5}, 15),
    marks("second", {color: "#8a6100", size: 5, symbol: "diamond"}, 15),
  ];
  const landmarks = [
    marks("visible", {color: "#0072b2", size: 4}),
    marks("hidden", {color: "#0072b2", size: 4, symbol: "circle-open"}),
  ];
  const shown = [["tip", tips], ["landmarks", landmarks], ["walls", walls()]];
  return [surface(), ...shown.flatMap(([name, own]) => own.map(trace => ({...trace, visible: page(name).checked})))];
}

function camera() {
  const turn = page("turn").value * Math.PI / 180, tilt = page("tilt").value * Math.PI / 180;
  const away = 1.4 * Math.max(1, 0.85 * plot.clientHeight / plot.clientWidth);
  const eye = {
    x: away * Math.sin(turn) * Math.cos(tilt), y: -away * Math.cos(turn) * Math.cos(tilt), z: away * Math.sin(tilt),
  };
  return {eye, up: {x: 0, y: 0, z: 1}, center: {x: 0, y: 0, z: 0}};
}

function layout() {
  const [x, y, z] = data.box;
  const axes = {xaxis: [x, "right, mm"], yaxis: [[y[0] - 20, y[1] + 2], "behind, mm"], zaxis: [z, "up, mm"]};
  const longest = Math.max(x[1] - x[0], z[1] - z[0]);
  const axis = (range, text) => ({
    range, title: {text}, color: colour("soft"), gridcolor: colour("grid"), zeroline: false, showbackground: false, nticks: 6,
  });
  const ratio = Object.fromEntries(Object.entries(axes).map(([name, [range]]) => [name[0], (range[1] - range[0]) / longest]));
  return {
    margin: {l: 0, r: 0, t: 0, b: 0}, showlegend: false, paper_bgcolor: colour("paper"), font: {color: colour("ink")},
    uirevision: "same", scene: {
      ...Object.fromEntries(Object.entries(axes).map(([name, [range, text]]) => [name, axis(range, text)])),
      aspectmode: "manual", aspectratio: ratio, dragmode: "turntable",
      camera: camera(),
    },
  };
}

const draw = () => Plotly.react(plot, traces(), layout(), {responsive: true, displaylogo: false});
const turn = () => Plotly.relayout(plot, {"scene.camera": camera()});
for (const name of ["colour", "tip", "landmarks", "walls"]) page(name).addEventListener("change", draw);
for (const name of ["turn", "tilt"]) page(name).addEventListener("input", turn);
for (const button of document.querySelectorAll("button[data-turn]")) {
  button.addEventListener("click", () => {
    page("turn").value = button.dataset.turn;
    page("tilt").value = button.dataset.tilt;
    turn();
  });
}
dark.addEventListener("change", draw);
draw().then(() => { plot.ariaBusy = "false"; });
