// Walks through an exported page and its element in headless Chromium; prints what it saw as JSON.
//
//   node exported_page.mjs FOLDER     with page.html, emoji-gan.js, host.html and strict_host.html

import http from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";

import chromium from "@sparticuz/chromium";
import { chromium as playwright } from "playwright-core";

const folder = path.resolve(process.argv[2]);
const addressOf = (name) => pathToFileURL(path.join(folder, name)).href;

// All that leaves the browser goes to this proxy, which lets nothing through.
const asked = [];
const proxy = http.createServer((request, response) => {
  asked.push(request.url);
  response.writeHead(403).end();
});
proxy.on("connect", (request, socket) => {
  asked.push(request.url);
  socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
});
await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));

const browser = await playwright.launch({
  executablePath: await chromium.executablePath(),
  args: [...chromium.args, "--proxy-bypass-list=<-loopback>"],
  proxy: { server: `http://127.0.0.1:${proxy.address().port}` },
  headless: true,
});

/** Opens a page of the folder; collects its errors and what it asks for. */
async function opened(name, { lacks = "", ...options } = {}) {
  const context = await browser.newContext({ locale: "en", acceptDownloads: true, ...options });
  const page = await context.newPage();
  const seen = { errors: [], requests: [], warnings: [] };
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "warning") seen.warnings.push(message.text());
    if (message.type() === "error") seen.errors.push(message.text());
  });
  page.on("request", (request) => seen.requests.push(request.url()));
  if (lacks) await page.addInitScript((each) => delete globalThis[each], lacks);
  await page.addInitScript(() => {
    globalThis.draws = 0;
    addEventListener("drawn", () => globalThis.draws++, true);
  });
  await page.goto(addressOf(name));
  return { page, seen };
}

const drawn = (page) => page.waitForFunction(() => document.querySelector("emoji-gan").pixels);
const all = (page) => page.waitForFunction(() => document.querySelector("#candidates").dataset.key);
const pixels = (page) => page.evaluate(() => [...document.querySelector("emoji-gan").pixels]);
const attribute = (page, name) => page.locator("emoji-gan").getAttribute(name);

async function whole() {
  const { page, seen } = await opened("page.html");
  await all(page);
  await page.fill("#text", "birthday cake");
  await page.fill("#seed", "7");
  await all(page);
  const name = await page.locator("emoji-gan").getAttribute("aria-label");
  const download = page.waitForEvent("download");
  await page.click("#save");
  await (await download).saveAs(path.join(folder, "saved.png"));
  const large = page.waitForEvent("download");
  await page.click("#save-large");
  await (await large).saveAs(path.join(folder, "large.png"));
  await page.click("summary");
  const script = page.waitForEvent("download");
  await page.click("#save-script");
  await (await script).saveAs(path.join(folder, "saved.js"));
  const command = await page.textContent("#command");
  const unnamed = await page.$$eval("input, select, button", (controls) =>
    controls
      .filter((x) => !(x.labels?.length || x.textContent.trim() || x.getAttribute("aria-label")))
      .map((x) => x.outerHTML),
  );
  await page.fill("#text", "xylophone quark");
  const unknown = await page.textContent("#understood");
  await page.click("[data-language=fr]");
  await page.fill("#text", "soldes");
  const french = await page.textContent("#understood");
  const label = await attribute(page, "aria-label");
  return { seen, name, role: await attribute(page, "role"), command, unnamed, unknown, french, label };
}

/** Counts what is drawn for a while, first by itself, then while the pointer moves. */
async function motion(reducedMotion) {
  const { page, seen } = await opened("host.html", { reducedMotion });
  await drawn(page);
  await page.waitForTimeout(300);
  const start = await page.evaluate(() => globalThis.draws);
  await page.evaluate(() => document.querySelector("emoji-gan").setAttribute("motion", "drift"));
  await page.waitForTimeout(1500);
  const drifted = await page.evaluate(() => globalThis.draws);
  await page.evaluate(() => document.querySelector("emoji-gan").setAttribute("motion", "pointer"));
  await page.waitForTimeout(500);
  const before = { draws: await page.evaluate(() => globalThis.draws), pixels: await pixels(page) };
  const { x, y, width, height } = await page.locator("emoji-gan").boundingBox();
  await page.mouse.move(x + width * 0.9, y + height * 0.9);
  await page.waitForTimeout(700);
  const after = { draws: await page.evaluate(() => globalThis.draws), pixels: await pixels(page) };
  return {
    seen,
    byItself: drifted - start,
    byPointer: after.draws - before.draws,
    isChanged: String(before.pixels) !== String(after.pixels),
  };
}

async function attributes() {
  const { page, seen } = await opened("host.html");
  await drawn(page);
  const first = { pixels: await pixels(page), label: await attribute(page, "aria-label") };
  const set = async (name, value) => {
    const before = await page.evaluate(() => globalThis.draws);
    await page.evaluate(
      ([key, text]) => document.querySelector("emoji-gan").setAttribute(key, text),
      [name, value],
    );
    await page.waitForFunction((count) => globalThis.draws > count, before);
  };
  await set("seed", "3");
  // An image of the old seed that was under way counts as a draw too, so look until it is another.
  let second = await pixels(page);
  for (let i = 0; i < 100 && String(second) === String(first.pixels); i++) {
    await page.waitForTimeout(50);
    second = await pixels(page);
  }
  await set("alt", "Our cat");
  const alt = await attribute(page, "aria-label");
  await set("text", "qwertz");
  const warned = () => seen.warnings.some((warning) => warning.includes("qwertz"));
  for (let i = 0; i < 100 && !warned(); i++) await page.waitForTimeout(50); // draws go on meanwhile
  return { seen, first, second, alt };
}

async function elsewhere(name) {
  const { page, seen } = await opened(name);
  await drawn(page);
  return { seen, pixels: await pixels(page) };
}

async function withoutWasm(locale) {
  const { page, seen } = await opened("page.html", { lacks: "WebAssembly", locale });
  await page.waitForSelector("#unsupported:not([hidden])");
  return { seen, message: await page.textContent("#unsupported") };
}

const result = {
  whole: await whole(),
  moves: await motion("no-preference"),
  still: await motion("reduce"),
  attributes: await attributes(),
  strict: await elsewhere("strict_host.html"),
  withoutWasm: [await withoutWasm("en"), await withoutWasm("fr-FR")],
};
const askedByPages = [...asked];
// What the browser asks does reach the proxy.
await (await browser.newPage()).goto("http://name.invalid/").catch(() => {});
await browser.close();
proxy.close();
console.log(JSON.stringify({ ...result, askedByPages, isProxied: asked.length > 0 }));
