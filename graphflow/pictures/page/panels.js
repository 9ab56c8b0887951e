"use strict";

// What stands around the picture: the selected operation, and the compiled program as a table, its memory, its times.

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

function amount(number, unit) {
  if (number === null || number === undefined) return "-";
  for (const [size, prefix] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (number >= size) return `${(number / size).toPrecision(3)} ${prefix}${unit}`;
  }
  return `${number} ${unit}`;
}

function micros(us) {
  return us === undefined ? "-" : us >= 1000 ? `${(us / 1000).toFixed(2)} ms` : `${us.toFixed(1)} us`;
}

const typed = ([dtype, shape]) => `${dtype} ${shape}`;

// -- the selected node
function details(app, node) {
  const rows = app.data.rows;
  if (!node) {
    return [element("h2", {}, "Nothing is selected"),
      element("p", {}, `${app.stage.rows.length} operations in this stage. Click one, or walk with the arrow keys.`),
      results(app)];
  }
  if (node.sort === "scope") return scopeDetails(app, node);
  const row = rows[node.row];
  const parts = [element("h2", {}, node.sort === "kernel" ? "fused kernel" : row.n),
    element("p", { class: "chips" }, element("b", {}, row.t), element("span", { class: "chip " + app.word(row.k) }, app.data.looks[row.k][0]))];
  parts.push(source(app, row));
  const k = node.row;
  if (row.m) {
    parts.push(list("Made of", row.m.map((m) => link(app, m, `${rows[m].t}  ${rows[m].n}`))));
  }
  if (row.v !== undefined) parts.push(fact("value", row.v));
  if (row.o) {
    parts.push(list("Outputs", row.o.map((o, n) => {
      const known = o[2] === null ? app.known.get(row.id)?.[n] : null; // what the shape was in this run
      return typed(o) + (known ? `   here ${known[1]}, ${amount(known[2], "B")}` : o[2] === null ? "" : `   ${amount(o[2], "B")}`);
    })));
  }
  if (row.i) parts.push(list("Inputs", row.i.map(([s, n]) => link(app, s, `${rows[s].n}   ${typed(rows[s].o[n])}`))));
  const users = app.users(k);
  if (users.length) parts.push(list("Taken by", users.slice(0, 12).map((u) => link(app, u, rows[u].n)), users.length - 12));
  if (row.c) parts.push(list("Waits for", row.c.map((c) => link(app, c, rows[c].n))));
  const cost = row.f ?? app.cost(row.id);
  if (cost) parts.push(fact("FLOP", amount(cost, "")));
  parts.push(fate(app, row));
  if (row.a) parts.push(element("details", {}, element("summary", {}, "Attributes"),
    element("dl", {}, row.a.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]))));
  return parts;
}

function scopeDetails(app, node) {
  const census = new Map();
  let flop = 0;
  for (const leaf of node.leaves()) {
    const row = app.data.rows[leaf.row];
    census.set(row.t, (census.get(row.t) || 0) + 1);
    flop += row.f ?? app.cost(row.id) ?? 0;
  }
  const sorted = [...census].sort((a, b) => b[1] - a[1]);
  return [element("h2", {}, node.key.slice(2)), element("p", {}, `scope with ${node.inside} operations`),
    element("p", {}, element("button", { onclick: () => app.toggle(node) }, app.tree.open.has(node.key) ? "Close it" : "Open it")),
    fact("FLOP", amount(flop, "")), list("Types", sorted.map(([type, count]) => `${count}  ${type}`))];
}

function results(app) {
  const rows = app.data.rows;
  const names = [...app.stage.fetches.map(([r]) => r), ...app.stage.targets];
  return names.length ? list("What the run is for", names.map((r) => link(app, r, rows[r].n))) : "";
}

function source(app, row) {
  const [file, line] = row.s, { name, lines } = app.data.files[file];
  const shown = Object.keys(lines).map(Number).filter((n) => Math.abs(n - line) <= 3).sort((a, b) => a - b);
  return element("figure", {}, element("figcaption", { title: name }, `${name.slice(name.lastIndexOf("/") + 1)}:${line}`),
    element("pre", {}, shown.map((n) => element(n === line ? "mark" : "span", {}, `${String(n).padStart(4)}  ${lines[n]}`))));
}

// The kernel that an operation went into, or the pass that made it superfluous; the rules that have changed it.
function fate(app, row) {
  const parts = [];
  const steps = app.data.steps.map((step, n) => [step, n]).filter(([step]) => step.ids.includes(row.id));
  for (const [step, n] of steps) {
    const time = step.us === undefined ? "" : `, ${micros(step.us)}`;
    parts.push(element("button", { class: "link", onclick: () => app.step(n) }, `step ${n}: ${brief(step.type)} by ${step.by}${time}`));
  }
  if (!steps.length && app.data.steps.length) parts.push(app.gone(row.id));
  const history = app.data.stages.flatMap((stage) => (stage.rules?.[row.id] ? [`${stage.name}: ${stage.rules[row.id].join(", ")}`] : []));
  return element("section", {}, parts.length ? list("Goes into", parts) : "", history.length ? list("Rules", history) : "");
}

function list(title, items, more = 0) {
  return element("section", {}, element("h3", {}, title),
    element("ul", {}, items.map((item) => element("li", {}, item)), more > 0 ? element("li", {}, `and ${more} more`) : ""));
}

function fact(name, value) {
  return element("p", { class: "fact" }, element("span", {}, name), String(value));
}

function link(app, row, text) {
  return element("button", { class: "link", onclick: () => app.go(row) }, text);
}

function brief(text) {
  return text.length > 40 ? text.slice(0, 38) + "\u2026" : text;
}

// -- the plan
function planTable(app) {
  const measured = app.data.steps.some((step) => step.us !== undefined);
  const total = app.data.steps.reduce((sum, step) => sum + (step.us || 0), 0);
  const head = ["", ...(measured ? ["time", "", "GFLOP/s"] : []), "FLOP", "bytes", "what", "operations", "by", "in", "out"];
  const body = app.data.steps.map((step, n) => {
    const share = total ? (step.us || 0) / total : 0;
    const rate = step.flops && step.us ? (step.flops / step.us / 1000).toFixed(1) : "-";
    const times = measured ? [element("td", { class: "number" }, micros(step.us)),
      element("td", {}, element("meter", { value: share, max: 1, title: `${(100 * share).toFixed(1)} %` })),
      element("td", { class: "number" }, rate)] : [];
    return element("tr", { "data-step": n, tabindex: 0, onclick: () => app.step(n),
      onkeydown: (event) => event.key === "Enter" && app.step(n) },
      element("td", { class: "number" }, String(n)), times, element("td", { class: "number" }, amount(step.flops, "")),
      element("td", { class: "number" }, amount(step.bytes, "B")), element("td", { title: step.type }, brief(step.type)),
      element("td", { title: step.names.join(" ") }, brief(step.names.join(" "))), element("td", { title: step.kernel }, step.by),
      element("td", {}, step.in.join("; ")), element("td", {}, step.out.join("; ")));
  });
  return element("table", { class: "plan" }, element("thead", {}, element("tr", {}, head.map((text) => element("th", {}, text)))),
    element("tbody", {}, body));
}

// The arena: a step is a column, an address a height; a buffer is a box from its first step to its last.
function arenaPicture(app) {
  let first = 0;
  return element("div", { class: "arenas" }, app.data.arenas.map((arena, part) => {
    const steps = app.data.steps.filter((step) => step.part === part).length, begin = first;
    first += steps;
    if (!arena.bytes) return element("p", {}, "This plan needs no memory between its steps.");
    const width = Math.max(400, innerWidth - 160), height = Math.max(140, innerHeight * 0.3 - 70), each = width / Math.max(1, steps);
    const svg = svgElement("svg", { width: width + 100, height: height + 34, class: "arena" });
    const y = (byte) => 4 + height * (1 - byte / arena.bytes);
    for (const part of [0, 0.25, 0.5, 0.75, 1]) {
      svg.append(svgElement("line", { x1: 80, x2: 80 + width, y1: y(part * arena.bytes), y2: y(part * arena.bytes), class: "grid" }),
        svgElement("text", { x: 74, y: y(part * arena.bytes) + 4, "text-anchor": "end" }, amount(Math.round(part * arena.bytes), "B")));
    }
    for (let n = 0; n < steps; n += Math.ceil(steps / 40)) {
      svg.append(svgElement("text", { x: 80 + (n + 0.5) * each, y: height + 20, "text-anchor": "middle" }, String(begin + n)));
    }
    arena.buffers.forEach(([offset, bytes, from, to, name], i) => {
      const box = svgElement("g", { class: `buffer tint${i % 6}`, "data-step": begin + from, tabindex: 0, role: "button" });
      const w = (to - from + 1) * each - 1, h = Math.max(1.5, y(offset) - y(offset + bytes) - 1);
      box.append(svgElement("title", {}, `${name}: ${amount(bytes, "B")} at ${offset}, steps ${begin + from} to ${begin + to}`),
        svgElement("rect", { x: 80 + from * each, y: y(offset + bytes), width: w, height: h, rx: 2 }));
      if (h > 13 && w > 60) {
        const room = Math.floor(w / 6.4), full = name.replace(/:0$/, ""), text = full.length > room ? last(full) : full;
        box.append(svgElement("text", { x: 84 + from * each, y: y(offset + bytes) + h / 2 + 4 }, text.length > room ? text.slice(0, room - 1) + "\u2026" : text));
      }
      box.addEventListener("click", () => app.step(begin + from));
      box.addEventListener("keydown", (event) => event.key === "Enter" && app.step(begin + from));
      svg.append(box);
    });
    return element("figure", {}, svg, element("figcaption", {}, `${amount(arena.bytes, "B")} of memory over ${steps} steps`));
  }));
}

// The last measured run, one bar a step.
function timeline(app) {
  const steps = app.data.steps.map((step, n) => ({ ...step, n })).filter((step) => step.begin !== undefined);
  if (!steps.length) return element("p", {}, "Nothing has been measured: view(..., runs=10) measures ten runs.");
  const begin = Math.min(...steps.map((s) => s.begin)), end = Math.max(...steps.map((s) => s.begin + s.took));
  const width = Math.max(400, innerWidth - 110), scale = width / (end - begin || 1);
  const svg = svgElement("svg", { width: width + 60, height: 92, class: "timeline" });
  for (let n = 0; n <= 8; n++) {
    const x = 20 + (width * n) / 8;
    svg.append(svgElement("line", { x1: x, x2: x, y1: 8, y2: 66, class: "grid" }),
      svgElement("text", { x, y: 84, "text-anchor": "middle" }, micros(((end - begin) * n) / 8)));
  }
  for (const step of steps) {
    const w = Math.max(1, step.took * scale - 0.5), x = 20 + (step.begin - begin) * scale;
    const bar = svgElement("g", { class: `bar ${step.by}`, "data-step": step.n, tabindex: 0, role: "button" });
    bar.append(svgElement("title", {}, `step ${step.n}: ${step.type}, ${micros(step.took)} in the last run, median ${micros(step.us)}`),
      svgElement("rect", { x, y: 16, width: w, height: 42, rx: 2 }));
    if (w > 40) bar.append(svgElement("text", { x: x + 4, y: 41 }, brief(step.type).slice(0, Math.floor(w / 7))));
    bar.addEventListener("click", () => app.step(step.n));
    bar.addEventListener("keydown", (event) => event.key === "Enter" && app.step(step.n));
    svg.append(bar);
  }
  const slowest = [...steps].sort((a, b) => b.us - a.us).slice(0, 5);
  const total = steps.reduce((sum, s) => sum + s.us, 0);
  return element("div", {}, element("p", {}, `the last of ${app.data.runs} measured runs; the medians add up to ${micros(total)}. Slowest: `,
    slowest.map((s) => element("button", { class: "link apart", onclick: () => app.step(s.n) }, `step ${s.n} ${brief(s.type)} ${micros(s.us)} (${Math.round((100 * s.us) / total)} %)`))), svg);
}

// The measured time by scope: a box is as wide as what it took, and what is in it lies below.  A kernel's time is divided
// among its operations by their FLOPs, or evenly where these are not known.
function flame(app) {
  const root = { name: "all", path: "", us: 0, inside: new Map() };
  const named = new Map(app.data.rows.map((row) => [row.id, row.n]));
  app.data.steps.forEach((step, n) => {
    if (!step.us) return;
    const ids = step.ids.filter((id) => named.has(id)), costs = ids.map((id) => app.cost(id));
    const sum = costs.every((cost) => cost !== undefined) ? costs.reduce((a, b) => a + b, 0) : 0;
    ids.forEach((id, i) => {
      const us = sum ? (step.us * costs[i]) / sum : step.us / ids.length;
      let at = root;
      root.us += us;
      for (const part of named.get(id).split("/")) {
        if (!at.inside.has(part)) at.inside.set(part, { name: part, path: at.path ? `${at.path}/${part}` : part, us: 0, inside: new Map(), step: n });
        at = at.inside.get(part);
        at.us += us;
      }
    });
  });
  if (!root.us) return element("p", {}, "Nothing has been measured: view(..., runs=10) measures ten runs.");
  const width = Math.max(400, innerWidth - 110), rowHeight = 24, boxes = [];
  let waiting = [[root, 20, 0]], depth = 0;
  while (waiting.length) {
    const [node, x, level] = waiting.shift(), w = (width * node.us) / root.us;
    if (w < 1) continue;
    depth = Math.max(depth, level);
    const box = svgElement("g", { class: "bar kernel flame", tabindex: 0, role: "button", ...(node.step === undefined ? {} : { "data-step": node.step }) });
    box.append(svgElement("title", {}, `${node.path || "all"}: ${micros(node.us)}, ${((100 * node.us) / root.us).toFixed(1)} %`),
      svgElement("rect", { x, y: level * rowHeight, width: Math.max(1, w - 1), height: rowHeight - 2, rx: 2 }));
    if (w > 40) box.append(svgElement("text", { x: x + 4, y: level * rowHeight + 15 }, node.name.slice(0, Math.floor(w / 7))));
    if (node.step !== undefined) {
      box.addEventListener("click", () => app.step(node.step));
      box.addEventListener("keydown", (event) => event.key === "Enter" && app.step(node.step));
    }
    boxes.push(box);
    let left = x;
    for (const inner of [...node.inside.values()].sort((a, b) => b.us - a.us)) {
      waiting.push([inner, left, level + 1]);
      left += (width * inner.us) / root.us;
    }
  }
  const svg = svgElement("svg", { width: width + 60, height: (depth + 1) * rowHeight, class: "timeline" });
  svg.append(...boxes);
  return element("div", {}, svg);
}

function kernelSource(app) {
  const step = app.data.steps[app.current];
  if (!step) return element("p", {}, "Choose a step in the plan to see its kernel.");
  return element("div", {}, element("p", {}, `step ${app.current}: ${step.type}`),
    element("pre", {}, step.kernel || (step.by === "reference" ? "no kernel: NumPy runs its reference" : step.by)));
}

const PANELS = [["Plan", planTable], ["Arena", arenaPicture], ["Timeline", timeline], ["Kernel", kernelSource], ["Flame", flame]];
