// Moves the chosen emoji along named directions.

import { h, slider, button } from "./dom.js";
import { change } from "./state.js";
import { has, number, word } from "./words.js";

export function directionWord(name) {
  return has(`direction_${name}`) ? word(`direction_${name}`) : name.replaceAll("_", " ");
}

// Returns sliders for a point, or null where the model has no directions. `preview` draws while
// one moves.
export function sliders(item, model, preview) {
  if (!model.directions?.length) return null;
  const moves = { ...item.moves };
  const withMoves = () => {
    const own = Object.entries(moves).filter(([, amount]) => amount !== 0);
    const { moves: _, ...rest } = item;
    return own.length ? { ...rest, moves: Object.fromEntries(own) } : rest;
  };
  const { moves: _, ...start } = item;
  const all = model.directions.map((name) => slider(directionWord(name), {
    min: -3, max: 3, step: 0.5, value: moves[name] ?? 0, show: (v) => number(v),
    oninput: (amount) => { moves[name] = amount; preview(withMoves()); },
    onchange: () => change((s) => (s.current = withMoves())),
  }));
  return h("fieldset", { className: "sliders", "data-of": JSON.stringify(start) },
    h("legend", {}, word("sliders")),
    ...all,
    button(word("reset"), () => change((s) => (s.current = start))));
}
