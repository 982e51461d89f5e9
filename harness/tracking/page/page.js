"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function shape(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

const SCALES = {
  seconds: [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]],
  bytes: [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]],
};

function shown(value, unit) {
  if (value === 0) return "0";
  for (const [size, name] of SCALES[unit] || []) {
    if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(4))} ${name}`;
  }
  return `${Number(value.toPrecision(4))}${unit && unit !== "unit" ? ` ${unit}` : ""}`;
}

const percent = (share) => `${share >= 0 ? "+" : "−"}${Math.abs(100 * share).toFixed(1)} %`;
const label = (series) => series.benchmark + (series.params.length ? `(${series.params.join(", ")})` : "");
const commitName = (commit) => `${commit.hash.slice(0, 8)} ${commit.subject}`;
const day = (commit) => new Date(1000 * commit.date).toISOString().slice(0, 10);

// What tells the places apart where something was measured: of each, only what is not alike everywhere.
const keys = [...new Set(data.series.flatMap((series) => Object.keys(series.where)))]
  .filter((key) => new Set(data.series.map((series) => series.where[key] || "")).size > 1);
const place = (series) => (keys.includes("machine") || !keys.length ? [series.where.machine] : [])
  .concat(keys.filter((key) => key !== "machine").map((key) => `${key} ${series.where[key] || "?"}`)).join(", ");

function change(series) {
  const [before, last] = series.points.slice(-2);
  return last && before[1] ? last[1] / before[1] - 1 : null;
}

function head(table, names) {
  const row = element("tr");
  for (const name of names) row.append(element("th", name, { scope: "col" }));
  const made = element("thead");
  made.append(row);
  table.replaceChildren(made, element("tbody"));
  return table.tBodies[0];
}

function opener(series) {
  const cell = element("td"), button = element("button", label(series), { type: "button" });
  cell.append(button);
  return cell;
}

function spark(series) {
  const width = 140, height = 28, all = data.commits.length;
  const values = series.points.map((point) => point[1]);
  const low = Math.min(...values, 0), high = Math.max(...values) || 1;
  const svg = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "history" });
  const at = ([commit, value]) => [3 + (width - 6) * (all > 1 ? commit / (all - 1) : 0.5),
    height - 3 - (height - 6) * (value - low) / (high - low || 1)];
  for (const part of parts(series)) svg.append(shape("polyline", { class: "curve", points: part.map(at).join(" ") }));
  for (const one of series.points) {
    const [x, y] = at(one);
    svg.append(shape("circle", { class: "point", cx: x, cy: y, r: all > 40 ? 1 : 2 }));
  }
  return svg;
}

// The points between gaps: a commit without a value breaks the curve.
function parts(series) {
  const found = [];
  for (const point of series.points) {
    const last = found.at(-1);
    if (last && last.at(-1)[0] === point[0] - 1) last.push(point);
    else found.push([point]);
  }
  return found;
}

function ticks(low, high, isLog) {
  if (isLog) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const digit of [1, 2, 5]) found.push(digit * 10 ** power);
    }
    return found.filter((value) => value >= low && value <= high);
  }
  const rough = (high - low) / 5 || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((value) => value >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + 1e-9 * step; value += step) found.push(value);
  return found;
}

function graph(series, isLog) {
  const width = 920, height = 340, left = 90, right = 50, bottom = 46, all = data.commits.length;
  const values = series.points.map((point) => point[1]), ends = [...values, ...values.map((value) => value / 1.5)];
  const most = 1.5 * Math.max(...values), least = Math.min(0, ...values);
  for (const [, , from, to] of series.points) {
    if (from !== null) ends.push(...[from, to].map((end) => Math.min(Math.max(end, least), Math.max(most, 0))));
  }
  const positive = ends.filter((value) => value > 0);
  isLog = isLog && positive.length > 0;
  const scale = (value) => isLog ? Math.log10(Math.max(value, Math.min(...positive))) : value;
  const inside = (value) => Math.min(Math.max(value, low), high);
  const high = Math.max(...(isLog ? positive : ends)), low = isLog ? Math.min(...positive) : Math.min(0, ...ends);
  const span = scale(high) - scale(low) || 1;
  const x = (commit) => left + (width - left - right) * (all > 1 ? commit / (all - 1) : 0.5);
  const y = (value) => height - bottom - (height - bottom - 14) * (scale(value) - scale(low)) / span;
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label(series) });
  for (const value of ticks(low, high, isLog)) {
    svg.append(shape("line", { class: "axis", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
    svg.append(shape("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, shown(value, series.unit)));
  }
  const every = Math.ceil(all / 9);
  data.commits.forEach((commit, number) => {
    if (number % every) return;
    svg.append(shape("text", { x: x(number), y: height - bottom + 18, "text-anchor": "middle" }, commit.hash.slice(0, 8)));
    svg.append(shape("text", { x: x(number), y: height - bottom + 33, "text-anchor": "middle" }, day(commit)));
  });
  for (const step of series.regressions) {
    if (step.after === null) continue;
    const middle = step.before === null ? x(step.after - 0.5) : (x(step.before) + x(step.after)) / 2;
    svg.append(shape("line", { class: "step", x1: middle, x2: middle, y1: 10, y2: height - bottom }));
  }
  for (const part of parts(series)) {
    svg.append(shape("polyline", { class: "curve", points: part.map(([commit, value]) => [x(commit), y(value)]).join(" ") }));
  }
  for (const [commit, value, from, to] of series.points) {
    if (from !== null) svg.append(shape("line", { class: "interval", x1: x(commit), x2: x(commit), y1: y(inside(from)), y2: y(inside(to)) }));
    const dot = shape("circle", { class: "point", cx: x(commit), cy: y(value), r: 4 });
    dot.append(shape("title", {}, `${commitName(data.commits[commit])}: ${shown(value, series.unit)}`));
    svg.append(dot);
  }
  return svg;
}

let current = null;

function open(series) {
  current = series;
  byId("dialog-title").textContent = label(series);
  byId("dialog-where").textContent = Object.entries(series.where).map(([key, value]) => `${key} ${value}`).join(" · ");
  const body = head(byId("values"), ["commit", "date", "value", "99 % interval", "change"]);
  const measured = new Map(series.points.map((point) => [point[0], point]));
  let before = null;
  const rows = data.commits.map((commit, number) => {
    const point = measured.get(number), row = element("tr");
    row.append(element("td", commitName(commit)), element("td", day(commit)));
    if (point) {
      const share = before ? point[1] / before - 1 : null;
      row.append(element("td", shown(point[1], series.unit)));
      row.append(element("td", point[2] === null ? "–" : `${shown(point[2], series.unit)} … ${shown(point[3], series.unit)}`));
      row.append(element("td", share === null ? "–" : percent(share)));
      before = point[1];
    } else {
      row.append(element("td", "not measured", { class: "muted" }), element("td", "–"), element("td", "–"));
    }
    return row;
  });
  body.append(...rows.reverse());
  draw();
  document.querySelector("dialog").showModal();
}

const draw = () => byId("graph").replaceChildren(graph(current, byId("log").checked));

function list() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean), where = byId("where").value;
  const found = data.series.filter((series) => series.points.length && (!where || place(series) === where)
    && words.every((word) => label(series).toLowerCase().includes(word)));
  const order = { change: (series) => -(change(series) ?? -Infinity), value: (series) => -series.points.at(-1)[1] }[byId("sort").value];
  if (order) found.sort((a, b) => order(a) - order(b));
  const several = new Set(data.series.map(place)).size > 1;
  const body = head(byId("series"), ["benchmark", ...(several ? ["measured on"] : []), "last value", "change", "commits", "history"]);
  for (const series of found) {
    const row = element("tr", "", { class: "opens" }), share = change(series), drawn = element("td");
    drawn.append(spark(series));
    row.append(opener(series));
    if (several) row.append(element("td", place(series), { class: "text" }));
    row.append(element("td", shown(series.points.at(-1)[1], series.unit)), element("td", share === null ? "–" : percent(share)));
    row.append(element("td", String(series.points.length)), drawn);
    row.addEventListener("click", () => open(series));
    body.append(row);
  }
  byId("told").textContent = `${found.length} series`;
}

function regressions() {
  const found = data.series.flatMap((series) => series.regressions.map((step) => [series, step]));
  if (!found.length) {
    byId("regressions").replaceWith(element("p", "None.", { id: "regressions" }));
    return;
  }
  const body = head(byId("regressions"), ["benchmark", "at commit", "before", "after", "change"]);
  for (const [series, step] of found.sort((a, b) => b[1].after - a[1].after)) {
    const row = element("tr", "", { class: "opens" }), last = data.commits[step.after];
    const since = step.before === null ? "" : `after ${data.commits[step.before].hash.slice(0, 8)}, by `;
    row.append(opener(series), element("td", last ? since + commitName(last) : "?", { class: "text" }));
    row.append(element("td", shown(step.from, series.unit)), element("td", shown(step.to, series.unit)));
    row.append(element("td", step.from ? percent(step.to / step.from - 1) : "–", { class: "bad" }));
    row.addEventListener("click", () => open(series));
    body.append(row);
  }
}

for (const name of [...new Set(data.series.map(place))].sort()) byId("where").append(element("option", name, { value: name }));
for (const id of ["search", "where", "sort"]) byId(id).addEventListener("input", list);
byId("log").addEventListener("input", draw);
document.querySelector("dialog .close").addEventListener("click", () => document.querySelector("dialog").close());
const setTheme = (name) => { document.documentElement.dataset.theme = name; };
byId("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
regressions();
list();
