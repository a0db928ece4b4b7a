// Sends requests and reads their answers, a line of JSON an event. One request an owner: a newer
// one ends the one before. All of them stand in the server's queue.

import { byId } from "./dom.js";
import { language, word } from "./words.js";

const base = new URL(".", location.href);
const running = new Map(); // owner -> {controller, place, done, total}

export class Failure extends Error {}

export async function model() {
  const answer = await fetch(new URL("api/model", base));
  if (!answer.ok) throw new Failure(await answer.text());
  return answer.json();
}

// Returns whether the answer came to its end; false where it was cancelled or failed.
export async function post(owner, name, body, onEvent) {
  cancel(owner);
  const own = { controller: new AbortController(), place: 1 };
  running.set(owner, own);
  show();
  try {
    await read(name, body, own, onEvent);
    return true;
  } catch (error) {
    if (error.name === "AbortError") return false;
    fail(error instanceof Failure ? error.message : word("unreachable"));
    return false;
  } finally {
    if (running.get(owner) === own) running.delete(owner);
    show();
  }
}

async function read(name, body, own, onEvent) {
  const address = new URL(`api/${name}?lang=${language()}`, base);
  const isBytes = body instanceof Blob;
  const answer = await fetch(address, {
    method: "POST",
    body: isBytes ? body : JSON.stringify(body),
    headers: { "content-type": isBytes ? "application/octet-stream" : "application/json" },
    signal: own.controller.signal,
  });
  const type = answer.headers.get("content-type") ?? "";
  if (!answer.ok) {
    throw new Failure(type.includes("json") ? (await answer.json()).error : await answer.text());
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (text + value).split("\n");
    text = lines.pop();
    for (const line of lines) handle(JSON.parse(line), own, onEvent);
  }
}

function handle(event, own, onEvent) {
  if (event.error) throw new Failure(event.error);
  if ("place" in event || "total" in event) {
    Object.assign(own, event);
    show();
  } else {
    onEvent(event);
  }
}

export function cancel(owner) {
  running.get(owner)?.controller.abort();
  running.delete(owner);
}

export function cancelAll() {
  for (const owner of [...running.keys()]) cancel(owner);
  show();
  announce(word("cancelled"));
}

export function isBusy(owner) {
  return running.has(owner);
}

let timer;

// Shows what is going on, unless it ends at once.
function show() {
  const own = [...running.values()].at(-1);
  clearTimeout(timer);
  if (!own) {
    byId("activity").hidden = true;
    return;
  }
  const text = own.place > 1
    ? word("waiting", { place: own.place })
    : own.total ? word("progress", { done: own.done, total: own.total }) : word("drawing");
  byId("activity-text").textContent = text;
  if (own.place > 1) announce(text);
  timer = setTimeout(() => (byId("activity").hidden = running.size === 0), 250);
}

export function announce(text) {
  byId("live").textContent = text;
}

export function fail(text) {
  const region = byId("failure");
  region.replaceChildren(text);
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = word("close");
  close.addEventListener("click", () => region.replaceChildren());
  region.append(close);
}

export function forgive() {
  byId("failure").replaceChildren();
}
