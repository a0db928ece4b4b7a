// Runs the page: what is wanted stands in the form, and the emoji follows it.

const CANDIDATES = 12;
const LARGE_TIMES = 16;

const EmojiGan = customElements.get("emoji-gan");
const byId = (id) => document.getElementById(id);
const emoji = byId("emoji");
const FIELDS = [
  "text", "art", "group", "truncation", "seed", "to-text", "to-seed", "mix", "motion",
];
let language = navigator.language.startsWith("fr") ? "fr" : "en";
let round = 0; // of candidates; an older one stops where a newer has begun

function value(id) {
  return byId(id).value;
}

function option(select, optionValue, label) {
  select.append(new Option(label, optionValue));
}

function fillSelects() {
  const texts = TEXTS[language];
  const { style = [], group = [] } = EmojiGan.model.classes;
  const choices = {
    art: [["", texts.artAny], ...style.map((name) => [name, artLabel(name, texts)])],
    group: [["", texts.groupAny], ...group.map((name) => [name, groupLabel(name)])],
    motion: [
      ["pointer", texts.motionPointer],
      ["drift", texts.motionDrift],
      ["walk", texts.motionWalk],
      ["none", texts.motionNone],
    ],
  };
  for (const [id, rows] of Object.entries(choices)) {
    const select = byId(id);
    const before = select.options.length ? select.value : firstChoice(id);
    select.replaceChildren();
    for (const [name, label] of rows) option(select, name, label);
    select.value = before;
    select.closest("label").hidden = rows.length < 2;
  }
}

function firstChoice(id) {
  return { art: "openmoji", group: "", motion: "pointer" }[id];
}

function artLabel(name, texts) {
  return { openmoji: texts.artColour, "openmoji line": texts.artLine }[name] ?? name;
}

function groupLabel(name) {
  return language === "fr" ? (GROUPS_FR[name] ?? name) : name;
}

function speak(chosen) {
  language = chosen;
  document.documentElement.lang = language;
  document.title = TEXTS[language].title;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = TEXTS[language][element.dataset.text];
  }
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
  byId("unsupported").textContent = TEXTS[language].unsupported;
  fillSelects();
  const phrases = EmojiGan.words.phrases(language);
  byId("phrases").replaceChildren(...phrases.map((phrase) => new Option(phrase)));
  byId("ideas").replaceChildren(...IDEAS[language].map(idea));
  update();
}

function idea(text) {
  const button = document.createElement("button");
  button.type = "button";
  const entry = EmojiGan.words.find(text, language);
  button.textContent = entry?.phrase ?? text;
  button.addEventListener("click", () => {
    byId("text").value = button.textContent;
    update();
  });
  return button;
}

/** Brings the emoji, the candidates and the texts to what the form says. */
function update() {
  if (!EmojiGan.painter.isSupported) return;
  for (const name of FIELDS) emoji.setAttribute(name, value(name));
  const walks = value("to-text").trim() || value("mix") > 0 || value("motion") === "walk";
  if (!walks) for (const name of ["to-text", "to-seed"]) emoji.removeAttribute(name);
  const asked = [value("text"), ...(walks && value("to-text").trim() ? [value("to-text")] : [])];
  byId("understood").textContent = understood(asked);
  byId("snippet").textContent = snippet();
  byId("command").textContent = command();
  showCandidates();
}

/** Says what the phrases were understood as, and which were not. */
function understood(asked) {
  const texts = TEXTS[language];
  if (!asked[0].trim() && asked.length === 1) return texts.nothing;
  const entries = asked.map((text) => EmojiGan.words.find(text, language));
  const phrases = entries.filter(Boolean).map(({ phrase }) => texts.quoted(phrase));
  const unknown = asked.filter((text, i) => text.trim() && !entries[i]);
  return [
    phrases.length ? `${texts.understood} ${phrases.join(" → ")}` : "",
    ...unknown.map((text) =>
      texts.unknown(texts.quoted(text.trim()), EmojiGan.words.near(text, language).join(", ")),
    ),
  ].filter(Boolean).join(". ");
}

function attribute(name) {
  const text = emoji.getAttribute(name);
  const escaped = text?.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
  return escaped ? ` ${name}="${escaped}"` : "";
}

function snippet() {
  const attributes = FIELDS.filter((name) => emoji.hasAttribute(name)).map(attribute).join("");
  // Not written out: the page would take it for the end of this script.
  const load = '<script src="emoji-gan.js"><' + "/script>";
  return `${load}\n<emoji-gan lang="${language}"${attributes}></emoji-gan>`;
}

/** Returns a command with its words in single quotes, as a shell reads them. */
function command() {
  const quoted = (text) => `'${text.replace(/'/g, "'\\''")}'`;
  const entry = value("text").trim() ? EmojiGan.words.find(value("text"), language) : null;
  const flags = [
    entry ? `--text=${quoted(entry.typed)} --lang=${entry.language}` : "",
    `--style=${value("art") ? quoted(value("art")) : "any"}`,
    value("group") ? `--group=${quoted(value("group"))}` : "",
    `--truncation=${value("truncation")}`,
    `--seeds=${emoji.request?.seed ?? 0}`,
  ];
  return ["python -m emoji_gan.sample", ...flags.filter(Boolean)].join(" ");
}

function paint(canvas, pixels) {
  canvas.getContext("2d").putImageData(new ImageData(pixels, canvas.width, canvas.height), 0, 0);
}

function candidateButtons() {
  const grid = byId("candidates");
  const side = EmojiGan.model.resolution;
  while (grid.children.length < CANDIDATES) {
    const button = document.createElement("button");
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: side, height: side });
    button.type = "button";
    button.append(canvas);
    button.addEventListener("click", () => {
      byId("seed").value = button.dataset.seed;
      update();
    });
    grid.append(button);
  }
  return [...grid.children];
}

/** Draws the candidates of the page of seeds that the seed is on, one after the other. */
async function showCandidates() {
  const mine = ++round;
  const request = { ...emoji.request, to: null, mix: 0 };
  const first = request.seed - (request.seed % CANDIDATES);
  const buttons = candidateButtons();
  buttons.forEach((button, i) => {
    button.dataset.seed = first + i;
    button.hidden = first + i >= 2 ** 32;
    button.setAttribute("aria-label", TEXTS[language].candidate(first + i));
    button.setAttribute("aria-pressed", String(first + i === request.seed));
  });
  const key = JSON.stringify([first, request.truncation, ...request.vector]);
  if (key === byId("candidates").dataset.key) return;
  delete byId("candidates").dataset.key;
  for (const [i, button] of buttons.entries()) {
    if (button.hidden) continue;
    const pixels = await EmojiGan.draw({ ...request, seed: first + i });
    if (mine !== round) return;
    paint(button.firstChild, pixels);
  }
  byId("candidates").dataset.key = key;
}

function step(by) {
  const seed = Math.min(2 ** 32 - 1, Math.max(0, (Number(value("seed")) || 0) + by));
  byId("seed").value = seed;
  update();
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

async function savePicture(times) {
  const side = EmojiGan.model.resolution * times;
  save(await emoji.toPNG(times), `emoji-${emoji.request.seed}-${side}px.png`);
}

function start() {
  const isStill = matchMedia("(prefers-reduced-motion: reduce)");
  const showStill = () => (byId("still").hidden = !isStill.matches);
  isStill.addEventListener("change", showStill);
  showStill();
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("controls").addEventListener("input", update);
  byId("previous").addEventListener("click", () => step(-CANDIDATES));
  byId("next").addEventListener("click", () => step(CANDIDATES));
  byId("save").addEventListener("click", () => savePicture(1));
  byId("save-large").addEventListener("click", () => savePicture(LARGE_TIMES));
  byId("save-script").addEventListener("click", () =>
    save(new Blob([byId("element").textContent], { type: "text/javascript" }), "emoji-gan.js"),
  );
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => speak(button.dataset.language));
  }
  emoji.addEventListener("drawn", () => {
    const side = EmojiGan.model.resolution;
    for (const canvas of document.querySelectorAll(".preview")) {
      Object.assign(canvas, { width: side, height: side });
      paint(canvas, emoji.pixels);
    }
  });
  if (!EmojiGan.painter.isSupported) {
    byId("unsupported").hidden = false;
    document.querySelector("main").hidden = true;
  }
  byId("text").value = EmojiGan.words.find("🐱", language)?.phrase ?? "";
  speak(language);
}

start();
