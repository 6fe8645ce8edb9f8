"use strict";
/* Draws the runs that stand in this file. No request, no library: plain DOM and one canvas a panel. */

const COLOURS = ["#2f78d7", "#e0760b", "#16976b", "#d0435c", "#8e63ce", "#1b9db3", "#b5850f", "#d45ba3", "#5b8c1e", "#9a6a4a", "#6675e8", "#7b8794"];
const MARGIN = { left: 52, right: 12, top: 8, bottom: 24 };
const said = JSON.parse(document.getElementById("runs").textContent);
const runs = said.runs.map((run, index) => ({ ...run, colour: COLOURS[index % COLOURS.length], shown: true }));
const view = { smoothing: 0, log: false, filter: "", differing: false, near: null, at: null };
const panels = [];

// Elements

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function dot(run) {
  const mark = make("span", { class: "dot" });
  mark.style.borderColor = run.colour;
  mark.style.background = run.shown ? run.colour : "none";
  return mark;
}

function shown() {
  return runs.filter((run) => run.shown);
}

// Numbers

function short(number) {
  if (typeof number !== "number") return String(number);
  if (number === 0) return "0";
  const size = Math.abs(number);
  if (size >= 1e6 || size < 1e-3) return number.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e");
  return String(Number(number.toPrecision(4)));
}

function tickText(tick) {
  const size = Math.abs(tick);
  return size >= 1e6 || (size > 0 && size < 1e-4) ? short(tick) : String(tick);
}

function ticks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  if (!(raw > 0) || !isFinite(raw)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= raw) ?? 10 * power;
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n++) found.push(Number((n * step).toPrecision(12)));
  return found;
}

function logTicks(low, high) {
  const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
  const every = Math.max(1, Math.ceil((last - first) / 6));
  const found = [];
  for (let power = first; power <= last; power += every) found.push(10 ** power);
  if (last - first <= 2) for (let power = first; power <= last; power++) found.push(2 * 10 ** power, 5 * 10 ** power);
  return found.filter((tick) => tick >= low && tick <= high);
}

/* Smoothed as in the dashboard: an exponential mean that begins unbiased; odd values break it. */
function smooth(ys, weight) {
  if (!weight) return ys;
  let last = 0, seen = 0;
  return ys.map((y) => {
    if (typeof y !== "number") return y;
    last = last * weight + (1 - weight) * y;
    seen = seen * weight + (1 - weight);
    return last / seen;
  });
}

// Panels

function series(panel) {
  return shown().filter((run) => run[panel.kind][panel.key]).map((run) => ({ run, ...run[panel.kind][panel.key] }));
}

function extent(panel, lines) {
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const line of lines) {
    line.x.forEach((x, i) => {
      if (panel.zoom && (x < panel.zoom[0] || x > panel.zoom[1])) return;
      x0 = Math.min(x0, x); x1 = Math.max(x1, x);
      const y = line.y[i];
      if (typeof y === "number" && (!view.log || y > 0)) { y0 = Math.min(y0, y); y1 = Math.max(y1, y); }
    });
  }
  if (panel.zoom) [x0, x1] = panel.zoom;
  if (x0 > x1) [x0, x1] = [0, 1];
  if (x0 === x1) [x0, x1] = [x0 - 0.5, x1 + 0.5];
  if (y0 > y1) [y0, y1] = view.log ? [0.1, 1] : [0, 1];
  if (view.log) return { x0, x1, y0: y0 / 1.1, y1: y1 * 1.1 };
  const pad = y0 === y1 ? Math.abs(y0) * 0.05 || 0.5 : y1 / 20 - y0 / 20;
  return { x0, x1, y0: y0 - pad, y1: y1 + pad };
}

function scales(panel, lines) {
  const { x0, x1, y0, y1 } = extent(panel, lines);
  const width = panel.canvas.clientWidth, height = panel.canvas.clientHeight;
  const right = width - MARGIN.right, bottom = height - MARGIN.bottom;
  const up = view.log ? Math.log10 : (y) => y;
  const [low, high] = [up(y0), up(y1)];
  return {
    x0, x1, y0, y1, width, height, right, bottom,
    x: (x) => MARGIN.left + ((x - x0) / (x1 - x0)) * (right - MARGIN.left),
    y: (y) => bottom - ((up(y) / 2 - low / 2) / (high / 2 - low / 2)) * (bottom - MARGIN.top),
    back: (pixel) => x0 + ((pixel - MARGIN.left) / (right - MARGIN.left)) * (x1 - x0),
  };
}

function draw(panel) {
  const lines = series(panel), scale = scales(panel, lines), style = getComputedStyle(document.documentElement);
  const ratio = window.devicePixelRatio || 1, canvas = panel.canvas, pen = canvas.getContext("2d");
  if (!scale.width) return;
  canvas.width = Math.round(scale.width * ratio);
  canvas.height = Math.round(scale.height * ratio);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  drawAxes(pen, scale, style);
  pen.save();
  pen.beginPath();
  pen.rect(MARGIN.left, MARGIN.top - 4, scale.right - MARGIN.left + 4, scale.bottom - MARGIN.top + 8);
  pen.clip();
  const front = [...lines].sort((a, b) => (a.run === view.near) - (b.run === view.near));
  for (const line of front) {
    const near = view.near === null || line.run === view.near;
    if (view.smoothing) stroke(pen, scale, line, line.y, 0.25, 1);
    stroke(pen, scale, line, smooth(line.y, view.smoothing), near ? 1 : 0.6, view.near !== null && near ? 2.5 : 1.5);
    oddPoints(pen, scale, line);
  }
  pen.restore();
  if (view.at !== null && view.at.kind === panel.kind && view.at.x >= scale.x0 && view.at.x <= scale.x1) crosshair(pen, scale, lines, style);
  if (panel.drag) {
    pen.fillStyle = style.getPropertyValue("--crosshair");
    pen.globalAlpha = 0.2;
    pen.fillRect(Math.min(...panel.drag), MARGIN.top, Math.abs(panel.drag[1] - panel.drag[0]), scale.bottom - MARGIN.top);
    pen.globalAlpha = 1;
  }
}

function drawAxes(pen, scale, style) {
  pen.font = "11px system-ui, \"DejaVu Sans\", sans-serif";
  pen.fillStyle = style.getPropertyValue("--muted");
  pen.strokeStyle = style.getPropertyValue("--grid");
  pen.lineWidth = 1;
  pen.beginPath();
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const tick of view.log ? logTicks(scale.y0, scale.y1) : ticks(scale.y0, scale.y1, 5)) {
    const y = Math.round(scale.y(tick)) + 0.5;
    pen.moveTo(MARGIN.left, y); pen.lineTo(scale.right, y);
    pen.fillText(tickText(tick), MARGIN.left - 6, y);
  }
  pen.textAlign = "center";
  pen.textBaseline = "top";
  for (const tick of ticks(scale.x0, scale.x1, scale.width / 80)) {
    const x = Math.round(scale.x(tick)) + 0.5;
    pen.moveTo(x, MARGIN.top); pen.lineTo(x, scale.bottom);
    pen.fillText(tick >= 1e6 ? `${short(tick / 1e6)}M` : tick >= 1e4 ? `${short(tick / 1e3)}k` : tickText(tick), x, scale.bottom + 7);
  }
  pen.stroke();
}

function stroke(pen, scale, line, ys, alpha, width) {
  pen.strokeStyle = pen.fillStyle = line.run.colour;
  pen.globalAlpha = alpha;
  pen.lineWidth = width;
  pen.lineJoin = "round";
  pen.beginPath();
  let open = false;
  line.x.forEach((x, i) => {
    const drawn = typeof ys[i] === "number" && (!view.log || ys[i] > 0);
    if (drawn && open) pen.lineTo(scale.x(x), scale.y(ys[i]));
    else if (drawn) pen.moveTo(scale.x(x), scale.y(ys[i]));
    open = drawn;
  });
  pen.stroke();
  if (line.x.length === 1 && typeof ys[0] === "number") { pen.beginPath(); pen.arc(scale.x(line.x[0]), scale.y(ys[0]), 3, 0, 7); pen.fill(); }
  pen.globalAlpha = 1;
}

/* NaN and infinities stand at the edge: never at zero, never left out. */
function oddPoints(pen, scale, line) {
  pen.fillStyle = line.run.colour;
  line.x.forEach((x, i) => {
    if (typeof line.y[i] === "number") return;
    const at = line.y[i] === "inf" ? MARGIN.top + 3 : scale.bottom - 3;
    if (line.y[i] === "nan") { pen.fillRect(scale.x(x) - 1, scale.bottom - 5, 2, 5); return; }
    const tip = line.y[i] === "inf" ? -4 : 4;
    pen.beginPath(); pen.moveTo(scale.x(x) - 3.5, at); pen.lineTo(scale.x(x) + 3.5, at); pen.lineTo(scale.x(x), at + tip); pen.fill();
  });
}

function crosshair(pen, scale, lines, style) {
  const x = Math.round(scale.x(view.at.x)) + 0.5;
  pen.strokeStyle = style.getPropertyValue("--crosshair");
  pen.lineWidth = 1;
  pen.beginPath(); pen.moveTo(x, MARGIN.top); pen.lineTo(x, scale.bottom); pen.stroke();
  for (const line of lines) {
    if (view.at.x < line.x[0] || view.at.x > line.x[line.x.length - 1]) continue;
    const i = nearest(line.x, view.at.x), y = smooth(line.y, view.smoothing)[i];
    if (typeof y !== "number" || (view.log && y <= 0)) continue;
    pen.fillStyle = line.run.colour;
    pen.beginPath(); pen.arc(scale.x(line.x[i]), scale.y(y), 3, 0, 7); pen.fill();
  }
}

function nearest(xs, x) {
  let low = 0, high = xs.length - 1;
  while (high - low > 1) { const middle = (low + high) >> 1; if (xs[middle] < x) low = middle; else high = middle; }
  return Math.abs(xs[high] - x) < Math.abs(x - xs[low]) ? high : low;
}

let drawing = false;
function redraw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    for (const panel of panels) if (panel.seen) draw(panel);
  });
}

// Pointing

const tip = make("div", { class: "tip", hidden: "" });

function point(panel, event) {
  const lines = series(panel), scale = scales(panel, lines), box = panel.canvas.getBoundingClientRect();
  const x = scale.back(event.clientX - box.left), height = event.clientY - box.top;
  if (panel.drag) panel.drag[1] = event.clientX - box.left;
  const slack = 8 * (scale.back(1) - scale.back(0)); // a line has a value where it is, not beyond its end
  const there = lines.filter((line) => x >= line.x[0] - slack && x <= line.x[line.x.length - 1] + slack);
  const rows = there.map((line) => ({ line, i: nearest(line.x, x) }));
  const far = ({ line, i }) => (typeof line.y[i] === "number" ? Math.abs(scale.y(line.y[i]) - height) : Infinity);
  rows.sort((a, b) => far(a) - far(b));
  view.at = rows.length ? { kind: panel.kind, x: rows[0].line.x[rows[0].i] } : null;
  view.near = rows.length > 1 ? rows[0].line.run : null;
  const unit = panel.kind === "system" ? "second" : "step";
  const few = rows.slice(0, 12).sort((a, b) => b.line.y[b.i] - a.line.y[a.i]);
  tip.replaceChildren(
    make("div", { class: "muted" }, view.at ? `${unit} ${view.at.x.toLocaleString("en")}` : "nothing logged"),
    ...few.map(({ line, i }) => make("div", {}, dot(line.run), make("span", { class: "name" }, line.run.name), make("b", {}, short(line.y[i])))),
  );
  tip.hidden = false;
  tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8)}px`;
  redraw();
}

function leave() {
  tip.hidden = true;
  view.at = view.near = null;
  redraw();
}

function zoom(panel) {
  const [from, to] = panel.drag.map(scales(panel, series(panel)).back).sort((a, b) => a - b);
  const wide = Math.abs(panel.drag[1] - panel.drag[0]) > 4;
  panel.drag = null;
  if (wide) panel.zoom = [from, to];
  redraw();
}

function makePanel(kind, key, into) {
  const canvas = make("canvas", { "aria-label": `curve of ${key}`, role: "img" });
  const panel = { kind, key, canvas, zoom: null, drag: null, seen: false };
  const button = make("button", { class: "quiet", "aria-expanded": "false", onclick: () => toggleValues(panel, button) }, "data");
  panel.element = make("div", { class: "panel", "data-testid": "panel", "aria-label": key }, make("div", { class: "title" }, make("h3", { class: "grow", title: key }, key), button), canvas);
  canvas.addEventListener("pointermove", (event) => point(panel, event));
  canvas.addEventListener("pointerleave", leave);
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); panel.drag = Array(2).fill(event.offsetX); });
  canvas.addEventListener("pointerup", () => panel.drag && zoom(panel));
  canvas.addEventListener("dblclick", () => { panel.zoom = null; redraw(); });
  panels.push(panel);
  into.append(panel.element);
  seeing.observe(panel.element);
}

function toggleValues(panel, button) {
  const open = panel.element.querySelector(".values");
  button.setAttribute("aria-expanded", String(!open));
  if (open) { open.remove(); return; }
  const body = make("tbody");
  for (const line of series(panel)) {
    line.x.forEach((x, i) => body.append(make("tr", { "data-x": x, "data-y": line.y[i], "data-run": line.run.id }, make("td", {}, dot(line.run)), make("td", {}, String(x)), make("td", {}, String(line.y[i])))));
  }
  const unit = panel.kind === "system" ? "second" : "step";
  const head = make("thead", {}, make("tr", {}, make("th"), make("th", {}, unit), make("th", {}, "value")));
  panel.element.append(make("div", { class: "values" }, make("table", {}, head, body)));
}

const seeing = new IntersectionObserver((entries) => {
  for (const entry of entries) panels.find((panel) => panel.element === entry.target).seen = entry.isIntersecting;
  redraw();
}, { rootMargin: "200px" });

// The page

function sectionOf(title, note, content, open) {
  const button = make("button", { "aria-expanded": String(open), onclick: () => {
    content.hidden = !content.hidden;
    button.setAttribute("aria-expanded", String(!content.hidden));
  } }, title);
  content.hidden = !open;
  return make("section", { "aria-label": title }, make("h2", {}, button, make("span", { class: "muted" }, note)), content);
}

function chartSections(kind) {
  const keys = [...new Set(runs.flatMap((run) => Object.keys(run[kind])))].sort();
  const groups = new Map();
  for (const key of keys) {
    const group = kind === "system" ? "System" : key.includes("/") ? key.slice(0, key.lastIndexOf("/")) : "Charts";
    groups.set(group, [...(groups.get(group) ?? []), key]);
  }
  return [...groups].map(([group, inside]) => {
    const grid = make("div", { class: "grid" });
    for (const key of inside) makePanel(kind, key, grid);
    return sectionOf(group, String(inside.length), grid, kind !== "system");
  });
}

function tableSection(title, field, open) {
  const box = make("div", { class: "box" });
  const fill = () => {
    const some = shown(), values = some.map((run) => new Map(run[field]));
    const keys = [...new Set(some.flatMap((run) => run[field].map(([key]) => key)))];
    const rows = keys.map((key) => ({ key, texts: values.map((map) => map.get(key) ?? "") }));
    const head = make("tr", {}, make("th", {}, "key"), ...some.map((run) => make("th", {}, dot(run), " ", run.name)));
    const body = rows.filter((row) => !view.differing || differs(row)).map((row) => make("tr", { class: differs(row) ? "differs" : null }, make("td", {}, row.key), ...row.texts.map((text) => make("td", {}, text))));
    box.replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
  };
  fill();
  refills.push(fill);
  const count = new Set(runs.flatMap((run) => run[field].map(([key]) => key))).size;
  return count ? sectionOf(title, String(count), box, open) : null;
}

function differs(row) {
  return new Set(row.texts).size > 1;
}

function consoleSections() {
  return runs.filter((run) => run.console).map((run) => {
    const note = [runs.length > 1 ? run.name : "", run.left_out ? `the end; ${run.left_out.toLocaleString("en")} characters before it are left out` : ""];
    return sectionOf("Console", note.filter(Boolean).join(" · "), make("div", { class: "box" }, make("pre", {}, run.console)), runs.length === 1);
  });
}

const refills = [];

function sidebar() {
  const list = make("ul");
  for (const run of runs) {
    const button = make("button", { class: "run", "aria-pressed": "true", title: "show or hide", onclick: () => {
      run.shown = !run.shown;
      button.setAttribute("aria-pressed", String(run.shown));
      button.firstChild.replaceWith(dot(run));
      for (const refill of refills) refill();
      redraw();
    } }, dot(run), make("span", { class: "name" }, run.name), make("span", { class: run.state === "finished" ? "muted" : "bad" }, run.state));
    button.addEventListener("pointerenter", () => { view.near = runs.length > 1 ? run : null; redraw(); });
    button.addEventListener("pointerleave", leave);
    list.append(make("li", {}, button));
  }
  const facts = runs.length > 1 ? [] : [make("h2", {}, "About"), make("table", {}, make("tbody", {}, ...runs[0].facts.map(([name, text]) => make("tr", {}, make("td", { class: "muted" }, name), make("td", {}, text)))))];
  return make("aside", {}, make("h2", {}, "Runs ", make("span", { class: "muted" }, String(runs.length))), list, ...facts);
}

function toolbar() {
  const filter = make("input", { type: "search", placeholder: "Filter panels  /", "aria-label": "Filter panels", oninput: () => {
    for (const panel of panels) panel.element.hidden = !panel.key.toLowerCase().includes(filter.value.toLowerCase());
    redraw();
  } });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && event.target.tagName !== "INPUT") { event.preventDefault(); filter.focus(); }
  });
  const amount = make("span", { class: "number" }, "0.00");
  const range = make("input", { type: "range", min: 0, max: 0.99, step: 0.01, value: 0, oninput: () => {
    view.smoothing = Number(range.value);
    amount.textContent = view.smoothing.toFixed(2);
    redraw();
  } });
  const log = make("input", { type: "checkbox", onchange: () => { view.log = log.checked; redraw(); } });
  const only = make("input", { type: "checkbox", onchange: () => { view.differing = only.checked; for (const refill of refills) refill(); } });
  return make("nav", {}, filter, make("label", {}, "smoothing", range, amount), make("label", {}, log, "log y"), runs.length > 1 ? make("label", {}, only, "only what differs") : null);
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  redraw();
}

function thinning() {
  const all = runs.flatMap((run) => Object.values(run.metrics).concat(Object.values(run.system)));
  const some = all.filter((curve) => curve.thinned).length;
  return some ? ` ${some} of ${all.length} curves are thinned: of each stretch its first, lowest, highest and last point stand here.` : " Every point stands here.";
}

function build() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  setTheme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => setTheme(dark.matches ? "dark" : "light"));
  const projects = [...new Set(runs.map((run) => run.project).filter(Boolean))];
  const other = () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  const header = make("header", {}, make("span", { class: "mark" }, "◆"), make("h1", {}, runs.length === 1 ? runs[0].name : `${runs.length} runs`), make("span", { class: "muted" }, projects.join(", ")), make("span", { class: "grow" }), make("span", { class: "muted" }, `as of ${said.made}`), make("button", { class: "quiet", "aria-label": "light or dark", onclick: other }, "◐"));
  const warnings = runs.flatMap((run) => run.warnings.map((line) => make("p", { class: "warning" }, `${run.name}: ${line}`)));
  const notes = runs.filter((run) => run.notes).map((run) => sectionOf("Notes", runs.length > 1 ? run.name : "", make("div", { class: "box" }, make("pre", {}, run.notes)), true));
  const facts = runs.length > 1 ? tableSection("About", "facts", true) : null;
  const sections = [...chartSections("metrics"), ...chartSections("system"), ...notes, facts, tableSection("Config", "config", true), tableSection("Summary", "summary", true), ...consoleSections(), tableSection("Machine", "machine", false)];
  const footer = make("footer", {}, `Made by ${said.by} from the run folders. This page asks for nothing.${thinning()} Drag to zoom, double click back.`);
  const main = make("main", {}, toolbar(), ...warnings, ...sections.filter(Boolean), footer);
  document.getElementById("page").replaceChildren(header, make("div", { class: "frame" }, sidebar(), main), tip);
  addEventListener("resize", redraw);
  redraw();
}

build();
