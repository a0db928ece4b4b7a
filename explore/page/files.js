// Makes files to take away, and the recipes that make them again.

import { h, field, select, button } from "./dom.js";
import { bytesOf } from "./pictures.js";
import { announce, post } from "./requests.js";
import { change, state } from "./state.js";
import { word } from "./words.js";

const names = {
  png: "PNG", svg: "SVG", webp: "WebP", sheet: "Sprite sheet (PNG)",
  gif: "GIF", apng: "APNG", avif: "AVIF", webm: "WebM",
};
let model = { sizes: [], formats: [] };

export function setModel(own) {
  model = own;
}

// Returns a form that saves what `wish` returns, in one of `formats`. `key` is of the state.
export function exportForm(wish, formats, options = {}) {
  const { title = word("export_title"), key, least = 0 } = options;
  const sizes = model.sizes.filter((px) => px >= least);
  const possible = formats.filter((name) => model.formats.includes(name));
  const chosen = () => (possible.includes(state.file[key]) ? state.file[key] : possible[0]);
  const size = () => (sizes.includes(state.file.size) ? state.file.size : sizes.at(-1));
  const note = h("p", { className: "note" });
  const show = () => {
    note.textContent = chosen() === "gif" ? word("gif_note") : "";
    if (formats.includes("webm") && !possible.includes("webm")) note.append(word("no_webm"));
  };
  const whole = () => ({ format: chosen(), wish: { ...wish(), size_px: size() } });
  show();
  return h(
    "fieldset",
    { className: "export" },
    h("legend", {}, title),
    h("div", { className: "row" },
      possible.length > 1
        ? field(word("format"), select(possible.map((name) => [name, names[name]]), chosen(),
          (value) => { change((s) => (s.file[key] = value)); show(); }))
        : null,
      field(word("size"), select(sizes.map((px) => [px, `${px} px`]), size(),
        (value) => change((s) => (s.file.size = Number(value))))),
      button(word("download"), () => save(whole()), { className: "main" }),
      button(word("recipe"), () => saveRecipe(whole()))),
    note,
  );
}

async function save(request) {
  await post("export", "export", request, ({ name, type, file }) => {
    const bytes = bytesOf(file, type);
    hand(name, bytes);
    announce(word("saved", { name, size: Math.ceil(bytes.size / 1000) }));
  });
}

// Saves what the server would write into the file's own text.
function saveRecipe({ format, wish }) {
  const recipe = {
    made_by: "emoji_gan explore", version: 1, model_sha256: model.model_sha256, format, wish,
  };
  const bytes = new Blob([JSON.stringify(recipe, null, 1)], { type: "application/json" });
  hand("recipe.json", bytes);
  announce(word("saved", { name: "recipe.json", size: 1 }));
}

function hand(name, bytes) {
  const url = URL.createObjectURL(bytes);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
