// Defines <emoji-gan>, an emoji that is drawn where it stands and reacts to pointer and time.

const FRAME_MS = 1000 / 15;
const POINTER_REACH = 0.35; // of the way to another noise, when the pointer is at the edge
const DRIFT_REACH = 0.2;
const PERIOD_MS = 6000;
const TRUNCATION = 0.7;

const LABELS = {
  en: {
    emoji: (what) => `Generated emoji: ${what}`,
    anything: "of no particular kind",
    walk: (from, to) => `${from}, turning into ${to}`,
    unsupported: "This emoji needs a browser with WebAssembly and its SIMD instructions.",
  },
  fr: {
    emoji: (what) => `Émoji généré : ${what}`,
    anything: "sans sujet imposé",
    walk: (from, to) => `${from}, qui devient ${to}`,
    unsupported: "Cet émoji demande un navigateur avec WebAssembly et ses instructions SIMD.",
  },
};

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Draws by a worker that all elements of the page have in common. */
class Painter {
  constructor(data) {
    this.data = data;
    this.kernels = bytesOf(data.kernels);
    this.waiting = new Map();
    this.count = 0;
    this.isSupported = typeof WebAssembly === "object" && WebAssembly.validate(this.kernels);
  }

  #start(port) {
    const { model, weights } = this.data;
    const buffer = bytesOf(weights).buffer;
    this.port = port;
    port.onmessage = ({ data }) => this.#settle(data);
    port.postMessage({ start: { kernels: this.kernels, model, weights: buffer } }, [buffer]);
  }

  #worker() {
    try {
      const source = new Blob([`(${engine})().serve(self)`], { type: "text/javascript" });
      const worker = new Worker(URL.createObjectURL(source));
      // A page's policy may refuse it after it was made.
      worker.onerror = () => this.#moveHere();
      return worker;
    } catch {
      return null;
    }
  }

  /** Draws in the page from now on, also what was asked of the worker. */
  #moveHere() {
    this.#start(inThisThread());
    for (const [id, { request }] of this.waiting) this.port.postMessage({ id, request });
  }

  #settle({ id, pixels, error }) {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (error) waiting?.reject(new Error(error));
    else waiting?.resolve(pixels);
  }

  /** Draws a request of requests.js: a promise of straight RGBA. */
  draw(request) {
    if (!this.port) this.#start(this.#worker() ?? inThisThread());
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, request });
      this.port.postMessage({ id, request });
    });
  }
}

/** Returns what looks like a worker, but draws in the page, a request a turn. */
function inThisThread() {
  const scope = { postMessage: (data) => port.onmessage({ data }) };
  engine().serve(scope);
  const port = { postMessage: (data) => setTimeout(() => scope.onmessage({ data })) };
  return port;
}

const painter = new Painter(DATA);
const words = new Words(DATA.phrases);
const vectors = new Float32Array(bytesOf(DATA.vectors).buffer);
const sheet = new CSSStyleSheet();
sheet.replaceSync(`
  :host { display: inline-block; width: 4rem; aspect-ratio: 1; touch-action: pan-y; }
  :host([hidden]) { display: none; }
  canvas { display: block; width: 100%; height: 100%; }
  p { margin: 0; font: 0.8rem/1.3 sans-serif; }
`);

/** Returns the number of a class by its name, or by a part of it that no other has; else -1. */
function classOf(names, value) {
  if (names.includes(value)) return names.indexOf(value);
  const fits = names.filter((name) => name.toLowerCase().includes(value.toLowerCase()));
  return value && fits.length === 1 ? names.indexOf(fits[0]) : -1;
}

/** Encodes what is wanted, {art, group, row}, as emoji_gan.conditions.encode does. */
function vectorOf({ art = "", group = "", row = -1 }) {
  const { classes, textDim } = DATA.model;
  const parts = Object.entries(classes).map(([name, names]) => {
    const wanted = { style: art, group }[name] ?? "";
    return names.map((_, i) => (i === classOf(names, wanted) ? 1 : 0));
  });
  const start = row * textDim;
  const text = row < 0 ? new Float32Array(textDim) : vectors.subarray(start, start + textDim);
  return Float32Array.from([...parts.flat(), ...text]);
}

const isStill = matchMedia("(prefers-reduced-motion: reduce)");

class EmojiGan extends HTMLElement {
  static observedAttributes = [
    "text", "seed", "art", "group", "truncation", "to-text", "to-seed", "mix", "motion", "alt",
  ];
  static painter = painter;
  static words = words;
  static provenance = DATA.provenance;
  static model = DATA.model;

  #canvas = document.createElement("canvas");
  #pointer = { x: 0, y: 0 };
  #isBusy = false;
  #isWanted = false;
  #isSeen = true;
  #begun = null; // when the motion began
  #last = 0;
  #frame = 0;
  #pixels = null;

  constructor() {
    super();
    const side = DATA.model.resolution;
    Object.assign(this.#canvas, { width: side, height: side });
    this.#canvas.setAttribute("aria-hidden", "true");
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    root.append(this.#canvas);
    this.addEventListener("pointermove", (event) => this.#follow(event));
    this.addEventListener("pointerleave", () => this.#point(0, 0));
  }

  connectedCallback() {
    if (!painter.isSupported) {
      this.#refuse();
      return;
    }
    this.#watcher.observe(this);
    isStill.addEventListener("change", this.#onStill);
    this.refresh();
  }

  disconnectedCallback() {
    this.#watcher.disconnect();
    isStill.removeEventListener("change", this.#onStill);
    cancelAnimationFrame(this.#frame);
  }

  attributeChangedCallback() {
    if (this.isConnected && painter.isSupported) this.refresh();
  }

  #onStill = () => this.refresh();

  #watcher = new IntersectionObserver(([entry]) => {
    this.#isSeen = entry.isIntersecting;
    if (this.#isSeen) this.refresh();
  });

  #refuse() {
    const message = document.createElement("p");
    message.textContent = this.#labels.unsupported;
    this.shadowRoot.replaceChildren(message);
    this.setAttribute("role", "img");
    this.setAttribute("aria-label", message.textContent);
    this.dispatchEvent(new CustomEvent("unsupported", { bubbles: true }));
  }

  get #language() {
    return this.closest("[lang]")?.lang.startsWith("fr") ? "fr" : "en";
  }

  get #labels() {
    return LABELS[this.#language];
  }

  /** The entry of words.js that a phrase was understood as; null: of none. */
  #entry(name) {
    const text = this.getAttribute(name);
    const entry = text ? words.find(text, this.#language) : null;
    if (text && !entry) console.warn(`<emoji-gan ${name}="${text}">: not among its phrases`);
    return entry;
  }

  #number(name, least, most, fallback) {
    const value = Number.parseFloat(this.getAttribute(name));
    return Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : fallback;
  }

  #point(x, y) {
    this.#pointer = { x, y };
    if (!isStill.matches) this.#want();
  }

  #follow({ clientX, clientY }) {
    if (isStill.matches || this.getAttribute("motion") === "none") return;
    const { left, top, width, height } = this.getBoundingClientRect();
    const [x, y] = [(clientX - left) / width, (clientY - top) / height];
    this.#point(POINTER_REACH * (2 * x - 1), POINTER_REACH * (2 * y - 1));
  }

  /** Reads the attributes anew, and draws. */
  refresh() {
    const entry = this.#entry("text");
    const toEntry = this.#entry("to-text");
    const seed = Math.floor(this.#number("seed", 0, 2 ** 32 - 1, 0));
    const truncation = this.#number("truncation", 0, 2, TRUNCATION);
    const [art, group] = ["art", "group"].map((name) => this.getAttribute(name) ?? "");
    const walks = this.hasAttribute("to-text") || this.hasAttribute("to-seed");
    const end = walks && {
      seed: Math.floor(this.#number("to-seed", 0, 2 ** 32 - 1, seed)),
      truncation,
      vector: vectorOf({ art, group, row: (toEntry ?? entry)?.row ?? -1 }),
    };
    const vector = vectorOf({ art, group, row: entry?.row ?? -1 });
    this.request = { seed, truncation, vector, to: end || null, mix: this.#number("mix", 0, 1, 0) };
    this.#describe(entry, toEntry);
    this.#want();
  }

  #describe(entry, toEntry) {
    const labels = this.#labels;
    const [what, then] = [entry, toEntry].map((each) => each?.phrase ?? labels.anything);
    const label = labels.emoji(toEntry && toEntry !== entry ? labels.walk(what, then) : what);
    this.setAttribute("role", "img");
    this.setAttribute("aria-label", this.getAttribute("alt") ?? label);
  }

  /** Returns whether the emoji moves by itself now. */
  get isMoving() {
    const moves = ["drift", "walk"].includes(this.getAttribute("motion"));
    return moves && this.#isSeen && !isStill.matches;
  }

  #want() {
    this.#isWanted = true;
    if (!this.#frame) this.#frame = requestAnimationFrame((now) => this.#turn(now));
  }

  /** Draws if there is something new, and asks for the next frame while it moves. */
  async #turn(now) {
    this.#frame = 0;
    if (!this.isConnected || this.#isBusy) return;
    const isDue = now - this.#last >= FRAME_MS - 2;
    if (isDue && (this.#isWanted || this.isMoving)) {
      this.#last = now;
      this.#isBusy = true;
      this.#isWanted = false;
      try {
        this.#show(await painter.draw(this.#requestAt(now)));
      } finally {
        this.#isBusy = false;
      }
    }
    if (!this.isMoving) this.#begun = null;
    if (this.isMoving || this.#isWanted) {
      this.#frame ||= requestAnimationFrame((next) => this.#turn(next));
    }
  }

  #requestAt(now) {
    const request = { ...this.request, dx: 0, dy: 0 };
    if (isStill.matches) return request;
    [request.dx, request.dy] = [this.#pointer.x, this.#pointer.y];
    if (!this.isMoving) return request;
    this.#begun ??= now;
    const gone = now - this.#begun;
    const angle = (2 * Math.PI * gone) / PERIOD_MS;
    if (this.getAttribute("motion") === "walk") {
      return { ...request, mix: request.to ? (1 - Math.cos(angle)) / 2 : 0 };
    }
    const radius = DRIFT_REACH * Math.min(1, (4 * gone) / PERIOD_MS); // it starts at the emoji
    request.dx += radius * Math.cos(angle);
    request.dy += radius * Math.sin(angle);
    return request;
  }

  #show(pixels) {
    const side = DATA.model.resolution;
    this.#pixels = pixels;
    this.#canvas.getContext("2d").putImageData(new ImageData(pixels, side, side), 0, 0);
    this.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
  }

  /** The pixels of what is to be seen, straight RGBA; null before the first. */
  get pixels() {
    return this.#pixels;
  }

  /** Returns what is to be seen as a PNG, each pixel a square of `times`. */
  toPNG(times = 1) {
    const side = DATA.model.resolution;
    const { seed, truncation, mix } = this.request;
    const texts = { ...DATA.provenance, seed: `${seed}`, truncation: `${truncation}` };
    for (const name of ["text", "group", "art", "to-text", "to-seed"]) {
      if (this.getAttribute(name)) texts[`asked ${name}`] = this.getAttribute(name);
    }
    if (mix) texts["asked mix"] = `${mix}`;
    const pixels = times === 1 ? this.#pixels : enlarged(this.#pixels, side, times);
    return pngOf(pixels, side * times, texts);
  }

  /** Draws other emoji than the element's own; a request is as its `request`. */
  static draw(request) {
    return painter.draw(request);
  }

  static vectorOf = vectorOf;
}

if (!customElements.get("emoji-gan")) customElements.define("emoji-gan", EmojiGan);
