// Shows emoji as tiles to choose from: one stop of the Tab key, arrows move within.

import { h } from "./dom.js";
import { drawn, keyOf } from "./pictures.js";
import { change, state } from "./state.js";
import { word } from "./words.js";

// Returns what an emoji is called, for those who do not see it.
export function nameOf(item) {
  if (item.variation) return word("tile_variation", { seed: item.variation.seed });
  if (item.cross) return word("tile_cross", { seed: item.cross.seed });
  const what = item.picture ? word("tile_picture") : item.text || word("nothing");
  if (item.shifts?.length || Object.keys(item.moves ?? {}).length) {
    return word("tile_moved", { what });
  }
  return item.picture ? what : word("tile", { what, seed: item.seed });
}

export function choose(item) {
  change((s) => (s.current = item));
}

export function showPicture(image, picture) {
  const url = picture?.sharp ?? picture?.url;
  image.hidden = !url;
  if (url && image.getAttribute("src") !== url) image.src = url;
}

export function tile(item, { caption, onclick = () => choose(item), label = nameOf(item) } = {}) {
  const image = h("img", { alt: "", draggable: false });
  const picture = drawn(item);
  showPicture(image, picture);
  const isCopy = Boolean(picture?.nearest?.is_copy);
  return h(
    "button",
    {
      type: "button",
      className: isCopy ? "tile copy" : "tile",
      "aria-label": caption ? `${label}: ${caption}` : label,
      "aria-pressed": String(keyOf(state.current) === keyOf(item)),
      onclick,
    },
    image,
    caption ? h("span", { className: "caption" }, caption) : null,
  );
}

// Fills a group with tiles; the focus stays on the tile that had it.
export function fill(group, tiles) {
  const before = [...group.children];
  const focused = before.indexOf(document.activeElement);
  const stop = Math.max(0, tiles.findIndex((t) => t.getAttribute("aria-pressed") === "true"));
  tiles.forEach((element, i) => (element.tabIndex = i === (focused < 0 ? stop : focused) ? 0 : -1));
  group.replaceChildren(...tiles);
  if (focused >= 0) tiles[Math.min(focused, tiles.length - 1)]?.focus();
}

export function group(label) {
  const element = h("div", { className: "tiles", role: "group", "aria-label": label });
  element.addEventListener("keydown", (event) => move(element, event));
  return element;
}

function move(group, event) {
  const tiles = [...group.children];
  const at = tiles.indexOf(document.activeElement);
  if (at < 0) return;
  const columns = tiles.filter((t) => t.offsetTop === tiles[0].offsetTop).length;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
  const to = event.key === "Home" ? 0
    : event.key === "End" ? tiles.length - 1
      : event.key in steps ? at + steps[event.key] : at;
  if (to === at || !tiles[to]) return;
  event.preventDefault();
  tiles[at].tabIndex = -1;
  tiles[to].tabIndex = 0;
  tiles[to].focus();
}
