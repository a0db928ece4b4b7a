// Starts the page: tabs, tools, and what every change of the state brings about.

import * as ask from "./ask.js";
import * as current from "./current.js";
import { byId, h } from "./dom.js";
import { setModel } from "./files.js";
import * as kitchen from "./kitchen.js";
import * as map from "./map.js";
import { announce, cancelAll, fail, forgive, model as fetchModel } from "./requests.js";
import { begin, canRedo, canUndo, change, load, onChange, redo, state, undo } from "./state.js";
import * as vary from "./vary.js";
import * as walk from "./walk.js";
import { setLanguage, word } from "./words.js";

const modules = { ask, map, walk, vary, kitchen };
let model;
let panels = {};
let chosen;
let visible = "";

function build() {
  byId("credit").textContent = word("credit", { credit: model.credit });
  panels = {};
  byId("tabs").replaceChildren(...Object.keys(modules).map((name) => h("button", {
    type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`,
    onclick: () => change((s) => (s.tab = name)), onkeydown: (event) => moveTab(event, name),
  }, word(name))));
  byId("panels").replaceChildren(...Object.entries(modules).map(([name, module]) => {
    panels[name] = module.panel(model);
    return h("div", {
      role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}`,
    }, panels[name].element);
  }));
  chosen = current.panel(model);
}

function update() {
  const tab = state.tab in modules ? state.tab : "ask";
  for (const name of Object.keys(modules)) {
    const isOpen = name === tab;
    const button = byId(`tab-${name}`);
    button.setAttribute("aria-selected", String(isOpen));
    button.tabIndex = isOpen ? 0 : -1;
    byId(`panel-${name}`).hidden = !isOpen;
  }
  if (visible && visible !== tab) panels[visible].hide?.();
  visible = tab;
  byId("undo").disabled = !canUndo();
  byId("redo").disabled = !canRedo();
  chosen.update();
  panels[tab].update();
}

function moveTab(event, name) {
  const names = Object.keys(modules);
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const next = names[(names.indexOf(name) + step + names.length) % names.length];
  change((s) => (s.tab = next));
  byId(`tab-${next}`).focus();
}

// An undone change may have been made in a field, so that all of them are built anew.
function rebuild() {
  const id = document.activeElement?.id;
  build();
  update();
  if (id) byId(id)?.focus();
}

function wire() {
  byId("undo").addEventListener("click", () => { undo(); rebuild(); });
  byId("redo").addEventListener("click", () => { redo(); rebuild(); });
  byId("cancel").addEventListener("click", cancelAll);
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId("current").focus();
  });
  byId("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      announce(word("copied"));
    } catch {
      announce(word("not_copied"));
    }
  });
  byId("theme").addEventListener("change", (event) => {
    document.documentElement.dataset.theme = event.target.value;
  });
  byId("language").addEventListener("change", (event) => {
    forgive();
    setLanguage(event.target.value);
    rebuild();
  });
  addEventListener("hashchange", () => {
    if (load()) rebuild();
    else fail(word("bad_address"));
  });
  addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.target.matches("input[type=text]")) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    if (key === "y" || event.shiftKey) redo();
    else undo();
    rebuild();
  });
  // A picture that misses its field must not replace the page.
  for (const type of ["dragover", "drop"]) addEventListener(type, (e) => e.preventDefault());
}

async function start() {
  const wanted = new URLSearchParams(location.search).get("lang") ?? navigator.language;
  setLanguage(wanted.startsWith("fr") ? "fr" : "en");
  byId("language").value = document.documentElement.lang;
  try {
    model = await fetchModel();
  } catch (error) {
    fail(error.message);
    return;
  }
  setModel(model);
  begin((s) => (s.ask.style = model.styles[0] ?? ""));
  const isWhole = load();
  build();
  wire();
  onChange(update);
  update();
  if (!isWhole) fail(word("bad_address"));
}

start();
