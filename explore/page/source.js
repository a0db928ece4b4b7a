// Takes an emoji by its name or character, or a picture that is chosen or dropped.

import { h, field, button } from "./dom.js";
import { fail, forgive, post } from "./requests.js";
import { language, word } from "./words.js";

// Returns what a recipe needs of a source.
export function recipeOf(source) {
  return source.emoji ? { emoji: source.emoji } : { picture: source.picture };
}

// Returns a picker; `get` and `set` read and write the source in the state.
export function picker(label, owner, get, set) {
  const input = h("input", {
    type: "text", maxLength: 100, placeholder: word("source_hint"), autocomplete: "off",
  });
  const file = h("input", {
    type: "file", accept: "image/*", className: "hidden", "aria-label": word("source_file"),
    onchange: () => file.files[0] && upload(owner, file.files[0], set),
  });
  const image = h("img", { alt: "", draggable: false });
  const name = h("span", { className: "name" });
  const drop = h("div", { className: "drop" }, image, name,
    button(word("source_file"), () => file.click()), h("span", { className: "note" },
      word("source_drop")), file);
  file.tabIndex = -1;
  for (const type of ["dragenter", "dragover"]) {
    drop.addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const [dropped] = event.dataTransfer.files;
    if (dropped) upload(owner, dropped, set);
  });
  const look = (event) => {
    event.preventDefault();
    if (input.value.trim()) lookUp(owner, input.value.trim(), set);
  };
  return {
    element: h("form", { className: "source", onsubmit: look },
      h("div", { className: "big" }, field(label, input),
        h("button", { type: "submit" }, word("source_use"))),
      drop),
    update() {
      const source = get();
      image.hidden = !source;
      const own = source?.names?.[language()] ?? "";
      name.textContent = source?.recognised ? word("source_seen", { name: own }) : own;
      if (source) image.src = `data:image/png;base64,${source.picture}`;
    },
  };
}

function lookUp(owner, text, set) {
  forgive();
  return post(owner, "emoji", { text }, ({ source }) => set(source));
}

async function upload(owner, file, set) {
  forgive();
  const bytes = await readable(file);
  if (!bytes) {
    fail(word("source_bad"));
    return;
  }
  // Which emoji it shows is a guess: the recipe holds the picture.
  await post(owner, "picture", bytes, ({ source }) => {
    set({ picture: source.picture, names: source.names, recognised: true });
  });
}

// PNG and SVG the server reads, guarded. What else the browser can read becomes a PNG here.
async function readable(file) {
  if (/^image\/(png|svg\+xml)$/.test(file.type)) return file;
  try {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, 512 / Math.max(bitmap.width, bitmap.height));
    const canvas = h("canvas", {
      width: Math.max(1, Math.round(bitmap.width * scale)),
      height: Math.max(1, Math.round(bitmap.height * scale)),
    });
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  } catch {
    return null;
  }
}
