// Shows the chosen emoji: large, small, on both grounds, beside real ones, and what it can become.

import { byId, h, button } from "./dom.js";
import { exportForm } from "./files.js";
import { draw, drawn } from "./pictures.js";
import { announce, post } from "./requests.js";
import { sliders } from "./sliders.js";
import { change, state } from "./state.js";
import { nameOf, showPicture } from "./tiles.js";
import { language, number, word } from "./words.js";

export const isPoint = (item) => Boolean(item) && !item.variation && !item.cross;

export function panel(model) {
  const element = byId("current");
  const body = h("div", {});
  const mini = byId("mini");
  mini.onclick = (event) => { // the address holds the state, not a part of the page
    event.preventDefault();
    element.scrollIntoView();
    element.focus({ preventScroll: true });
  };
  const empty = h("p", { className: "empty" }, word("none_chosen"));
  element.replaceChildren(
    h("h2", { id: "current-title" }, word("chosen")),
    empty,
    body,
  );
  let shown = "";
  return {
    update() {
      const item = state.current;
      empty.hidden = Boolean(item);
      mini.hidden = !item;
      const text = JSON.stringify([item, model.directions]);
      if (text === shown) return;
      shown = text;
      if (!item) {
        body.replaceChildren();
        return;
      }
      show(body, item, model);
    },
  };
}

function show(body, item, model) {
  const images = Array.from({ length: 5 }, () => h("img", { alt: "", draggable: false }));
  const [onLight, onDark, smallLight, smallDark, mini] = images;
  byId("mini").replaceChildren(mini, nameOf(item));
  onLight.alt = nameOf(item);
  const near = h("div", { className: "near" });
  const refresh = () => {
    for (const image of images) showPicture(image, drawn(item));
    near.replaceChildren(...nearest(item, refresh));
  };
  const slide = isPoint(item) ? sliders(item, model, (moved) => preview(moved, images)) : null;
  const kept = body.querySelector(".sliders");
  const focused = document.activeElement;
  const isSliding = kept?.contains(focused) && focused.type === "range" && kept.dataset.of === slide?.dataset.of;
  body.replaceChildren(
    h("div", { className: "grounds" },
      h("figure", { className: "light" }, onLight, h("figcaption", {}, word("on_light"))),
      h("figure", { className: "dark" }, onDark, h("figcaption", {}, word("on_dark")))),
    h("p", { className: "name" }, nameOf(item)),
    h("p", { className: "note" }, word("in_text")),
    h("p", { className: "message light" }, ...message(smallLight)),
    h("p", { className: "message dark", "aria-hidden": "true" }, ...message(smallDark)),
    near,
    actions(item),
    (isSliding ? kept : slide) ?? "",
    exportForm(() => ({ items: [item] }), ["png", "svg", "webp"], {
      key: "format", least: isPoint(item) ? model.px : 64,
    }),
    h("p", { className: "note" }, word("export_help")),
  );
  if (isSliding) focused.focus();
  refresh();
  draw("current", [item], { onPicture: refresh });
}

function preview(item, images) {
  const refresh = (_, picture) => images.forEach((image) => showPicture(image, picture));
  const own = drawn(item);
  if (own) refresh(item, own);
  return draw("current", [item], { onPicture: refresh });
}

function message(image) {
  const [before, after] = word("message").split("{emoji}");
  return [before, image, after];
}

function actions(item) {
  const onlyPoints = isPoint(item) ? {} : { disabled: true };
  return h("div", { className: "actions" },
    h("div", { className: "row" },
      button(word("pin"), () => pin(item), onlyPoints),
      button(word("to_map"), () => toMap(item), onlyPoints),
      button(word("to_vary"), () => take(item, (s, source) => {
        Object.assign(s.vary, { source, first: 0 });
        s.tab = "vary";
      })),
      button(word("to_kitchen"), () => take(item, (s, source) => {
        s.kitchen.pair[s.kitchen.pair[0] ? 1 : 0] = source;
        s.tab = "kitchen";
      }))),
    isPoint(item) ? null : h("p", { className: "note" }, word("only_points")));
}

export function pin(item) {
  change((s) => s.walk.pins.push(item));
  announce(word("pinned", { count: state.walk.pins.length }));
}

function toMap(item) {
  change((s) => {
    Object.assign(s.map, { centre: item, x: 0, y: 0 });
    s.tab = "map";
  });
}

// Makes the chosen emoji a picture from which others are made.
async function take(item, edit) {
  await draw("take", [item]);
  const picture = drawn(item);
  if (!picture?.url) return;
  const bytes = await (await fetch(picture.sharp ?? picture.url)).blob();
  await post("take", "picture", bytes, ({ source }) => {
    const own = { picture: source.picture, names: source.names, recognised: true };
    change((s) => edit(s, own));
  });
}

// Says which training emoji is nearest, and warns of a copy.
function nearest(item, refresh) {
  const record = drawn(item)?.nearest;
  if (!record) {
    const find = () => draw("nearest", [item], { onPicture: refresh, nearest: true });
    return [button(word("near_find"), find)];
  }
  const name = record.names[language()];
  const values = { name, similarity: number(record.similarity) };
  announce(word(record.is_copy ? "near_copy" : "near_fine", values));
  return [
    h("h3", {}, word("near_title")),
    h("div", { className: "row" },
      h("img", { src: `data:image/png;base64,${record.picture}`, alt: "" }),
      h("p", { className: record.is_copy ? "warning" : "note" },
        word(record.is_copy ? "near_copy" : "near_fine", values))),
  ];
}
