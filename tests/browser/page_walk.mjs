// Walks every feature of the explorer in a real browser, and prints what it saw as one JSON object.
//
//   node page_walk.mjs ADDRESS FOLDER
//
// FOLDER gets screenshots. All that the browser asks beyond this machine arrives at a proxy of this
// script; it bypasses loopback.

import chromiumFiles from "@sparticuz/chromium";
import axe from "axe-core";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { chromium } from "playwright-core";

const [address, folder] = process.argv.slice(2);
const results = {};
const outside = [];
const asked = new Set();

const proxy = http.createServer((request, response) => {
  outside.push(request.url);
  response.writeHead(502).end();
});
proxy.on("connect", (request, socket) => {
  outside.push(request.url);
  socket.on("error", () => {});
  socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
});
await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));

// In one process the whole browser would end with its first closed page.
const ownArguments = chromiumFiles.args.filter((name) => name !== "--single-process");
const browser = await chromium.launch({
  executablePath: await chromiumFiles.executablePath(),
  args: [...ownArguments, `--proxy-server=http://127.0.0.1:${proxy.address().port}`],
  headless: true,
});

async function open(options = {}, hash = "") {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 }, locale: "en-GB", acceptDownloads: true, ...options,
  });
  const page = await context.newPage();
  page.errors = [];
  page.on("pageerror", (error) => page.errors.push(String(error)));
  page.on("console", (m) => m.type() === "error" && page.errors.push(m.text()));
  page.on("request", (request) => asked.add(new URL(request.url()).origin));
  await page.goto(address + hash);
  await page.locator("#tab-ask").waitFor();
  return page;
}

// Waits until nothing has been going on for a moment.
async function idle(page) {
  await page.waitForTimeout(350);
  await page.waitForFunction(() => document.getElementById("activity").hidden, null, {
    timeout: 120_000,
  });
}

async function check(name, work) {
  const start = Date.now();
  try {
    results[name] = { ok: true, ...(await work()) };
  } catch (error) {
    results[name] = { ok: false, why: String(error.stack ?? error).slice(0, 1500) };
  }
  results[name].seconds = (Date.now() - start) / 1000;
}

function expect(condition, why) {
  if (!condition) throw new Error(why);
}

async function faults(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations
    .filter((v) => ["serious", "critical"].includes(v.impact))
    .map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 3)}`);
}

async function saved(page, button) {
  const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
  return { name: download.suggestedFilename(), bytes: fs.readFileSync(await download.path()) };
}

const tiles = (page, name) => page.locator(`#panel-${name} .tile`);
const drawnTiles = (page, name, count) => page.waitForFunction(
  ([n, c]) => document.querySelectorAll(`#panel-${n} .tile img[src]`).length === c,
  [name, count],
  { timeout: 120_000 },
);
const action = (page, i) => page.locator("#current .actions button").nth(i);

const page = await open();

await check("the first emoji are there at once", () => drawnTiles(page, "ask", 20));

await check("a phrase is asked for and understood", async () => {
  await page.fill("#panel-ask input[type=text]", "chats noirs");
  await page.keyboard.press("Enter");
  await page.locator(".chip.meant").first().waitFor();
  const chips = await page.locator(".chip.meant").allTextContents();
  expect(chips[0] === "chats → chat", chips.join());
  await idle(page);
  await drawnTiles(page, "ask", 20);
});

await check("what is not understood is said, and the state is kept", async () => {
  const before = await tiles(page, "ask").count();
  await page.fill("#panel-ask input[type=text]", "xqzw");
  await page.keyboard.press("Enter");
  await page.locator("#failure:has-text('not understood')").waitFor();
  expect((await tiles(page, "ask").count()) === before, "tiles are gone");
  await page.locator("#failure button").click();
  await page.locator("#undo").click();
  expect((await page.inputValue("#panel-ask input[type=text]")) === "chats noirs", "not undone");
  await page.locator("#redo").click();
  await page.locator("#failure button").click();
  await page.locator("#undo").click();
  await idle(page);
});

await check("an emoji is chosen, seen at 22 px on both grounds, and saved", async () => {
  await tiles(page, "ask").nth(4).click();
  await idle(page);
  const sizes = await page.$$eval("#current .message img", (all) => all.map((i) => i.width));
  expect(sizes.join() === "22,22", sizes.join());
  const { name, bytes } = await saved(page, page.locator("#current .export button.main"));
  expect(name === "emoji.png" && bytes.subarray(1, 4).toString() === "PNG", name);
  const recipe = await saved(page, page.locator("#current .export button").nth(1));
  expect(JSON.parse(recipe.bytes).wish.items[0].seed === 4, "another seed");
  await page.screenshot({ path: path.join(folder, "ask.png") });
});

await check("sliders move the chosen emoji", async () => {
  await page.locator("#current button:has-text('Show the sliders')").click();
  const rounder = page.getByLabel("rounder");
  await rounder.waitFor({ timeout: 60_000 });
  await rounder.focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await page.locator("#current .name:has-text('moved')").waitFor();
  expect((await page.getByLabel("rounder").inputValue()) === "1", "another amount");
  expect(await page.getByLabel("rounder").evaluate((e) => e === document.activeElement), "focus");
  await idle(page);
  await page.screenshot({ path: path.join(folder, "sliders.png") });
  await page.locator("#current button:has-text('Reset')").click();
  await idle(page);
});

await check("the nearest real emoji is shown, or what it needs is said", async () => {
  await page.locator(".near button").click();
  const answer = page.locator(".near h3, #failure:has-text('was trained on')").first();
  await answer.waitFor({ timeout: 90_000 });
  await page.screenshot({ path: path.join(folder, "near.png") });
  const close = page.locator("#failure button");
  if (await close.count()) await close.click();
});

await check("the address holds the state", async () => {
  const other = await open({}, new URL(page.url()).hash);
  const name = (p) => p.locator("#current .name").textContent();
  expect((await name(other)) === (await name(page)), "another emoji");
  await other.context().close();
  const damaged = await open({}, "#s=%%%");
  await damaged.locator("#failure:has-text('damaged')").waitFor();
  await damaged.context().close();
});

await check("a map is wandered in by mouse and keyboard", async () => {
  await action(page, 1).click();
  await idle(page);
  const box = await page.locator(".map").boundingBox();
  await page.mouse.move(box.x + 300, box.y + 300);
  await page.mouse.down();
  await page.mouse.move(box.x + 180, box.y + 240, { steps: 5 });
  await page.mouse.up();
  await idle(page);
  const shown = await page.locator(".map .cell img[src]").count();
  expect(shown >= 40, `${shown} tiles`);
  const before = await page.locator("#current .name").textContent();
  await page.locator(".map").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("+");
  await page.keyboard.press("Enter");
  await idle(page);
  expect((await page.locator("#current .name").textContent()) !== before, "nothing chosen");
  await page.screenshot({ path: path.join(folder, "map.png") });
});

await check("a walk between pinned emoji plays, pauses and is saved", async () => {
  await action(page, 0).click();
  await page.locator("#tab-ask").click();
  await tiles(page, "ask").nth(9).click();
  await action(page, 0).click();
  await page.locator("#tab-walk").click();
  await page.locator("#panel-walk select").first().selectOption("8");
  await page.locator("#panel-walk section > button.main").click();
  const play = page.locator("#panel-walk .player + .row button");
  await page.locator("#panel-walk button:has-text('Pause')").waitFor({ timeout: 60_000 });
  await play.click();
  expect((await play.textContent()) === "Play", "it does not pause");
  for (const [form, start] of [["gif", "GIF89a"], ["webp", "RIFF"], ["webm", "\x1aE"]]) {
    await page.locator("#panel-walk .export select").first().selectOption(form);
    const { bytes } = await saved(page, page.locator("#panel-walk .export button.main"));
    expect(bytes.subarray(0, start.length).toString("latin1") === start, form);
  }
  await page.screenshot({ path: path.join(folder, "walk.png") });
});

await check("a dropped picture of any name or kind is varied", async () => {
  await page.locator("#tab-vary").click();
  const red = Buffer.from(await page.evaluate(() => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 64;
    const context = canvas.getContext("2d");
    context.fillStyle = "#c81e1e";
    context.arc(32, 32, 24, 0, 7);
    context.fill();
    return canvas.toDataURL("image/jpeg").split(",")[1];
  }), "base64");
  const input = page.locator("#panel-vary input[type=file]");
  await input.setInputFiles({ name: "a.pdf", mimeType: "application/pdf", buffer: red.subarray(9) });
  await page.locator("#failure:has-text('no picture')").waitFor();
  await input.setInputFiles({ name: "b.png", mimeType: "image/png", buffer: red });
  await page.locator("#failure:has-text('JPEG')").waitFor();
  await input.setInputFiles({ name: "../../é <b>.jpg", mimeType: "image/jpeg", buffer: red });
  await page.locator("#panel-vary .drop .name:has-text('taken for')").waitFor();
  expect((await page.locator("#failure").textContent()) === "", "the old message stays");
  await drawnTiles(page, "vary", 12);
  await idle(page);
  await tiles(page, "vary").nth(2).click();
  await idle(page);
  await page.screenshot({ path: path.join(folder, "vary.png") });
});

await check("a picture is found in latent space, to wander from", async () => {
  await page.locator("#panel-vary .inversion button:has-text('Find it')").click();
  await page.locator("#current .name:has-text('the dropped picture')").waitFor({ timeout: 90_000 });
  await idle(page);
  expect(await action(page, 1).isEnabled(), "no way to the map");
  await page.screenshot({ path: path.join(folder, "inversion.png") });
});

await check("work can be cancelled", async () => {
  await page.locator("#panel-vary .below button").first().click();
  await page.locator("#activity").waitFor();
  await page.locator("#cancel").click();
  await page.locator("#activity").waitFor({ state: "hidden" });
  expect((await page.locator("#live").textContent()) === "Cancelled.", "it is not said");
});

await check("two emoji are crossed, and an unwanted pair is refused", async () => {
  await page.locator("#tab-kitchen").click();
  const field = (i) => page.locator("#panel-kitchen .source input[type=text]").nth(i);
  const name = (i) => page.locator("#panel-kitchen .drop .name").nth(i);
  for (const [i, text] of [[0, "baby"], [1, "beer mug"]]) {
    await field(i).fill(text);
    await page.keyboard.press("Enter");
    await name(i).filter({ hasText: text }).waitFor();
  }
  await page.locator("#failure:has-text('endangers children')").waitFor();
  await field(0).fill("pizza");
  await page.keyboard.press("Enter");
  await drawnTiles(page, "kitchen", 10);
  await idle(page);
  const captions = await page.locator("#panel-kitchen .caption").allTextContents();
  expect(captions.every((text) => /\d\s% pizza/.test(text)), captions[0]);
  await page.screenshot({ path: path.join(folder, "kitchen.png") });
});

await check("the page speaks French, too", async () => {
  await page.locator("#language").selectOption("fr");
  expect((await page.locator("#tab-kitchen").textContent()) === "Cuisine", "the tab does not");
  expect((await page.getAttribute("html", "lang")) === "fr", "lang");
  const text = await page.locator("body").innerText();
  for (const english of ["Download", "Chosen", "Kitchen", "undefined", "null"]) {
    expect(!text.includes(english), english);
  }
  await page.locator("#tab-ask").click();
  await page.fill("#panel-ask input[type=text]", "xqzw");
  await page.keyboard.press("Enter");
  await page.locator("#failure:has-text('non compris')").waitFor();
  await page.locator("#failure button").click();
});

for (const theme of ["light", "dark"]) {
  await check(`axe finds no serious fault, ${theme}`, async () => {
    await page.locator("#theme").selectOption(theme);
    const all = [];
    for (const name of ["ask", "map", "walk", "vary", "kitchen"]) {
      await page.locator(`#tab-${name}`).click();
      all.push(...(await faults(page)).map((fault) => `${name} ${fault}`));
    }
    expect(!all.length, all.join("\n"));
  });
}

await check("nothing went wrong unseen", () => {
  const own = page.errors.filter((text) => !/status of (400|413|429)/.test(text));
  expect(!own.length, own.join("\n"));
});
await page.context().close();

await check("the keyboard alone will do", async () => {
  const own = await open({ locale: "fr-FR" });
  expect((await own.getAttribute("html", "lang")) === "fr", "not the browser's language");
  await drawnTiles(own, "ask", 20);
  const focused = (selector) => own.evaluate((s) => document.activeElement.matches(s), selector);
  const tabTo = async (selector) => {
    for (let i = 0; i < 40 && !(await focused(selector)); i++) await own.keyboard.press("Tab");
    expect(await focused(selector), `no way to ${selector}`);
  };
  await tabTo("#panel-ask input[type=text]");
  await own.keyboard.type("cœur rouge");
  await own.keyboard.press("Enter");
  await idle(own);
  await tabTo("#panel-ask .tile");
  await own.keyboard.press("ArrowRight");
  await own.keyboard.press("ArrowDown");
  await own.keyboard.press("Enter");
  const outline = await own.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  expect(outline === "solid", "the focus is not seen");
  await own.locator("#current .name:has-text('cœur rouge')").waitFor();
  await tabTo("#current .actions button");
  await own.keyboard.press("Enter");
  expect((await own.locator("#live").textContent()) === "Épinglés : 1.", "not announced");
  await own.context().close();
});

await check("with reduced motion nothing moves by itself", async () => {
  const own = await open({ reducedMotion: "reduce" });
  await own.locator("#tab-walk").click();
  await own.locator("#panel-walk section button").first().click();
  await own.locator("#panel-walk select").first().selectOption("8");
  await own.locator("#panel-walk section > button.main").click();
  const image = own.locator("#panel-walk .player img").first();
  await own.locator("#panel-walk .player:visible").waitFor({ timeout: 60_000 });
  const before = await image.getAttribute("src");
  await own.waitForTimeout(600);
  expect((await image.getAttribute("src")) === before, "it plays");
  await own.context().close();
});

await check("a phone is wide enough", async () => {
  const own = await open({ viewport: { width: 360, height: 740 }, colorScheme: "dark" });
  for (const name of ["ask", "map", "walk", "vary", "kitchen"]) {
    await own.locator(`#tab-${name}`).click();
    const wide = await own.evaluate(() => document.documentElement.scrollWidth);
    expect(wide <= 360, `${name}: ${wide} px`);
  }
  await own.screenshot({ path: path.join(folder, "phone.png") });
  await own.context().close();
});

await check("a closed tab leaves the queue to others", async () => {
  const own = await open();
  await own.locator("#tab-vary").click();
  await own.fill("#panel-vary .source input[type=text]", "guitar");
  await own.keyboard.press("Enter");
  await own.locator("#activity").waitFor();
  await own.context().close();
  const next = await open();
  await drawnTiles(next, "ask", 20);
  await next.context().close();
});

await check("no request leaves this machine", () => {
  expect([...asked].every((o) => o === new URL(address).origin || o === "null"), [...asked].join());
  expect(!outside.length, outside.join());
});

await browser.close();
proxy.close();
console.log(JSON.stringify(results));
process.exit(0);
