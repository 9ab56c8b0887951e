"use strict";

// The drawing: what Graphviz has laid out, or, for large graphs, as much of the layers as is in sight.  Pan and zoom.

const SVG = "http://www.w3.org/2000/svg";

function svgElement(name, attributes = {}, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

class Picture {
  constructor(app) {
    this.app = app;
    this.frame = document.getElementById("picture");
    this.world = document.getElementById("world");
    this.svg = document.getElementById("svg");
    this.busy = document.getElementById("busy");
    this.graphviz = new Graphviz();
    this.at = { x: 0, y: 0, k: 1 };
    this.elements = new Map(); // by key
    this.listen();
  }

  listen() {
    let from = null;
    this.frame.addEventListener("pointerdown", (event) => {
      from = { x: event.clientX - this.at.x, y: event.clientY - this.at.y, moved: false, target: event.target };
    });
    addEventListener("pointermove", (event) => {
      if (!from) return;
      const x = event.clientX - from.x, y = event.clientY - from.y;
      if (Math.abs(x - this.at.x) + Math.abs(y - this.at.y) > 3) from.moved = true;
      if (from.moved) this.move({ x, y, k: this.at.k });
    });
    addEventListener("pointerup", () => {
      if (from && !from.moved) this.app.select(this.nodeOf(from.target));
      from = null;
    });
    this.frame.addEventListener("dblclick", (event) => {
      const node = this.nodeOf(event.target);
      if (node && node.sort !== "op") this.app.toggle(node);
    });
    this.frame.addEventListener("wheel", (event) => {
      event.preventDefault();
      const { left, top } = this.frame.getBoundingClientRect();
      this.zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - left, event.clientY - top);
    }, { passive: false });
    new ResizeObserver(() => (this.fitted ? this.fit() : this.large && this.sight())).observe(this.frame);
  }

  nodeOf(target) {
    const element = target.closest("[data-key]");
    return element ? this.app.tree.nodes.get(element.dataset.key) : null;
  }

  // Draw what is visible.  The promise is kept when it is on the screen.
  async show(view, describe) {
    this.view = view;
    this.describe = describe;
    this.why = "";
    if (drawable(view)) {
      this.busy.hidden = false;
      this.busy.textContent = `placing ${view.nodes.length} nodes`;
      try {
        const text = await this.graphviz.draw(dotText(view, describe));
        if (this.view === view) this.placed(text);
        return;
      } catch (error) {
        if (this.view !== view || error.message === "overtaken") return;
        this.why = error.message + ": ";
      } finally {
        if (this.view === view) this.busy.hidden = true;
      }
    }
    this.layers();
  }

  placed(text) {
    const drawn = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
    const inner = drawn.querySelector("g.graph");
    inner.querySelector(":scope > polygon")?.remove();
    inner.querySelectorAll("title").forEach((title) => title.remove());
    this.large = null;
    this.world.classList.remove("large");
    this.world.replaceChildren(document.importNode(inner, true));
    this.elements.clear();
    for (const [prefix, items] of [["n", this.view.nodes], ["b", this.view.boxes]]) {
      items.forEach((node, i) => this.known(node, this.world.querySelector(`#${prefix}${i}`)));
    }
    this.view.edges.forEach((edge, i) => {
      const element = this.world.querySelector(`#e${i}`);
      element?.append(svgElement("title", {}, edge.title));
    });
    const box = inner.getAttribute("transform").match(/translate\(([-\d.]+)[ ,]([-\d.]+)\)/);
    this.size = { width: parseFloat(drawn.getAttribute("width")), height: parseFloat(drawn.getAttribute("height")) };
    this.world.firstChild.setAttribute("transform", `translate(${box[1]} ${box[2]})`);
    this.place = (key) => {
      const bounds = this.elements.get(key)?.getBBox();
      return bounds && { x: bounds.x + +box[1], y: bounds.y + +box[2], w: bounds.width, h: bounds.height };
    };
  }

  known(node, element) {
    if (!element) return;
    element.dataset.key = node.key;
    element.append(svgElement("title", {}, this.describe(node).title));
    this.elements.set(node.key, element);
  }

  // -- large graphs
  layers() {
    const { places, width, height } = layered(this.view);
    const index = new Map(this.view.nodes.map((node, i) => [node.key, i]));
    this.large = { places, index };
    this.world.classList.add("large");
    this.size = { width, height };
    this.place = (key) => index.has(key) && { ...places[index.get(key)], w: BOX.w, h: BOX.h };
    const kinds = new Map();
    this.view.nodes.forEach((node, i) => {
      const { classes } = this.describe(node);
      const { x, y } = places[i];
      kinds.set(classes, (kinds.get(classes) || "") + `M${x} ${y}h${BOX.w}v${BOX.h}h${-BOX.w}z`);
    });
    this.lines = this.view.edges.map((edge) => {
      const a = places[index.get(edge.start.key)], b = places[index.get(edge.end.key)];
      if (!a || !b) return null;
      return { edge, low: Math.min(a.y, b.y), high: Math.max(a.y, b.y) + BOX.h, left: Math.min(a.x, b.x),
        right: Math.max(a.x, b.x) + BOX.w,
        path: `M${a.x + BOX.w / 2} ${a.y + BOX.h}L${b.x + BOX.w / 2} ${b.y}` };
    }).filter(Boolean);
    this.far = [svgElement("path", { class: "lines", d: this.lines.map((line) => line.path).join("") })];
    for (const [classes, d] of kinds) {
      const group = svgElement("g", { class: "node " + classes });
      group.append(svgElement("path", { d }));
      this.far.push(group);
    }
    this.app.say(`${this.why}${this.view.nodes.length} nodes in layers: close scopes to see them drawn by Graphviz`);
    this.sight();
  }

  // As far as it is close enough to be read, what is in sight, one element a node; else all of it in a few paths.
  sight() {
    const { clientWidth, clientHeight } = this.frame, { x, y, k } = this.at;
    this.elements.clear();
    if (k < 0.35) {
      if (this.world.firstChild !== this.far[0]) this.world.replaceChildren(...this.far);
    } else {
      const low = -y / k - BOX.h, high = (clientHeight - y) / k, left = -x / k - BOX.w, right = (clientWidth - x) / k;
      const seen = this.lines.filter((l) => l.high > low && l.low < high && l.right > left && l.left < right);
      const all = [svgElement("path", { class: "lines", d: seen.map((line) => line.path).join("") })];
      this.view.nodes.forEach((node, i) => {
        const p = this.large.places[i];
        if (p.y < low || p.y > high || p.x < left || p.x > right) return;
        const { classes, lines } = this.describe(node);
        const group = svgElement("g", { class: "node " + classes, transform: `translate(${p.x} ${p.y})` });
        group.append(svgElement("rect", { width: BOX.w, height: BOX.h, rx: 6 }));
        lines.slice(0, 2).forEach((line, n) => {
          const text = line.length > 19 ? line.slice(0, 18) + "\u2026" : line;
          group.append(svgElement("text", { x: BOX.w / 2, y: lines.length > 1 ? 13 + 12 * n : 19, "text-anchor": "middle" }, text));
        });
        this.known(node, group);
        all.push(group);
      });
      this.world.replaceChildren(...all);
    }
    this.app.marks();
  }

  // -- where one looks
  move(at) {
    this.at = at;
    this.fitted = false;
    this.world.setAttribute("transform", `translate(${at.x} ${at.y}) scale(${at.k})`);
    if (this.large && !this.waiting) {
      this.waiting = requestAnimationFrame(() => {
        this.waiting = 0;
        if (this.large) this.sight();
      });
    }
  }

  zoom(by, x = this.frame.clientWidth / 2, y = this.frame.clientHeight / 2) {
    const k = Math.min(6, Math.max(0.01, this.at.k * by)), f = k / this.at.k;
    this.move({ x: x - (x - this.at.x) * f, y: y - (y - this.at.y) * f, k });
  }

  fit() {
    if (!this.size) return;
    const { clientWidth: w, clientHeight: h } = this.frame, { width, height } = this.size;
    const k = Math.min(1.4, w / (width + 20), h / (height + 20));
    this.move({ x: (w - width * k) / 2, y: (h - height * k) / 2, k });
    this.fitted = true;
  }

  // Bring a node into the middle unless it is well in sight.
  center(key, always) {
    const p = this.place?.(key);
    if (!p) return;
    const { clientWidth: w, clientHeight: h } = this.frame;
    const k = Math.max(this.at.k, always ? 0.8 : 0.35), x = p.x * k + this.at.x, y = p.y * k + this.at.y;
    if (always || k !== this.at.k || x < 20 || y < 20 || x + p.w * k > w - 20 || y + p.h * k > h - 20) {
      this.move({ x: w / 2 - (p.x + p.w / 2) * k, y: h / 2 - (p.y + p.h / 2) * k, k });
      if (this.large) this.sight();
    }
  }
}
