"use strict";

// What is to be seen of one stage: a tree of scopes and kernels, of which some are open, and the edges between what
// is visible then.  Nothing here knows how it is drawn.

const OPENED = 50; // nodes that are shown before anybody opens or closes anything

class Node {
  constructor(key, label, sort, parent, row) {
    Object.assign(this, { key, label, sort, parent, row, children: [] });
    if (parent) parent.children.push(this);
  }
  *leaves() {
    const stack = [this];
    while (stack.length) {
      const node = stack.pop();
      if (node.sort === "op") yield node;
      else for (let i = node.children.length - 1; i >= 0; i--) stack.push(node.children[i]);
    }
  }
  get inside() {
    let count = 0;
    for (const _ of this.leaves()) count++;
    return count;
  }
}

class Tree {
  constructor(data, stage) {
    this.rows = data.rows;
    this.stage = stage;
    this.root = new Node("", "", "scope", null);
    this.nodes = new Map(); // by key
    this.node = new Map(); // by row
    const listed = stage.rows.filter((r) => this.rows[r].p === undefined);
    const scopes = this.scopes(listed);
    for (const r of listed) this.place(r, scopes);
    this.open = new Set([""]);
    this.reset();
  }

  // Paths of the scopes: all but those that hold only the constants among one operation's arguments.
  scopes(listed) {
    const constant = (row) => row.t === "Const";
    const names = new Set(listed.map((r) => this.rows[r]).filter((row) => !this.isVariable(row)).map((row) => row.n));
    const paths = new Set();
    for (const r of listed) {
      const row = this.rows[r];
      const own = row.m ? [] : above(row.n);
      if (constant(row) && own.length && names.has(own[own.length - 1])) own.pop();
      for (const path of own) paths.add(path);
    }
    return paths;
  }

  isVariable(row) {
    return row.t.startsWith("Variable");
  }

  place(r, scopes) {
    const row = this.rows[r];
    let parent = this.root;
    const name = row.m ? common(row.m.map((k) => this.rows[k].n)) : row.n;
    for (const path of [...above(name), name]) {
      if (!scopes.has(path)) break;
      parent = this.nodes.get("s " + path) || this.added(new Node("s " + path, last(path), "scope", parent));
    }
    if (row.m) {
      const kernel = this.added(new Node("r " + r, "kernel of " + row.m.length, "kernel", parent, r));
      this.node.set(r, kernel);
      for (const k of row.m) this.node.set(k, this.added(new Node("r " + k, last(this.rows[k].n), "op", kernel, k)));
    } else {
      this.node.set(r, this.added(new Node("r " + r, last(row.n), "op", parent, r)));
    }
  }

  added(node) {
    this.nodes.set(node.key, node);
    return node;
  }

  // Open scopes from the top as long as what is shown stays small enough to be looked at.
  reset(limit = OPENED) {
    this.open = new Set([""]);
    let shown = this.root.children.length;
    let level = this.root.children.slice();
    while (level.length) {
      const next = [];
      for (const node of level) {
        if (node.sort === "op" || this.secondary(node)) continue;
        const more = shown + node.children.length - 1;
        if (more <= limit) {
          this.open.add(node.key);
          shown = more;
          next.push(...node.children);
        }
      }
      level = next;
    }
  }

  // Whether a scope is about gradients and updates more than about anything else, or about one variable.
  secondary(node) {
    if (node.sort !== "scope") return false;
    const rows = [...node.leaves()].map((leaf) => this.rows[leaf.row]);
    const first = rows[0].n === node.key.slice(2) && this.isVariable(rows[0]);
    return first || rows.filter((row) => row.k === 4 || row.k === 5 || above(row.n)[0]?.startsWith("gradients")).length * 2 > rows.length;
  }

  openAll() {
    for (const node of this.nodes.values()) if (node.sort !== "op") this.open.add(node.key);
  }

  closeAll() {
    this.open = new Set([""]);
  }

  toggle(node) {
    if (!this.open.delete(node.key)) this.open.add(node.key);
  }

  // Open everything around a node, so that it is visible.
  reveal(node) {
    for (let at = node.parent; at; at = at.parent) this.open.add(at.key);
  }

  // The node that stands for this one: itself, or the outermost closed one around it.
  shown(node) {
    let top = node;
    for (let at = node.parent; at; at = at.parent) if (!this.open.has(at.key)) top = at;
    return top;
  }

  // { nodes, boxes: open scopes and kernels, edges } of what is visible when some types are hidden.
  visible(hidden) {
    const nodes = [], boxes = [], stack = [...this.root.children].reverse();
    while (stack.length) {
      const node = stack.pop();
      if (node.sort === "op") {
        if (!hidden.has(this.rows[node.row].t)) nodes.push(node);
      } else if (this.open.has(node.key)) {
        boxes.push(node);
        stack.push(...[...node.children].reverse());
      } else if (this.some(node, hidden)) {
        nodes.push(node);
      }
    }
    return { nodes, boxes: boxes.filter((box) => this.some(box, hidden)), edges: this.edges(hidden) };
  }

  some(node, hidden) {
    for (const leaf of node.leaves()) if (!hidden.has(this.rows[leaf.row].t)) return true;
    return false;
  }

  edges(hidden) {
    const found = new Map();
    const add = (from, to, r, k, sort) => {
      const start = this.shown(this.node.get(from)), end = this.shown(this.node.get(to));
      if (start === end) return;
      const key = start.key + "|" + end.key;
      const edge = found.get(key) || { start, end, tensors: new Map(), sort };
      if (sort !== "wait") {
        edge.sort = edge.sort === "write" ? "write" : sort;
        edge.tensors.set(r + ":" + k, [r, k]);
      }
      found.set(key, edge);
    };
    const passed = new Map();
    const sources = (r) => { // of a hidden operation those of its inputs
      if (!hidden.has(this.rows[r].t)) return [r];
      if (!passed.has(r)) {
        passed.set(r, []);
        passed.set(r, (this.rows[r].i || []).flatMap(([s]) => (this.node.has(s) ? sources(s) : [])));
      }
      return passed.get(r);
    };
    for (const [r, node] of this.node) {
      const row = this.rows[r];
      if (node.sort !== "op" || hidden.has(row.t)) continue;
      (row.i || []).forEach(([s, k], at) => {
        const sort = (row.w || []).includes(at) ? "write" : "data";
        if (this.node.has(s)) for (const from of sources(s)) add(from, r, s, k, sort);
      });
      if (this.stage.name === "graph") {
        for (const c of row.c || []) if (this.node.has(c) && !hidden.has(this.rows[c].t)) add(c, r, c, 0, "wait");
      }
    }
    return [...found.values()];
  }
}

// The scopes that a name lies in, the outermost first: a/b/c -> a, a/b.
function above(name) {
  const paths = [];
  for (let i = name.indexOf("/"); i >= 0; i = name.indexOf("/", i + 1)) paths.push(name.slice(0, i));
  return paths;
}

function last(name) {
  return name.slice(name.lastIndexOf("/") + 1);
}

// The scope that all names lie in.
function common(names) {
  let paths = above(names[0]);
  for (const name of names) paths = paths.filter((path) => name.startsWith(path + "/"));
  return paths.length ? paths[paths.length - 1] : "";
}
