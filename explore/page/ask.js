// Asks in words, and shows what the model draws.

import { h, field, select, slider, button } from "./dom.js";
import { exportForm } from "./files.js";
import { draw } from "./pictures.js";
import { announce, forgive } from "./requests.js";
import { change, state } from "./state.js";
import { fill, group, tile } from "./tiles.js";
import { number, word } from "./words.js";

const COUNT = 20;
const readings = new Map(); // phrase -> what it was understood as

export function styleWord(name) {
  return word(!name ? "style_any" : name.includes("line") ? "style_line" : "style_colour");
}

function items() {
  const { text, style, truncation, first } = state.ask;
  return Array.from({ length: COUNT }, (_, i) => ({ seed: first + i, text, style, truncation }));
}

export function panel(model) {
  const tiles = group(word("candidates"));
  const reading = h("p", { className: "reading" });
  let shown = "";

  const show = () => {
    fill(tiles, items().map((item) => tile(item)));
    reading.replaceChildren(...read(readings.get(state.ask.text)));
  };
  const request = async () => {
    const own = JSON.stringify(items());
    if (own === shown) return;
    shown = own;
    const ended = await draw("ask", items(), {
      onPicture: () => show(),
      onUnderstood: (understood) => readings.set(state.ask.text, understood),
    });
    if (ended) announce(word("drawn_count", { count: COUNT }));
  };
  const [asking, fields] = form(model, () => (shown = ""));
  return {
    element: h("section", {}, asking, reading, tiles, below()),
    update() {
      if (fields.text !== document.activeElement) fields.text.value = state.ask.text;
      show();
      request();
    },
  };
}

// `again` lets the same request be made once more.
function form(model, again) {
  const input = h("input", {
    type: "text", maxLength: 200, placeholder: word("ask_hint"), autocomplete: "off",
  });
  input.value = state.ask.text;
  const ask = (text) => {
    again();
    forgive();
    change((s) => Object.assign(s.ask, { text: text.trim(), first: 0 }), { always: true });
  };
  const examples = word("example_list").split("|").map((text) => button(text, () => ask(text), {
    className: "chip",
  }));
  const styles = [["", styleWord("")], ...model.styles.map((name) => [name, styleWord(name)])];
  const element = h(
    "form",
    { onsubmit: (event) => { event.preventDefault(); ask(input.value); } },
    h("div", { className: "big" }, field(word("ask_label"), input),
      h("button", { type: "submit", className: "main" }, word("ask_button"))),
    h("p", { className: "examples" }, h("span", {}, word("examples")), ...examples),
    h("div", { className: "row" },
      model.styles.length
        ? field(word("style"), select(styles, state.ask.style,
          (style) => change((s) => (s.ask.style = style))))
        : null,
      slider(word("truncation"), {
        min: 0.1, max: 1.2, step: 0.1, value: state.ask.truncation, show: (v) => number(v),
        onchange: (v) => change((s) => (s.ask.truncation = v)),
      })),
  );
  return [element, { text: input }];
}

function below() {
  return h("div", { className: "below" },
    button(word("more"), () => change((s) => (s.ask.first += COUNT)), { className: "main" }),
    exportForm(() => ({ items: items() }), ["sheet"], { title: word("sheet") }));
}

// Returns what the sampler says that it understood as what.
function read(understood) {
  if (!understood) return [];
  const parts = [word("understood"), " "];
  for (const { typed, meant, how } of understood.words) {
    if (how === "silent" || how === "ignored") continue;
    const lost = how === "unknown";
    const text = lost ? `${typed}: ${word("left_out")}` : typed === meant ? meant
      : `${typed} → ${meant}`;
    parts.push(h("span", { className: lost ? "chip lost" : "chip meant" }, text), " ");
  }
  return parts;
}
