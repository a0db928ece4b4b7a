// Draws recipes, and keeps what was drawn: the same recipe is the same picture.

import { post } from "./requests.js";

const kept = new Map(); // JSON of a recipe -> {url, sharp, note, nearest}
const MOST_KEPT = 3000;

export function keyOf(item) {
  return JSON.stringify(item);
}

export function drawn(item) {
  return kept.get(keyOf(item));
}

const asUrl = (base64) => `data:image/png;base64,${base64}`;

// Draws what is not drawn yet, and calls `onPicture` for each. A batch comes as it is drawn, and
// once all are there, each sharper, and with the real emoji that are nearest to it.
export async function draw(owner, items, { onPicture, onUnderstood, nearest = false } = {}) {
  const missing = items.filter((item) => {
    const picture = drawn(item);
    return !picture?.sharp || (nearest && !picture.nearest);
  });
  if (!missing.length) return true;
  return post(owner, "draw", { items: missing, sharp: true, nearest }, (event) => {
    if (event.understood) onUnderstood?.(event.understood);
    event.rows?.forEach((row, i) => {
      const key = keyOf(missing[row]);
      const own = kept.get(key) ?? {};
      if (event.pictures) own.url = asUrl(event.pictures[i]);
      if (event.sharp) own.sharp = asUrl(event.sharp[i]);
      if (event.notes) own.note = event.notes[i];
      if (event.nearest) own.nearest = event.nearest[i];
      kept.delete(key);
      kept.set(key, own);
      if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
      onPicture?.(missing[row], own);
    });
  });
}

export async function drawWalk(owner, walk, onFrames) {
  const frames = [];
  const ended = await post(owner, "draw", { walk, size_px: 128 }, (event) => {
    event.rows?.forEach((row, i) => (frames[row] = asUrl(event.pictures[i])));
  });
  if (ended) onFrames(frames);
}

export function bytesOf(base64, type) {
  return new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], { type });
}
