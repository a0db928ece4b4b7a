// Draws emoji by a U-Net whose layers kernels.wasm computes: the forward pass of
// emoji_gan/networks/unet.py, called once or twice as emoji_gan/methods/few_steps.py does.

/** Returns the value of each number of 16 bits as IEEE 754 has it: a table of all. */
function halfValues() {
  return Float32Array.from({ length: 65536 }, (_, bits) => {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const sign = bits & 0x8000 ? -1 : 1;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}

/** Gives out memory of a WebAssembly module; what is given after a mark can be taken back. */
class Room {
  constructor() {
    this.memory = new WebAssembly.Memory({ initial: 64 });
    this.end = 1024; // address 0 says "none" to the kernels
    this.refresh();
  }

  refresh() {
    this.floats = new Float32Array(this.memory.buffer);
  }

  /** Returns the address of n floats, a multiple of 16 bytes; all are 0. */
  take(n) {
    const address = this.end;
    this.end += Math.ceil(n / 4) * 16;
    const missing = this.end - this.memory.buffer.byteLength;
    if (missing > 0) {
      this.memory.grow(Math.ceil(missing / 65536));
      this.refresh();
    }
    this.floats.fill(0, address / 4, this.end / 4);
    return address;
  }

  /** Returns the n floats at an address; a later `take` may leave them behind. */
  at(address, n) {
    return this.floats.subarray(address / 4, address / 4 + n);
  }
}

/** Returns kernels [k k ci co] in the order [co / 8, k, k, ci, 8] that the kernels read. */
function packed(values, co) {
  const rows = values.length / co;
  const out = new Float32Array(rows * Math.ceil(co / 8) * 8);
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < co; o++) {
      out[(o - (o % 8)) * rows + r * 8 + (o % 8)] = values[r * co + o];
    }
  }
  return out;
}

export class UNet {
  /**
   * @param module compiled kernels.wasm
   * @param model what emoji_gan/export/browser_model.py describes
   * @param weights ArrayBuffer of its float16 arrays
   */
  constructor(module, model, weights) {
    this.model = model;
    this.room = new Room();
    const instance = new WebAssembly.Instance(module, { env: { memory: this.room.memory } });
    this.kernels = instance.exports;
    this.layers = {};
    const [halves, values] = [new Uint16Array(weights), halfValues()];
    for (const [name, shape] of Object.entries(model.layers)) {
      this.layers[name] = this.#layer(shape, (offset, n) => {
        const read = new Float32Array(n);
        for (let i = 0; i < n; i++) read[i] = values[halves[offset + i]];
        return read;
      });
    }
    this.times = model.times.map((time) => this.#stored(Float32Array.from(time.embedding)));
    this.mark = this.room.end;
  }

  #stored(values) {
    const address = this.room.take(values.length);
    this.room.floats.set(values, address / 4);
    return address;
  }

  #layer({ k, ci, co, weight, bias }, read) {
    const wide = Math.ceil(co / 8) * 8;
    const biases = new Float32Array(wide);
    if (bias !== null) biases.set(read(bias, co));
    const values = packed(read(weight, k * k * ci * co), co);
    return { k, ci, co: wide, weight: this.#stored(values), bias: this.#stored(biases) };
  }

  /** Applies a layer to a map with its margin; returns the map, or adds to `to`. */
  #conv(name, x, rows, cols, to = 0) {
    const { k, ci, co, weight, bias } = this.layers[name];
    const y = to || this.room.take(rows * cols * co);
    this.kernels.conv(x, weight, bias, y, rows, cols, ci, co, k, to ? 1 : 0);
    return y;
  }

  #norm(x, { rows, cols, c }, margin, scale, shift, activates) {
    const y = this.room.take((rows + 2 * margin) * (cols + 2 * margin) * c);
    const group = c / Math.max(1, Math.floor(c / this.model.group));
    this.kernels.norm(x, y, rows, cols, c, group, margin, scale, shift, activates ? 1 : 0);
    return y;
  }

  /** Computes a block on a map {at, rows, cols, c} under an embedding's address. */
  #block(name, map, embedding) {
    const { at, rows, cols, c } = map;
    const co = this.layers[`${name}/conv0`].co;
    const scales = this.#conv(`${name}/condition`, embedding, 1, 1);
    const scale1 = scales + 4 * c;
    let y = this.#norm(at, map, 1, scales, 0, true);
    y = this.#conv(`${name}/conv0`, y, rows, cols);
    y = this.#norm(y, { rows, cols, c: co }, 1, scale1, scale1 + 4 * co, true);
    let out = 0;
    if (`${name}/change` in this.layers) {
      out = this.#conv(`${name}/change`, at, rows, cols);
    } else {
      out = this.room.take(rows * cols * co);
      this.room.floats.copyWithin(out / 4, at / 4, at / 4 + rows * cols * c);
    }
    this.#conv(`${name}/conv1`, y, rows, cols, out);
    return { at: out, rows, cols, c: co };
  }

  #attention(map) {
    const { at, rows, cols, c } = map;
    const n = rows * cols;
    const qkv = this.#conv("attention/qkv", this.#norm(at, map, 0, 0, 0, false), rows, cols);
    const y = this.room.take(n * c);
    this.kernels.attend(qkv, y, n, c, this.model.heads, this.room.take(n));
    const out = this.room.take(n * c);
    this.room.floats.copyWithin(out / 4, at / 4, at / 4 + n * c);
    this.#conv("attention/out", y, rows, cols, out);
    return { ...map, at: out };
  }

  /** Averages squares of 2 x 2. */
  #halved({ at, rows, cols, c }) {
    const to = this.room.take((rows * cols * c) / 4);
    const f = this.room.floats;
    for (let r = 0, o = to / 4; r < rows; r += 2) {
      for (let k = 0; k < cols; k += 2) {
        const from = at / 4 + (r * cols + k) * c;
        const below = from + cols * c;
        for (let i = 0; i < c; i++, o++) {
          f[o] = (f[from + i] + f[from + c + i] + f[below + i] + f[below + c + i]) / 4;
        }
      }
    }
    return { at: to, rows: rows / 2, cols: cols / 2, c };
  }

  /** Puts two maps' channels beside each other, the first enlarged to the size of the second. */
  #joined(map, skip) {
    const { rows, cols } = skip;
    const c = map.c + skip.c;
    const to = this.room.take(rows * cols * c);
    const times = cols / map.cols;
    const f = this.room.floats;
    for (let r = 0; r < rows; r++) {
      for (let k = 0; k < cols; k++) {
        const o = to / 4 + (r * cols + k) * c;
        const coarse = Math.floor(r / times) * map.cols + Math.floor(k / times);
        const from = map.at / 4 + coarse * map.c;
        const beside = skip.at / 4 + (r * cols + k) * skip.c;
        f.copyWithin(o, from, from + map.c);
        f.copyWithin(o + map.c, beside, beside + skip.c);
      }
    }
    return { at: to, rows, cols, c };
  }

  /** Embeds a time, by its number, and a condition: the address of what all blocks read. */
  #embedding(time, vector) {
    const n = this.model.times[time].embedding.length;
    const y = this.room.take(n);
    if (vector.length) {
      const c = this.#stored(vector);
      const hidden = this.#conv("condition0", c, 1, 1);
      this.kernels.silu(hidden, n);
      this.#conv("condition1", hidden, 1, 1, y);
    }
    const [sum, of] = [this.room.at(y, n), this.room.at(this.times[time], n)];
    for (let i = 0; i < n; i++) sum[i] += of[i];
    this.kernels.silu(y, n);
    return y;
  }

  /** Returns where each channel of each pixel lies in a map with a margin of 1. */
  #order() {
    const { resolution: px, patch, widths } = this.model;
    const side = px / patch;
    const wide = side + 2;
    const channels = 4 * patch * patch;
    const out = Math.ceil(channels / 8) * 8;
    if (!this.orders) {
      const [inside, outside] = [new Int32Array(px * px * 4), new Int32Array(px * px * 4)];
      for (let i = 0; i < px * px * 4; i++) {
        const [y, x, c] = [Math.floor(i / (4 * px)), Math.floor(i / 4) % px, i % 4];
        const [row, col] = [Math.floor(y / patch), Math.floor(x / patch)];
        const channel = ((y % patch) * patch + (x % patch)) * 4 + c;
        inside[i] = ((row + 1) * wide + col + 1) * channels + channel;
        outside[i] = (row * side + col) * out + channel;
      }
      this.orders = { inside, outside, side, size: wide * wide * channels, first: widths[0] };
    }
    return this.orders;
  }

  /** Calls the network at an image f32 [px px 4] and a time by its number. */
  call(image, time, vector) {
    const { blocks, widths } = this.model;
    const { inside, outside, side, size, first } = this.#order();
    this.room.end = this.mark;
    const embedding = this.#embedding(time, vector);
    const x = this.room.take(size);
    for (let i = 0; i < image.length; i++) this.room.floats[x / 4 + inside[i]] = image[i];
    const enter = this.#conv("enter", x, side, side);
    let map = { at: enter, rows: side, cols: side, c: first };
    const maps = [map];
    for (let i = 0; i < widths.length * blocks; i++) {
      if (i && i % blocks === 0) map = this.#halved(map);
      map = this.#block(`down/${i}`, map, embedding);
      maps.push(map);
    }
    map = this.#block("middle0", map, embedding);
    map = this.#block("middle1", this.#attention(map), embedding);
    for (let i = 0; `up/${i}/conv0` in this.layers; i++) {
      map = this.#block(`up/${i}`, this.#joined(map, maps.pop()), embedding);
    }
    const y = this.#conv("leave", this.#norm(map.at, map, 1, 0, 0, true), side, side) / 4;
    return image.map((_, i) => this.room.floats[y + outside[i]]);
  }

  /** Draws an emoji of noise f32 [px px 4] and a condition: premultiplied RGBA in [-1, 1]. */
  draw(noise, vector) {
    const { resolution: px, times, predictsImage } = this.model;
    let image = noise;
    times.forEach(({ t }, number) => {
      // The second call sees the image with the mirrored noise in it.
      const mirrored = (i) => noise[(i - (i % (4 * px))) + 4 * (px - 1 - (i >> 2) % px) + (i % 4)];
      const x = number ? image.map((value, i) => (1 - t) * mirrored(i) + t * value) : noise;
      const y = this.call(x, number, vector);
      image = predictsImage ? y : y.map((value, i) => x[i] + (1 - t) * value);
    });
    return image;
  }
}

function roundHalfToEven(x) {
  const down = Math.floor(x);
  const up = x - down > 0.5 || (x - down === 0.5 && down % 2 === 1);
  return up ? down + 1 : down;
}

/** Converts an image as emoji_gan.images.to_uint8 does: straight RGBA in [0, 255]. */
export function toStraight(image) {
  const out = new Uint8ClampedArray(image.length);
  const to01 = (x) => Math.fround(Math.fround(x + 1) / 2);
  for (let i = 0; i < image.length; i += 4) {
    const alpha = Math.min(1, Math.max(0, to01(image[i + 3])));
    const rounded = roundHalfToEven(Math.fround(alpha * 255));
    if (rounded === 0) continue;
    for (let c = 0; c < 3; c++) {
      const colour = Math.min(alpha, Math.max(0, to01(image[i + c])));
      out[i + c] = roundHalfToEven(Math.fround(Math.fround(colour / alpha) * 255));
    }
    out[i + 3] = rounded;
  }
  return out;
}
