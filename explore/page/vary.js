// Varies an emoji or a picture, and finds the nearest point in latent space.

import { h, field, slider, button } from "./dom.js";
import { exportForm } from "./files.js";
import { draw } from "./pictures.js";
import { announce } from "./requests.js";
import { picker, recipeOf } from "./source.js";
import { change, state } from "./state.js";
import { choose, fill, group, tile } from "./tiles.js";
import { number, word } from "./words.js";

const COUNT = 12;

function items() {
  const { source, strength, text, line, first } = state.vary;
  if (!source) return [];
  const own = { of: recipeOf(source), strength, text, line };
  return Array.from({ length: COUNT }, (_, i) => ({ variation: { ...own, seed: first + i } }));
}

export function panel() {
  const source = picker(word("source"), "vary source", () => state.vary.source,
    (own) => change((s) => Object.assign(s.vary, { source: own, first: 0 })));
  const tiles = group(word("variations"));
  const results = h("div", {},
    options(),
    h("h2", {}, word("variations")), tiles,
    h("div", { className: "below" },
      button(word("more"), () => change((s) => (s.vary.first += COUNT)), { className: "main" }),
      exportForm(() => ({ items: items() }), ["sheet"], { title: word("sheet"), least: 64 })));
  const inverse = inversion();
  const show = () => fill(tiles, items().map((item) => tile(item)));
  let shown = "";
  const request = async () => {
    const own = JSON.stringify(items());
    if (own === shown) return;
    shown = own;
    if (await draw("vary", items(), { onPicture: show })) {
      announce(word("drawn_count", { count: COUNT }));
    }
  };
  return {
    element: h("section", {}, source.element, inverse.element, results),
    update() {
      source.update();
      results.hidden = !state.vary.source;
      inverse.update();
      if (!state.vary.source) return;
      show();
      request();
    },
  };
}

function options() {
  const text = h("input", { type: "text", maxLength: 200, placeholder: word("vary_hint") });
  text.value = state.vary.text;
  text.addEventListener("change", () => change((s) => (s.vary.text = text.value.trim())));
  const line = h("input", {
    type: "checkbox", onchange: () => change((s) => (s.vary.line = line.checked)),
  });
  line.checked = state.vary.line;
  return h("div", { className: "row" },
    slider(word("strength"), {
      min: 0.1, max: 1, step: 0.05, value: state.vary.strength, show: (v) => number(v),
      onchange: (v) => change((s) => (s.vary.strength = v)),
    }),
    field(word("vary_text"), text),
    h("label", { className: "flag" }, line, " ", word("line_art")));
}

// Finds the point of latent space whose emoji is most like the picture.
function inversion() {
  const tiles = group(word("inversion"));
  const item = () => ({ picture: state.vary.source.picture });
  const show = () => fill(tiles, [tile(item())]);
  const find = button(word("invert"), async () => {
    const own = item();
    if (await draw("invert", [own], { onPicture: show })) choose(own);
  });
  const element = h("div", { className: "inversion" },
    h("h2", {}, word("inversion")), h("p", { className: "note" }, word("inversion_help")), find,
    tiles);
  return {
    element,
    update() {
      element.hidden = !state.vary.source;
      if (state.vary.source) show();
    },
  };
}
