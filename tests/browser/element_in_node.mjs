// Draws requests by an exported emoji-gan.js without a browser, and prints their pixels.
//
//   node element_in_node.mjs emoji-gan.js requests.json
//
// A request is {text, language, art, group, seed, truncation, to, mix}; `to` is another of them.

import fs from "node:fs";
import vm from "node:vm";

const elements = new Map();
const page = {
  WebAssembly, Math, Map, Set, Array, Float32Array, Uint8Array, Uint16Array, Int32Array,
  Uint8ClampedArray, Uint32Array, atob, setTimeout, console,
  document: { createElement: () => ({ setAttribute() {} }) },
  HTMLElement: class {},
  CSSStyleSheet: class { replaceSync() {} },
  IntersectionObserver: class {},
  matchMedia: () => ({ matches: false }),
  customElements: {
    get: (name) => elements.get(name),
    define: (name, element) => elements.set(name, element),
  },
};
const [script, requests] = process.argv.slice(2);
vm.runInNewContext(fs.readFileSync(script, "utf8"), page);
const EmojiGan = elements.get("emoji-gan");

function pointOf({ text, language = "en", art, group, seed, truncation = 0.7, to, mix = 0 }) {
  const entry = text ? EmojiGan.words.find(text, language) : null;
  if (text && !entry) throw new Error(`${text}: not among the phrases`);
  const vector = EmojiGan.vectorOf({ art, group, row: entry?.row ?? -1 });
  return { seed, truncation, vector, to: to ? pointOf(to) : null, mix };
}

const drawn = [];
for (const request of JSON.parse(fs.readFileSync(requests, "utf8"))) {
  drawn.push([...(await EmojiGan.draw(pointOf(request)))]);
}
console.log(JSON.stringify(drawn));
