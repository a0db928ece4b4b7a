// Wanders in a plane through one point: drag it, or use the arrow keys.

import { h, button } from "./dom.js";
import { draw, drawn, keyOf } from "./pictures.js";
import { announce, isBusy } from "./requests.js";
import { change, commit, state } from "./state.js";
import { choose, nameOf, showPicture } from "./tiles.js";
import { number, word } from "./words.js";

const CELL_PX = 84;
const FARTHEST = 2; // quarter turns from the centre: the antipode
const AT_ONCE = 64; // emoji of a request

// Returns the emoji at a cell, counted from the centre of the map.
function itemAt(column, row) {
  const { centre, plane, step } = state.map;
  const [x, y] = [column * step, row * step].map((v) => Math.round(v * 1e4) / 1e4);
  if (Math.hypot(x, y) > FARTHEST) return null;
  if (!x && !y) return centre;
  const { moves, ...start } = centre; // a moved emoji is moved once, for the whole map
  const moved = Object.entries(moves ?? {}).map(([name, amount]) => ({ name, amount }));
  return { ...start, shifts: [...(start.shifts ?? []), ...moved, { plane, x, y }] };
}

const middle = () => [state.map.x, state.map.y].map((v) => Math.round(v / state.map.step));

export function panel() {
  const view = h("div", {
    className: "map", tabIndex: 0, role: "group", "aria-label": word("map_label"),
    "aria-describedby": "map-help",
  });
  const board = h("div", { className: "board" });
  view.append(board, h("div", { className: "cross", "aria-hidden": "true" }));
  const map = { view, board, tiles: new Map(), of: "", pending: [] };
  const empty = h("p", { className: "empty" }, word("map_empty"));
  const tools = toolbar();
  const help = h("p", { className: "note", id: "map-help" }, word("map_help"));
  drag(map);
  view.addEventListener("keydown", (event) => key(event));
  new ResizeObserver(() => state.tab === "map" && show(map)).observe(view);
  return {
    element: h("section", {}, empty, tools, view, help),
    update() {
      const has = Boolean(state.map.centre);
      empty.hidden = has;
      view.hidden = tools.hidden = help.hidden = !has;
      if (has) show(map);
    },
  };
}

function toolbar() {
  return h("div", { className: "row" },
    button("+", () => zoom(1 / 1.5), { "aria-label": word("zoom_in"), className: "square" }),
    button("−", () => zoom(1.5), { "aria-label": word("zoom_out"), className: "square" }),
    button(word("turn"), () => change((s) => (s.map.plane += 1))),
    button(word("recentre"), () => {
      const item = itemAt(...middle());
      if (item) change((s) => Object.assign(s.map, { centre: item, x: 0, y: 0 }));
    }));
}

// Zooms, and brings an emoji into the middle.
function zoom(factor) {
  change((s) => {
    s.map.step = Math.min(0.5, Math.max(0.01, s.map.step * factor));
    const [column, row] = middle();
    Object.assign(s.map, { x: column * s.map.step, y: row * s.map.step });
  });
}

// Returns the cells that can be seen, those in the middle first.
function visible({ view }) {
  const { x, y, step } = state.map;
  const [across, down] = [view.clientWidth, view.clientHeight].map((px) => px / CELL_PX / 2);
  const cells = [];
  for (let c = Math.floor(x / step - across); c <= Math.ceil(x / step + across); c++) {
    for (let r = Math.floor(y / step - down); r <= Math.ceil(y / step + down); r++) {
      cells.push([c, r]);
    }
  }
  const far = ([c, r]) => Math.hypot(c - x / step, r - y / step);
  return cells.sort((a, b) => far(a) - far(b));
}

function show(map) {
  const { view, board, tiles } = map;
  const { centre, plane, step, x, y } = state.map;
  const of = JSON.stringify([centre, plane, step]);
  if (of !== map.of) {
    board.replaceChildren();
    tiles.clear();
    map.of = of;
  }
  const left = view.clientWidth / 2 - (x / step) * CELL_PX;
  const top = view.clientHeight / 2 - (y / step) * CELL_PX;
  board.style.transform = `translate(${left}px, ${top}px)`;
  const cells = visible(map);
  const wanted = new Set(cells.map(String));
  for (const [cell, element] of tiles) {
    if (!wanted.has(cell)) {
      element.remove();
      tiles.delete(cell);
    }
  }
  for (const cell of cells) {
    const item = itemAt(...cell);
    if (item && !tiles.has(String(cell))) tiles.set(String(cell), place(board, cell, item));
  }
  for (const element of tiles.values()) {
    const isChosen = keyOf(element.item) === keyOf(state.current);
    element.setAttribute("aria-pressed", String(isChosen));
    showPicture(element.firstChild, drawn(element.item));
  }
  fetchMissing(map, cells);
}

function place(board, [column, row], item) {
  const image = h("img", { alt: "", draggable: false });
  const element = h("button", {
    type: "button", className: "cell", tabIndex: -1,
    "aria-label": `${nameOf(item)} (${column}, ${row})`,
    onclick: () => choose(item),
  }, image);
  element.item = item;
  element.style.left = `${(column - 0.5) * CELL_PX}px`;
  element.style.top = `${(row - 0.5) * CELL_PX}px`;
  board.append(element);
  return element;
}

// Draws what came into sight. A request that only sharpens what is there already gives way.
async function fetchMissing(map, cells) {
  const all = cells.map((cell) => itemAt(...cell)).filter(Boolean);
  const unseen = all.filter((item) => !drawn(item));
  if (isBusy("map") && (!unseen.length || map.pending.some((item) => !drawn(item)))) return;
  const items = unseen.length ? unseen : all.filter((item) => !drawn(item).sharp);
  if (!items.length) return;
  const { of } = map;
  const refresh = () => {
    for (const element of map.tiles.values()) showPicture(element.firstChild, drawn(element.item));
  };
  map.pending = items.slice(0, AT_ONCE);
  const ended = await draw("map", map.pending, { onPicture: refresh });
  if (state.tab === "map" && (ended || of !== map.of)) show(map); // what came into sight meanwhile
}

function drag(map) {
  let from = null;
  map.view.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = { x: event.clientX, y: event.clientY, ...position(), far: false };
  });
  map.view.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    if (!from.far && Math.hypot(dx, dy) < 6) return;
    from.far = true;
    map.view.setPointerCapture(event.pointerId);
    const { step } = state.map;
    moveTo(from.mapX - (dx / CELL_PX) * step, from.mapY - (dy / CELL_PX) * step);
    show(map);
  });
  const end = () => {
    if (from?.far) {
      map.view.addEventListener("click", (event) => event.stopPropagation(),
        { capture: true, once: true });
      commit();
    }
    from = null;
  };
  map.view.addEventListener("pointerup", end);
  map.view.addEventListener("pointercancel", end);
}

const position = () => ({ mapX: state.map.x, mapY: state.map.y });

function moveTo(x, y) {
  const length = Math.hypot(x, y);
  const scale = length > FARTHEST ? FARTHEST / length : 1;
  if (scale < 1) announce(word("map_edge"));
  Object.assign(state.map, { x: x * scale, y: y * scale });
}

function key(event) {
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const { step } = state.map;
  if (event.key in arrows) {
    const [column, row] = middle();
    const [dx, dy] = arrows[event.key];
    moveTo((column + dx) * step, (row + dy) * step);
    commit();
    const at = { x: number(state.map.x), y: number(state.map.y) };
    announce(word("map_at", at));
  } else if (event.key === "Enter" && event.target === event.currentTarget) {
    const item = itemAt(...middle());
    if (item) choose(item);
  } else if (event.key === "+" || event.key === "-") {
    zoom(event.key === "+" ? 1 / 1.5 : 1.5);
  } else {
    return;
  }
  event.preventDefault();
}
