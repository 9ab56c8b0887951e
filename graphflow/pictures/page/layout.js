"use strict";

// Where nodes go: Graphviz in a worker for what fits on a screen, plain layers for what is larger.

const DOT_NODES = 300, DOT_SPANS = 7000; // what Graphviz draws in a second: nodes, and layers that edges run through
const LABELS = 160; // edges, beyond which they have no labels
const PATIENCE = 2500; // milliseconds for Graphviz

class Graphviz {
  constructor() {
    // A worker made from a file's own text cannot be a module everywhere: what makes viz.js one is taken out.
    const module = document.getElementById("graphviz").textContent;
    const source = module.replace(/^export \{.*\};$/m, "").replaceAll("import.meta.url", "self.location.href") + `
      const ready = instance();
      onmessage = async ({ data: { number, text } }) => {
        try {
          postMessage({ number, svg: (await ready).renderString(text, { format: "svg" }) });
        } catch (error) {
          postMessage({ number, error: String(error) });
        }
      };`;
    this.url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    this.number = 0;
    this.start();
  }

  start() {
    this.worker = new Worker(this.url);
    this.worker.onmessage = ({ data }) => this.settle(data);
    this.worker.onerror = (event) => this.settle({ number: this.number, error: event.message || "Graphviz cannot start" });
  }

  // The SVG of DOT text; an Error for text that is overtaken by another, or takes too long.
  draw(text) {
    if (this.waiting) this.stop(new Error("overtaken"));
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject, number: ++this.number };
      this.waiting.timer = setTimeout(() => this.stop(new Error("Graphviz takes too long")), PATIENCE);
      this.worker.postMessage({ number: this.number, text });
    });
  }

  settle({ number, svg, error }) {
    if (!this.waiting || this.waiting.number !== number) return;
    const { resolve, reject, timer } = this.waiting;
    this.waiting = null;
    clearTimeout(timer);
    if (error) reject(new Error(error));
    else resolve(svg);
  }

  stop(error) {
    const { reject, timer } = this.waiting;
    this.waiting = null;
    clearTimeout(timer);
    this.worker.terminate();
    this.start();
    reject(error);
  }
}

// DOT text of what is visible; `describe` gives the lines, the look and the class of a node.
function dotText(view, describe) {
  const id = new Map(view.nodes.map((node, i) => [node.key, "n" + i]));
  const inside = new Map(); // by box, undefined for the top
  for (const item of [...view.boxes, ...view.nodes]) {
    let box = item.parent;
    while (box.parent && !view.boxes.includes(box)) box = box.parent;
    const key = box.parent ? box : undefined;
    inside.set(key, [...(inside.get(key) || []), item]);
  }
  const lines = [`digraph g { graph [rankdir=TB, ranksep=0.35, nodesep=0.25, pad=0.2, fontname="Helvetica", fontsize=11,
    labeljust=l, bgcolor=transparent]; node [fontname="Helvetica", fontsize=11, margin="0.15,0.05", height=0.34, width=0.5,
    style=filled]; edge [fontname="Helvetica", fontsize=9, arrowsize=0.6];`];
  const write = (items) => {
    for (const item of items || []) {
      if (id.has(item.key)) {
        const { lines: text, shape, classes } = describe(item);
        const rounded = shape === "box" ? ', style="filled,rounded"' : "";
        lines.push(`${id.get(item.key)} [id="${id.get(item.key)}", class="${classes}", label=${quoted(text)}, shape=${shape}${rounded}];`);
      } else {
        const n = view.boxes.indexOf(item);
        lines.push(`subgraph cluster_${n} { id="b${n}"; class="${describe(item).classes}"; style="rounded,filled"; label=${quoted([item.label])};`);
        write(inside.get(item));
        lines.push("}");
      }
    }
  };
  write(inside.get(undefined));
  const labels = view.edges.length <= LABELS;
  view.edges.forEach((edge, i) => {
    const start = id.get(edge.start.key), end = id.get(edge.end.key);
    if (!start || !end) return;
    const text = labels && edge.text ? `, label=${quoted([" " + edge.text])}` : "";
    const extra = { wait: ", style=dashed, arrowhead=empty", write: ", arrowhead=normal, dir=both, arrowtail=dot" }[edge.sort] || "";
    lines.push(`${start} -> ${end} [id="e${i}", class="${edge.sort}"${text}${extra}, penwidth=${Math.min(3, 1 + edge.tensors.size / 4)}];`);
  });
  return lines.join("\n") + "\n}";
}

function quoted(lines) {
  const clean = lines.filter(Boolean).map((line) => line.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/&/g, "&amp;"));
  return `"${clean.join("\\n")}"`;
}

// Positions by layers: a node stands below all that it takes from, near them; long columns are broken.
const BOX = { w: 110, h: 30, dx: 18, dy: 34 };

// The layer of each node: one below the lowest of those that it takes from.
function layersOf(view) {
  const index = new Map(view.nodes.map((node, i) => [node.key, i]));
  const into = view.nodes.map(() => []);
  for (const { start, end } of view.edges) {
    const a = index.get(start.key), b = index.get(end.key);
    if (a !== undefined && b !== undefined) into[b].push(a);
  }
  const layer = new Array(view.nodes.length).fill(-1);
  for (let i = 0; i < layer.length; i++) { // closed scopes can make circles: a node in the works counts as -2
    const stack = [i];
    while (stack.length) {
      const at = stack[stack.length - 1];
      if (layer[at] === -1) {
        layer[at] = -2;
        for (const from of into[at]) if (layer[from] === -1) stack.push(from);
      } else {
        stack.pop();
        if (layer[at] === -2) layer[at] = 1 + Math.max(-1, ...into[at].map((from) => layer[from]));
      }
    }
  }
  return { layer, into };
}

// Whether Graphviz can be expected to be quick: its work grows with the layers that edges run through.
function drawable(view) {
  if (view.nodes.length > DOT_NODES) return false;
  const { layer, into } = layersOf(view);
  let spans = 0;
  into.forEach((sources, i) => sources.forEach((j) => (spans += Math.abs(layer[i] - layer[j]))));
  return spans <= DOT_SPANS;
}

function layered(view) {
  const { layer, into } = layersOf(view);
  const layers = [];
  layer.forEach((l, i) => (layers[Math.max(0, l)] ||= []).push(i));
  const x = new Array(layer.length).fill(0);
  for (const list of layers) {
    const wanted = new Map(list.map((i) => [i, into[i].length ? into[i].reduce((sum, j) => sum + x[j], 0) / into[i].length : 0]));
    list.sort((a, b) => wanted.get(a) - wanted.get(b) || a - b);
    const middle = list.reduce((sum, i) => sum + wanted.get(i), 0) / list.length;
    list.forEach((i, k) => (x[i] = middle + (k - (list.length - 1) / 2) * (BOX.w + BOX.dx)));
  }
  const height = BOX.h + BOX.dy;
  const widest = (from, to) => {
    let low = Infinity, high = -Infinity;
    for (let l = from; l < to; l++) for (const i of layers[l]) (low = Math.min(low, x[i])), (high = Math.max(high, x[i] + BOX.w));
    return [low, high];
  };
  const [low, high] = widest(0, layers.length);
  const columns = Math.max(1, Math.round(Math.sqrt((layers.length * height * 1.6) / Math.max(1, high - low))));
  const each = Math.ceil(layers.length / columns);
  const places = new Array(layer.length);
  let left = 0;
  for (let from = 0; from < layers.length; from += each) {
    const to = Math.min(layers.length, from + each);
    const [a, b] = widest(from, to);
    for (let l = from; l < to; l++) for (const i of layers[l]) places[i] = { x: left + x[i] - a, y: (l - from) * height };
    left += b - a + 4 * BOX.dx;
  }
  return { places, width: left, height: Math.min(each, layers.length) * height };
}
