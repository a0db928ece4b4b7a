// Walks from pinned emoji to pinned emoji, plays the frames and saves them.

import { h, field, select, slider, button } from "./dom.js";
import { exportForm } from "./files.js";
import { draw, drawWalk } from "./pictures.js";
import { announce } from "./requests.js";
import { change, state } from "./state.js";
import { choose, group, nameOf, tile } from "./tiles.js";
import { number, word } from "./words.js";

const LOOPS = ["webp", "gif", "apng", "avif", "webm", "sheet"];
const kept = new Map(); // JSON of a walk -> frames

function wish() {
  const { pins, closed, count, even } = state.walk;
  return { stops: pins, closed, count, even };
}

export function panel(model) {
  const pins = group(word("pins"));
  const empty = h("div", {}, h("p", { className: "empty" }, word("walk_empty")),
    button(word("pin_seeds"), () => change((s) => s.walk.pins.push(...examples(model)))));
  const player = makePlayer();
  const saving = exportForm(() => ({ walk: wish(), frame_ms: state.walk.frameMs }), LOOPS, {
    key: "loop",
  });
  const start = button(word("make_walk"), () => make(player), { className: "main" });
  return {
    element: h("section", {}, empty, pins, settings(), start, player.element, saving),
    update() {
      const count = state.walk.pins.length;
      empty.hidden = count >= 2;
      start.disabled = count < 2;
      saving.hidden = player.element.hidden = count < 2;
      showPins(pins);
      player.show(kept.get(JSON.stringify(wish())) ?? []);
      draw("pins", state.walk.pins, { onPicture: () => showPins(pins) });
    },
    hide: () => player.pause(),
  };
}

function examples(model) {
  const style = model.styles[0] ?? "";
  return [[4, "smiling face"], [7, "red heart"]].map(([seed, text]) => ({
    seed, text: model.has_text ? text : "", style, truncation: 0.7,
  }));
}

function showPins(pins) {
  const edit = (change_) => () => change((s) => change_(s.walk.pins));
  const focused = document.activeElement?.dataset?.pin;
  pins.replaceChildren(...state.walk.pins.map((item, i) => h("div", { className: "pin" },
    tile(item, { onclick: () => choose(item) }),
    h("div", { className: "row" },
      button("←", edit((list) => list.splice(i - 1, 2, list[i], list[i - 1])), {
        "aria-label": `${word("pin_left")}: ${nameOf(item)}`, disabled: i === 0,
        "data-pin": `${i} left`,
      }),
      button("×", edit((list) => list.splice(i, 1)), {
        "aria-label": `${word("pin_remove")}: ${nameOf(item)}`, "data-pin": `${i} remove`,
      }),
      button("→", edit((list) => list.splice(i, 2, list[i + 1], list[i])), {
        "aria-label": `${word("pin_right")}: ${nameOf(item)}`, "data-pin": `${i} right`,
        disabled: i === state.walk.pins.length - 1,
      })))));
  if (focused) pins.querySelector(`[data-pin="${focused}"]`)?.focus();
}

function settings() {
  const flag = (name) => {
    const input = h("input", {
      type: "checkbox", onchange: () => change((s) => (s.walk[name] = input.checked)),
    });
    input.checked = state.walk[name];
    return h("label", { className: "flag" }, input, " ", word(name));
  };
  const numbers = (list, unit = "") => list.map((n) => [n, `${n}${unit}`]);
  return h("div", { className: "row" },
    flag("closed"),
    flag("even"),
    field(word("frames"), select(numbers([8, 12, 16, 24, 32, 48]), state.walk.count,
      (value) => change((s) => (s.walk.count = Number(value))))),
    slider(word("speed"), {
      min: 20, max: 200, step: 10, value: state.walk.frameMs, show: (v) => `${number(v)} ms`,
      onchange: (v) => change((s) => (s.walk.frameMs = v)),
    }));
}

async function make(player) {
  const walk = wish();
  await drawWalk("walk", walk, (frames) => {
    kept.set(JSON.stringify(walk), frames);
    player.show(frames);
    announce(word("walk_ready", { count: frames.length }));
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) player.play();
  });
}

// Returns what shows the frames: it plays only when it is asked to.
function makePlayer() {
  const image = h("img", { alt: word("walk_preview"), draggable: false });
  const small = h("img", { alt: "", className: "small" });
  const range = h("input", {
    type: "range", min: 0, step: 1, oninput: () => at(Number(range.value)),
  });
  const toggle = button(word("play"), () => (timer ? pause() : play()));
  let [frames, number_, timer] = [[], 0, 0];

  function at(next) {
    number_ = next;
    range.value = next;
    const total = frames.length;
    range.setAttribute("aria-valuetext", word("frame_of", { number: next + 1, total }));
    for (const each of [image, small]) each.src = frames[next];
  }
  function play() {
    pause();
    if (!frames.length) return;
    toggle.textContent = word("pause");
    const next = () => {
      at((number_ + 1) % frames.length);
      timer = setTimeout(next, state.walk.frameMs);
    };
    timer = setTimeout(next, state.walk.frameMs);
  }
  function pause() {
    clearTimeout(timer);
    timer = 0;
    toggle.textContent = word("play");
  }
  const controls = h("div", { className: "row" }, toggle, field(word("frame"), range));
  const pictures = h("div", { className: "player" }, image, small);
  return {
    element: h("div", {}, pictures, controls),
    play,
    pause,
    show(own) {
      if (own === frames || (!own.length && !frames.length && pictures.hidden)) return;
      pause();
      frames = own;
      pictures.hidden = controls.hidden = !own.length;
      range.max = Math.max(0, own.length - 1);
      if (own.length) at(0);
    },
  };
}
