// Crosses two emoji.

import { h, slider, button } from "./dom.js";
import { exportForm } from "./files.js";
import { draw, drawn } from "./pictures.js";
import { announce } from "./requests.js";
import { picker, recipeOf } from "./source.js";
import { change, state } from "./state.js";
import { fill, group, tile } from "./tiles.js";
import { language, number, word } from "./words.js";

const COUNT = 10; // two of each of the five ways to cross

function items() {
  const { pair, strength, line, first } = state.kitchen;
  if (!pair[0] || !pair[1]) return [];
  const of = pair.map(recipeOf);
  return Array.from({ length: COUNT }, (_, i) => ({
    cross: { of, strength, line, seed: first + i },
  }));
}

const lesser = (item) => Math.min(...(drawn(item)?.note?.likeness ?? [0]));

// Says what a cross is made of, and how much of both is in it.
function caption(item) {
  const [a, b] = state.kitchen.pair.map((source) => source.names[language()]);
  const made = word(`cross_${item.cross.seed % 5}`, { a, b });
  const likeness = drawn(item)?.note?.likeness;
  if (!likeness) return made;
  const [inA, inB] = likeness.map((v) => number(100 * Math.max(0, v), 0));
  return `${made} · ${word("likeness", { a: inA, b: inB, first: a, second: b })}`;
}

export function panel(model) {
  const pickers = ["first", "second"].map((label, i) => picker(word(label), `kitchen ${i}`,
    () => state.kitchen.pair[i],
    (own) => change((s) => { s.kitchen.pair[i] = own; s.kitchen.first = 0; })));
  const tiles = group(word("crosses"));
  tiles.classList.add("captioned");
  const show = () => {
    const ranked = items().sort((a, b) => lesser(b) - lesser(a));
    fill(tiles, ranked.map((item) => tile(item, { caption: caption(item) })));
  };
  const results = h("div", {},
    h("h2", {}, word("crosses")), tiles,
    h("div", { className: "below" },
      button(word("more"), () => change((s) => (s.kitchen.first += COUNT)), { className: "main" }),
      exportForm(() => ({ items: items() }), ["sheet"], { title: word("sheet"), least: 64 })));
  let shown = "";
  const request = async () => {
    const own = JSON.stringify(items());
    if (own === shown) return;
    shown = own;
    if (await draw("kitchen", items(), { onPicture: show })) {
      announce(word("drawn_count", { count: COUNT }));
    }
  };
  const strength = slider(word("strength"), {
    min: 0.3, max: 1, step: 0.05, value: state.kitchen.strength, show: (v) => number(v),
    onchange: (v) => change((s) => (s.kitchen.strength = v)),
  });
  return {
    element: h("section", {},
      h("div", { className: "pair" }, ...pickers.map((p) => p.element)), strength, results,
      unwanted(model)),
    update() {
      pickers.forEach((p) => p.update());
      results.hidden = !items().length;
      if (results.hidden) return;
      show();
      request();
    },
  };
}

function unwanted(model) {
  const reasons = model.unwanted.map(([en, fr]) => (language() === "fr" ? fr : en));
  return h("details", {}, h("summary", {}, word("unwanted")), h("p", {}, word("unwanted_help")),
    h("ul", {}, ...reasons.map((reason) => h("li", {}, reason))));
}
