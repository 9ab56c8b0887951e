"use strict";

// The page: what is chosen, and what follows from a key or a click.

class App {
  constructor() {
    this.data = JSON.parse(document.getElementById("data").textContent);
    this.hidden = new Set(); // types
    this.trees = new Map(); // by stage
    this.panel = -1;
    this.current = -1; // the chosen step
    this.words = this.data.looks.map(([word]) => word.replace(/ /g, "-"));
    this.picture = new Picture(this);
    this.$ = (id) => document.getElementById(id);
    this.costs();
    this.frame();
    this.keys();
    const asked = new URLSearchParams(location.hash.slice(1));
    if (asked.get("theme")) document.documentElement.dataset.theme = asked.get("theme");
    this.ready = this.enter(Math.min(Number(asked.get("stage") || 0), this.data.stages.length - 1)).then(async () => {
      if (asked.get("panel")) this.choosePanel(Number(asked.get("panel")) - 1);
      const row = this.stage.rows.find((r) => this.data.rows[r].n === asked.get("select"));
      if (row !== undefined) await this.go(row);
    });
  }

  word(kind) {
    return this.words[kind];
  }

  // FLOP and use by the place in the graph: what is known once shapes are known.
  costs() {
    this.flop = new Map();
    this.known = new Map(); // outputs whose shapes are known
    for (const row of this.data.rows) {
      if (row.f && !row.m) this.flop.set(row.id, row.f);
      if (!row.m && row.o?.every((o) => o[2] !== null) && !this.known.has(row.id)) this.known.set(row.id, row.o);
    }
    this.time = new Map(); // of the step that an operation is in
    for (const step of this.data.steps) if (step.us) for (const id of step.ids) this.time.set(id, step.us);
    this.slowest = Math.max(0, ...this.time.values());
  }

  cost(id) {
    return this.flop.get(id);
  }

  users(row) {
    this.taken ||= new Map();
    if (!this.taken.has(this.at)) {
      const users = new Map();
      for (const r of this.stage.rows) {
        for (const [s] of this.data.rows[r].i || []) users.set(s, [...(users.get(s) || []), r]);
      }
      this.taken.set(this.at, users);
    }
    return [...new Set(this.taken.get(this.at).get(row) || [])];
  }

  // Why an operation has no step: the pass after which it is not there any more.
  gone(id) {
    const stages = this.data.stages.slice(0, this.data.passes);
    const there = stages.map((stage) => stage.rows.some((r) => this.data.rows[r].id === id));
    const end = there.lastIndexOf(true);
    if (end === stages.length - 1) return "no step: it is a value that lies in memory, or another view of one";
    return end < 0 ? "it is not part of this run" : `nothing: ${stages[end + 1].name} has made it superfluous`;
  }

  // -- stages
  async enter(number) {
    const before = this.selected && this.data.rows[this.selected.row];
    this.at = number;
    this.stage = this.data.stages[number];
    if (!this.trees.has(number)) this.trees.set(number, new Tree(this.data, this.stage));
    this.tree = this.trees.get(number);
    this.$("stage").value = number;
    this.$("back").disabled = number === 0;
    this.$("forth").disabled = number >= this.data.stages.length - 1;
    const fired = Object.entries(this.stage.fired || {}).map(([name, count]) => `${name} ${count}`).join(", ");
    this.$("what").textContent = `${this.stage.rows.length} operations. ${fired || this.stage.what}`;
    this.$("what").title = this.stage.what;
    this.made = new Set(this.stage.made);
    this.rewired = new Set(this.stage.rewired);
    this.changes();
    this.types();
    this.selected = null;
    if (before) { // the same operation, or what it has become
      const same = this.stage.rows.find((r) => this.data.rows[r].id === before.id && !this.data.rows[r].m);
      if (same !== undefined) this.selected = this.tree.node.get(same);
    }
    await this.draw(true);
    this.details();
  }

  changes() {
    const rows = this.data.rows;
    const items = [...this.stage.made.map((r) => ["made", r]), ...this.stage.rewired.map((r) => ["rewired", r])];
    const rules = (r) => (rows[r].m ? rows[r].m : [r]).flatMap((k) => this.stage.rules?.[rows[k].id] || []);
    this.$("changes").hidden = !this.stage.fired;
    this.$("changes").replaceChildren(element("h2", {}, "Changed by this pass"),
      element("ul", {}, items.slice(0, 60).map(([how, r]) => element("li", { class: how }, link(this, r, `${brief(rows[r].t)}  ${rows[r].n}`),
        element("small", {}, [...new Set(rules(r))].join(", "))))),
      items.length > 60 ? `and ${items.length - 60} more` : items.length ? "" : "nothing");
  }

  types() {
    const census = new Map();
    for (const r of this.stage.rows) if (!this.data.rows[r].m) census.set(this.data.rows[r].t, (census.get(this.data.rows[r].t) || 0) + 1);
    const sorted = [...census].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    this.$("types").replaceChildren(...sorted.map(([type, count]) => element("label", {},
      element("input", { type: "checkbox", checked: !this.hidden.has(type), onchange: (event) => {
        if (event.target.checked) this.hidden.delete(type);
        else this.hidden.add(type);
        this.draw();
      } }), ` ${type}`, element("small", {}, String(count)))));
    const names = this.stage.rows.slice(0, 3000).map((r) => this.data.rows[r].n);
    this.$("names").replaceChildren(...[...new Set(names)].map((name) => element("option", { value: name })));
  }

  // -- the picture
  describe(node) {
    const rows = this.data.rows;
    if (node.sort === "scope") {
      return { lines: [node.label, `${node.inside} operations`], shape: "folder", classes: "scope", title: node.key.slice(2) };
    }
    const row = rows[node.row], word = this.word(row.k);
    if (node.sort === "kernel") return { lines: [node.label, brief(row.t)], shape: "box3d", classes: "kernel", title: row.t };
    const lines = [node.label];
    if (row.v !== undefined) lines.push(row.v);
    else if (node.label.replace(/_\d+$/, "").toLowerCase() !== row.t.toLowerCase() && !["placeholder", "variable"].includes(word)) lines.push(row.t);
    const types = (row.o || []).map(typed).join(", ");
    return { lines, shape: this.data.looks[row.k][1], classes: word, title: `${row.t} ${row.n}\n${types}` };
  }

  async draw(fit = false) {
    const view = this.tree.visible(this.hidden);
    const rows = this.data.rows;
    for (const edge of view.edges) {
      const tensors = [...edge.tensors.values()].map(([r, k]) => [rows[r].n, rows[r].o?.[k]]);
      edge.text = tensors.length === 1 && tensors[0][1] ? typed(tensors[0][1]) : tensors.length ? `${tensors.length} tensors` : "";
      edge.title = edge.sort === "wait" ? "waits" : tensors.slice(0, 8).map(([name, t]) => `${name} ${t ? typed(t) : ""}`).join("\n");
    }
    this.say("");
    await this.picture.show(view, (node) => this.describe(node));
    if (this.picture.view !== view) return;
    if (fit) this.picture.fit();
    else this.picture.move(this.picture.at);
    this.marks();
    document.body.dataset.drawn = String(Number(document.body.dataset.drawn || 0) + 1);
  }

  // Mark what is selected, its neighbours, what the pass has changed, and times.
  marks() {
    const chosen = this.selected && this.tree.shown(this.selected);
    const near = new Set();
    for (const { start, end } of this.picture.view.edges) {
      if (start === chosen) near.add(end.key);
      if (end === chosen) near.add(start.key);
    }
    const hot = this.$("heat").getAttribute("aria-pressed") === "true";
    for (const [key, drawn] of this.picture.elements) {
      const node = this.tree.nodes.get(key), leaves = node.row !== undefined ? [node.row] : [...node.leaves()].map((leaf) => leaf.row);
      const opened = node.sort !== "op" && this.tree.open.has(key); // then those inside are marked
      const has = (set) => !opened && leaves.some((r) => set.has(r) || (node.sort === "scope" && set.has(this.data.rows[r].p)));
      drawn.classList.toggle("selected", node === chosen);
      drawn.classList.toggle("near", near.has(key));
      drawn.classList.toggle("made", has(this.made) || this.made.has(node.row));
      drawn.classList.toggle("rewired", has(this.rewired) || this.rewired.has(node.row));
      const us = Math.max(0, ...leaves.map((r) => this.time.get(this.data.rows[r].id) || 0));
      drawn.classList.toggle("hot", hot && node.sort !== "scope");
      drawn.style.setProperty("--heat", this.slowest ? (100 * Math.sqrt(us / this.slowest)).toFixed(0) + "%" : "0%");
    }
    this.picture.view.edges.forEach((edge, i) => {
      const drawn = this.picture.large ? null : this.picture.world.querySelector("#e" + i);
      drawn?.classList.toggle("near", Boolean(chosen) && (edge.start === chosen || edge.end === chosen));
    });
  }

  say(text) {
    this.picture.busy.hidden = !text;
    this.picture.busy.textContent = text;
  }

  // -- selecting
  select(node, center = false) {
    this.selected = node;
    this.marks();
    if (node && center) this.picture.center(this.tree.shown(node).key);
    this.details();
  }

  details() {
    this.$("details").replaceChildren(...details(this, this.selected).filter(Boolean));
  }

  // Select a row, in this stage or in the first one that has it, and make it visible.
  async go(row) {
    if (!this.tree.node.has(row)) {
      const at = this.data.stages.findIndex((stage) => stage.rows.includes(row));
      if (at < 0) return;
      await this.enter(at);
    }
    const node = this.tree.node.get(row);
    if (this.tree.shown(node) !== node) {
      this.tree.reveal(node);
      await this.draw();
    }
    this.select(node);
    this.picture.center(node.key, true);
  }

  // Select a step of the plan: its operations in the last stage.
  async step(number) {
    this.current = number;
    const { ids, type } = this.data.steps[number];
    this.mark();
    if (this.panel === 3) this.showPanel();
    const rows = this.data.rows, within = (stage) => stage.rows.find((r) => rows[r].t === type && ids.includes(rows[r].id));
    let row = within(this.stage) ?? this.stage.rows.find((r) => ids.includes(rows[r].id));
    if (row === undefined) {
      const stages = this.data.stages.slice(0, this.data.passes);
      const at = stages.findLastIndex((stage) => within(stage) !== undefined);
      row = at < 0 ? undefined : within(stages[at]);
    }
    if (row !== undefined) await this.go(row);
  }

  mark() {
    for (const drawn of this.$("panel").querySelectorAll("[data-step]")) {
      drawn.classList.toggle("selected", Number(drawn.dataset.step) === this.current);
    }
    this.$("panel").querySelector("tr.selected")?.scrollIntoView({ block: "nearest" });
  }

  async toggle(node) {
    this.tree.toggle(node);
    const before = this.picture.place(node.key);
    await this.draw();
    this.selected = node;
    this.marks();
    this.details();
    if (before) this.picture.center(this.tree.open.has(node.key) ? node.children[0]?.key : node.key);
  }

  // -- frame
  frame() {
    this.$("title").textContent = this.data.title;
    this.$("note").textContent = this.data.note;
    this.$("note").hidden = !this.data.note;
    this.$("stage").replaceChildren(...this.data.stages.map((stage, n) => element("option", { value: n }, `${n}  ${stage.name}`)));
    this.$("stage").addEventListener("change", (event) => this.enter(Number(event.target.value)));
    this.$("back").addEventListener("click", () => this.walk(-1));
    this.$("forth").addEventListener("click", () => this.walk(1));
    this.$("fit").addEventListener("click", () => this.picture.fit());
    this.$("theme").addEventListener("click", () => this.theme());
    this.$("help").addEventListener("click", () => this.$("keys").showModal());
    this.$("heat").hidden = !this.slowest;
    this.$("heat").addEventListener("click", () => this.heat());
    this.$("open").addEventListener("click", () => (this.tree.openAll(), this.draw(true)));
    this.$("close").addEventListener("click", () => (this.tree.closeAll(), this.draw(true)));
    this.$("legend").replaceChildren(...this.data.looks.map(([word]) => element("span", { class: "chip " + word.replace(/ /g, "-") }, word)),
      element("span", { class: "chip made" }, "made by this pass"), element("span", { class: "chip rewired" }, "other inputs"));
    this.$("search").addEventListener("input", () => this.find(this.$("search").value, true));
    this.$("search").addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.find(this.$("search").value, false);
    });
    const tabs = document.querySelector(".tabs");
    if (this.data.steps.length) {
      tabs.replaceChildren(...PANELS.map(([name], n) => element("button", { role: "tab", "aria-selected": "false", title: String(n + 1), onclick: () => this.choosePanel(n) }, name)));
    }
  }

  walk(by) {
    const to = this.at + by;
    if (to >= 0 && to < this.data.stages.length) this.enter(to);
  }

  theme() {
    const dark = getComputedStyle(document.documentElement).getPropertyValue("--dark").trim() === "1";
    document.documentElement.dataset.theme = dark ? "light" : "dark";
  }

  heat() {
    const pressed = this.$("heat").getAttribute("aria-pressed") === "true";
    this.$("heat").setAttribute("aria-pressed", String(!pressed));
    this.marks();
  }

  choosePanel(number) {
    if (!this.data.steps.length) return;
    this.panel = this.panel === number ? -1 : number;
    this.showPanel();
  }

  showPanel() {
    document.querySelectorAll(".tabs button").forEach((tab, n) => tab.setAttribute("aria-selected", String(n === this.panel)));
    this.$("panel").hidden = this.panel < 0;
    if (this.panel >= 0) this.$("panel").replaceChildren(PANELS[this.panel][1](this));
    this.mark();
  }

  // The next operation whose name or type has the text; the first one while it is being typed.
  find(text, first) {
    const words = text.toLowerCase();
    const hits = words ? this.stage.rows.filter((r) => `${this.data.rows[r].n} ${this.data.rows[r].t}`.toLowerCase().includes(words)) : [];
    if (first || words !== this.searched) this.hit = -1;
    this.searched = words;
    if (!first && hits.length) {
      this.hit = (this.hit + 1) % hits.length;
      this.go(hits[this.hit]);
    }
    this.$("found").textContent = words ? (this.hit >= 0 ? `${this.hit + 1} of ${hits.length}` : `${hits.length}`) : "";
  }

  // -- keys
  keys() {
    addEventListener("keydown", (event) => {
      const writing = event.target.matches("input, select, textarea") || this.$("keys").open;
      if (event.key === "Escape") {
        if (writing) event.target.blur();
        else this.select(null);
      }
      if (writing || event.ctrlKey || event.metaKey || event.altKey) return;
      const action = this.action(event.key, event.target);
      if (action) {
        event.preventDefault();
        action();
      }
    });
  }

  action(key, target) {
    const inPanel = target.closest("footer, aside, nav, header");
    const walks = { ArrowUp: () => this.along(-1), ArrowDown: () => this.along(1), ArrowLeft: () => this.beside(-1), ArrowRight: () => this.beside(1),
      Enter: () => this.selected && this.selected.sort !== "op" && this.toggle(this.selected),
      Backspace: () => this.selected?.parent?.parent && this.toggle(this.selected.parent) };
    const always = { "[": () => this.walk(-1), "]": () => this.walk(1), "/": () => this.$("search").focus(), "+": () => this.picture.zoom(1.25),
      "=": () => this.picture.zoom(1.25), "-": () => this.picture.zoom(0.8), 0: () => this.picture.fit(), h: () => this.heat(), t: () => this.theme(),
      "?": () => this.$("keys").showModal(), 1: () => this.choosePanel(0), 2: () => this.choosePanel(1), 3: () => this.choosePanel(2), 4: () => this.choosePanel(3), 5: () => this.choosePanel(4) };
    return always[key] || (inPanel ? null : walks[key]);
  }

  // To what an edge comes from (-1) or goes to (1).
  along(way) {
    const nodes = this.picture.view.nodes;
    const chosen = this.selected && this.tree.shown(this.selected);
    if (!chosen) return this.select(way > 0 ? nodes[0] : nodes[nodes.length - 1], true);
    for (const { start, end } of this.picture.view.edges) {
      if ((way > 0 ? start : end) === chosen) return this.select(way > 0 ? end : start, true);
    }
  }

  beside(way) {
    const nodes = this.picture.view.nodes;
    const at = this.selected ? nodes.indexOf(this.tree.shown(this.selected)) : way > 0 ? -1 : 0;
    this.select(nodes[(at + way + nodes.length) % nodes.length], true);
  }
}

const app = new App();
app.ready.then(() => (document.body.dataset.ready = "1"));
