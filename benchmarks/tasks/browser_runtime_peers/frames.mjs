// Measures an exported page in headless Chromium: frames of an animated emoji, and draws in a row.
//
//   node frames.mjs PAGE SECONDS

import path from "node:path";
import { pathToFileURL } from "node:url";

import chromium from "@sparticuz/chromium";
import { chromium as playwright } from "playwright-core";

const [address, seconds] = [pathToFileURL(path.resolve(process.argv[2])).href, +process.argv[3]];
const browser = await playwright.launch({
  executablePath: await chromium.executablePath(),
  args: chromium.args,
  headless: true,
});
const page = await browser.newPage();
const start = performance.now();
await page.goto(address);
await page.waitForFunction(() => document.querySelector("emoji-gan").pixels);
const firstMs = performance.now() - start;
await page.waitForFunction(() => document.querySelector("#candidates").dataset.key);
const result = await page.evaluate(async (length) => {
  const emoji = document.querySelector("emoji-gan");
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  let frames = 0;
  emoji.addEventListener("drawn", () => frames++);
  emoji.setAttribute("motion", "drift");
  await wait(1000);
  const [before, begun] = [frames, performance.now()];
  await wait(1000 * length);
  const fps = (1000 * (frames - before)) / (performance.now() - begun);
  emoji.setAttribute("motion", "none");
  await wait(500);
  const ms = [];
  while (ms.length < 10 * length) {
    const from = performance.now();
    await customElements.get("emoji-gan").draw({ ...emoji.request, seed: ms.length });
    ms.push(performance.now() - from);
  }
  return { fps, ms };
}, seconds);
await browser.close();
console.log(JSON.stringify({ ...result, firstMs }));
