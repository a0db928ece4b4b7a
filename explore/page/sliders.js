// Moves the chosen emoji along named directions.

import { h, slider, button } from "./dom.js";
import { post } from "./requests.js";
import { change } from "./state.js";
import { has, number, word } from "./words.js";

export function directionWord(name) {
  return has(`direction_${name}`) ? word(`direction_${name}`) : name.replaceAll("_", " ");
}

// Returns sliders for a point; `preview` draws while one moves. Which directions the model has is
// asked for once, when somebody wants them.
export function sliders(item, model, preview) {
  if (!model.directions) {
    return button(word("show_sliders"), () => post("directions", "directions", {}, (event) => {
      model.directions = event.directions;
      change(() => {}, { always: true });
    }), { className: "sliders" });
  }
  const moves = { ...item.moves };
  const withMoves = () => {
    const own = Object.entries(moves).filter(([, amount]) => amount !== 0);
    const { moves: _, ...rest } = item;
    return own.length ? { ...rest, moves: Object.fromEntries(own) } : rest;
  };
  const { moves: _, ...start } = item;
  const all = model.directions.map((name) => slider(directionWord(name), {
    ...(name === "line_art" ? { min: 0, max: 1, step: 0.25 } : { min: -3, max: 3, step: 0.5 }),
    value: moves[name] ?? 0,
    show: (v) => number(v),
    oninput: (amount) => { moves[name] = amount; preview(withMoves()); },
    onchange: () => change((s) => (s.current = withMoves())),
  }));
  return h("fieldset", { className: "sliders", "data-of": JSON.stringify(start) },
    h("legend", {}, word("sliders")),
    ...all,
    button(word("reset"), () => change((s) => (s.current = start))));
}
