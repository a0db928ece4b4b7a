// Walks through the pages of a campaign with the keyboard alone; prints what it saw as JSON.
//
//   node campaign_pages.mjs FOLDER     with sheet.html (four proposals, in French) and other pages

import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

import chromiumFiles from "@sparticuz/chromium";
import axe from "axe-core";
import { chromium } from "playwright-core";

const folder = path.resolve(process.argv[2]);
// In one process the whole browser would end with its first closed page.
const browser = await chromium.launch({
  executablePath: await chromiumFiles.executablePath(),
  args: chromiumFiles.args.filter((name) => name !== "--single-process"),
  headless: true,
});
const errors = [];

async function opened(name, options = {}) {
  const context = await browser.newContext({ acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(pathToFileURL(path.join(folder, name)).href);
  return page;
}

/** Returns serious faults, and how much wider than the window the page is. */
async function faults(page) {
  const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  return violations
    .filter((v) => ["serious", "critical"].includes(v.impact))
    .map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" "))}`)
    .concat(wide > 0 ? [`${wide} px too wide`] : []);
}

async function audit() {
  const seen = {};
  for (const name of fs.readdirSync(folder).filter((file) => file.endsWith(".html"))) {
    const page = await opened(name, { viewport: { width: 320, height: 256 } }); // 1280 px at 400 %
    await page.evaluate(axe.source);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      seen[`${name} ${colorScheme}`] = await faults(page);
    }
    await page.context().close();
  }
  return seen;
}

/** Says what has the focus, and whether it is seen, with an outline. */
const focused = (page) =>
  page.evaluate(() => {
    const e = document.activeElement;
    const { x, y, width, height } = e.getBoundingClientRect();
    const top = document.elementFromPoint(x + width / 2, y + height / 2);
    const isSeen = e.contains(top) && getComputedStyle(e).outlineStyle === "solid";
    return [e.id || e.name || e.className, isSeen ? "seen" : "hidden"].join(" ");
  });

async function tabs() {
  const stops = {};
  const page = await opened("sheet.html");
  const windows = [["wide", 1280, 700], ["narrow", 320, 640], ["low", 320, 256]];
  for (const [name, width, height] of windows) {
    await page.setViewportSize({ width, height });
    await page.reload();
    stops[name] = [];
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press("Tab");
      stops[name].push(await focused(page));
    }
  }
  await page.context().close();
  return stops;
}

async function walk() {
  const page = await opened("sheet.html");
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const seen = { tree: await page.locator("body").ariaSnapshot() };
  const saved = page.waitForEvent("download");
  await press("Tab", "Tab", "ArrowRight", "Enter", "Enter");
  seen.third = await focused(page);
  await press("Shift+Enter", "Tab");
  await page.keyboard.type("trop d'ombre");
  seen.count = await page.textContent("#count");
  await page.reload();
  seen.afterReload = await page.textContent("#count");
  await press("Tab", "Enter"); // to saving
  seen.skipped = await focused(page);
  await press("Enter");
  seen.picks = JSON.parse(fs.readFileSync(await (await saved).path(), "utf-8"));
  await page.locator("#done:has-text('picks.json')").waitFor();
  seen.live = await page.locator("[role=status]").allTextContents();
  await press("Tab", "Enter");
  await page.locator("#done:has-text('lig'), #done:has-text('copi')").waitFor();
  seen.line = await page.inputValue("#line");
  await page.context().close();
  return seen;
}

async function grounds() {
  const page = await opened("sheet.html", { forcedColors: "active", colorScheme: "dark" });
  const colours = await page
    .locator(".ground")
    .evaluateAll((all) => all.slice(0, 3).map((e) => getComputedStyle(e).backgroundColor));
  await page.emulateMedia({ forcedColors: "none", colorScheme: "dark", media: "print" });
  const printed = await page.evaluate(() => ({
    adjust: getComputedStyle(document.querySelector(".pic")).printColorAdjust,
    paper: getComputedStyle(document.body).backgroundColor,
    bar: getComputedStyle(document.querySelector(".bar")).position,
  }));
  await page.context().close();
  return { colours, printed };
}

const result = { faults: await audit(), tabs: await tabs() };
result.walk = await walk();
result.grounds = await grounds();
await browser.close();
console.log(JSON.stringify({ ...result, errors }));
