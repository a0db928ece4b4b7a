// Holds what the user made: all of it fits into the address, and every change can be undone.

const defaults = {
  tab: "ask",
  ask: { text: "", style: "", truncation: 0.7, first: 0 },
  current: null,
  map: { centre: null, plane: 1, x: 0, y: 0, step: 0.2 },
  walk: { pins: [], closed: true, count: 24, even: true, frameMs: 80 },
  vary: { source: null, strength: 0.6, text: "", line: false, first: 0 },
  kitchen: { pair: [null, null], strength: 0.75, line: false, first: 0 },
  file: { size: 128, format: "png", loop: "webp" },
};

let past = [];
let future = [];
let listeners = [];
export let state = structuredClone(defaults);
let saved = JSON.stringify(state);

export function onChange(listener) {
  listeners.push(listener);
}

// Changes the state, and remembers how it was. Where nothing is changed, nothing is shown anew,
// unless `always` is.
export function change(edit, { always = false } = {}) {
  edit(state);
  if (!commit() && always) publish();
}

export function commit() {
  const text = JSON.stringify(state);
  if (text === saved) return false;
  past.push(saved);
  if (past.length > 200) past.shift();
  future = [];
  saved = text;
  publish();
  return true;
}

export function undo() {
  step(past, future);
}

export function redo() {
  step(future, past);
}

function step(from, to) {
  if (!from.length) return;
  to.push(saved);
  saved = from.pop();
  state = JSON.parse(saved);
  publish();
}

export const canUndo = () => past.length > 0;
export const canRedo = () => future.length > 0;

function publish() {
  history.replaceState(null, "", `#s=${encode(saved)}`);
  for (const listener of listeners) listener();
}

// Sets what is so from the start, and cannot be undone.
export function begin(edit) {
  edit(defaults);
  state = structuredClone(defaults);
  saved = JSON.stringify(state);
}

// Reads the state of an address; returns false where it is damaged, and keeps what there was.
export function load() {
  const match = /^#s=([\w-]+)$/.exec(location.hash);
  if (!match) return location.hash === "";
  try {
    const read = JSON.parse(decode(match[1]));
    state = checked(merged(defaults, read));
    saved = JSON.stringify(state);
    return true;
  } catch {
    return false;
  }
}

// Takes from an address only what has the type that it has here.
function merged(own, read) {
  if (own === null) return read ?? own;
  if (Array.isArray(own)) return Array.isArray(read) ? read : own;
  if (typeof own !== "object") return typeof read === typeof own ? read : own;
  const result = {};
  for (const [name, value] of Object.entries(own)) result[name] = merged(value, read?.[name]);
  return result;
}

const isItem = (item) => typeof item === "object" && item !== null && !Array.isArray(item);
const isSource = (source) => isItem(source) && isItem(source.names)
  && typeof source.picture === "string";

// Leaves out what is no recipe at all; what is one, the server checks.
function checked(read) {
  const { map, walk, vary, kitchen } = read;
  if (!isItem(read.current)) read.current = null;
  if (!isItem(map.centre)) map.centre = null;
  if (!(map.step > 0)) map.step = defaults.map.step;
  walk.pins = walk.pins.filter(isItem).slice(0, 12);
  if (!isSource(vary.source)) vary.source = null;
  kitchen.pair = [0, 1].map((i) => (isSource(kitchen.pair[i]) ? kitchen.pair[i] : null));
  return read;
}

function encode(text) {
  const bytes = new TextEncoder().encode(text);
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function decode(text) {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return new TextDecoder().decode(Uint8Array.from(binary, (c) => c.charCodeAt(0)));
}
