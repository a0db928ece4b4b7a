// Draws by jax-js on its WebAssembly backend: the U-Net written in its NumPy, one jitted program.

import { init, jit, lax, nn, numpy as np, defaultDevice } from "@jax-js/jax";

const float32 = (halves) => Float32Array.from(halves, halfToFloat);

function halfToFloat(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Returns layers as arrays: kernels [co ci k k], matrices [ci co], biases [co]. */
function arraysOf(model, weights) {
  const halves = new Uint16Array(weights);
  const read = (offset, shape) => {
    const n = shape.reduce((a, b) => a * b, 1);
    return np.array(float32(halves.subarray(offset, offset + n))).reshape(shape);
  };
  const arrays = {};
  for (const [name, { k, ci, co, weight, bias }] of Object.entries(model.layers)) {
    const isKernel = /conv|change|enter|leave/.test(name) && !/condition/.test(name);
    const values = read(weight, isKernel ? [k, k, ci, co] : [ci, co]);
    arrays[name] = isKernel ? np.transpose(values, [3, 2, 0, 1]) : values;
    if (bias !== null) arrays[`${name} bias`] = read(bias, [co]);
  }
  return arrays;
}

// Arrays are consumed by what is done with them; `ref` keeps one for another use.
function conv(p, name, x, k) {
  const pad = Math.floor(k / 2);
  const y = lax.convGeneralDilated(x, p[name].ref, [1, 1], [[pad, pad], [pad, pad]]);
  return y.add(p[`${name} bias`].ref.reshape([1, -1, 1, 1]));
}

const dense = (p, name, x) => np.matmul(x, p[name].ref).add(p[`${name} bias`].ref);

function groupNorm(x, size) {
  const [b, c, h, w] = x.shape;
  const groups = Math.max(1, Math.floor(c / size));
  const y = x.reshape([b, groups, -1]);
  const centred = y.ref.sub(np.mean(y, 2, { keepdims: true }));
  const variance = np.mean(np.square(centred.ref), 2, { keepdims: true });
  return centred.div(np.sqrt(variance.add(1e-5))).reshape([b, c, h, w]);
}

function block(p, name, x, embedding, group) {
  const ci = x.shape[1];
  const scales = dense(p, `${name}/condition`, embedding.ref);
  const co = (scales.shape[1] - ci) / 2;
  const part = (from, to) => scales.ref.slice([], [from, to]).reshape([1, -1, 1, 1]);
  let y = nn.silu(groupNorm(x.ref, group).mul(part(0, ci).add(1)));
  y = conv(p, `${name}/conv0`, y, 3);
  y = groupNorm(y, group).mul(part(ci, ci + co).add(1)).add(part(ci + co, ci + 2 * co));
  y = conv(p, `${name}/conv1`, nn.silu(y), 3);
  scales.dispose?.();
  return y.add(`${name}/change` in p ? conv(p, `${name}/change`, x, 1) : x);
}

function attention(p, x, heads, group) {
  const [, c, h, w] = x.shape;
  const flat = np.transpose(groupNorm(x.ref, group).reshape([c, h * w]), [1, 0]);
  const qkv = np.transpose(dense(p, "attention/qkv", flat).reshape([h * w, 3, heads, -1]), [
    1, 2, 0, 3,
  ]);
  const [q, k, v] = [0, 1, 2].map((i) => qkv.ref.slice(i));
  const scores = np.matmul(q, np.transpose(k, [0, 2, 1])).mul((c / heads) ** -0.5);
  const y = np.matmul(nn.softmax(scores, 2), v);
  const joined = np.transpose(y, [1, 0, 2]).reshape([h * w, c]);
  const out = np.transpose(dense(p, "attention/out", joined), [1, 0]).reshape([1, c, h, w]);
  return x.add(out);
}

function halved(x) {
  const [b, c, h, w] = x.shape;
  return np.mean(np.mean(x.reshape([b, c, h / 2, 2, w / 2, 2]), 5), 3);
}

const doubled = (x) => np.repeat(np.repeat(x, 2, 2), 2, 3);

function call(p, model, image, time, c) {
  const { resolution: px, patch, blocks, widths, group, heads } = model;
  const side = px / patch;
  let y = nn.silu(np.matmul(c, p.condition0.ref));
  const embedding = nn.silu(dense(p, "condition1", y).add(time));
  let x = np.transpose(image.reshape([side, patch, side, patch, 4]), [1, 3, 4, 0, 2]);
  x = conv(p, "enter", x.reshape([1, 4 * patch * patch, side, side]), 3);
  const maps = [x];
  for (let i = 0; i < widths.length * blocks; i++) {
    const read = maps.at(-1).ref;
    maps.push(block(p, `down/${i}`, i && i % blocks === 0 ? halved(read) : read, embedding, group));
  }
  x = block(p, "middle0", maps.at(-1).ref, embedding, group);
  x = block(p, "middle1", attention(p, x, heads, group), embedding, group);
  for (let i = 0; `up/${i}/conv0` in p; i++) {
    const skip = maps.pop();
    x = np.concatenate([skip.shape[2] === x.shape[2] ? x : doubled(x), skip], 1);
    x = block(p, `up/${i}`, x, embedding, group);
  }
  y = conv(p, "leave", nn.silu(groupNorm(x, group)), 3).reshape([patch, patch, 4, side, side]);
  return np.transpose(y, [3, 0, 4, 1, 2]).reshape([px, px, 4]);
}

/** Returns a function that draws noise f32 [px px 4] under a condition f32 [dim]. */
export async function start({ model, weights }) {
  await init("wasm");
  defaultDevice("wasm");
  const p = arraysOf(model, weights);
  const times = model.times.map(({ embedding }) => np.array(Float32Array.from(embedding)));
  const px = model.resolution;
  const first = jit((p, noise, time, c) => call(p, model, noise, time, c));
  const second = jit((p, noise, image, time, c) => {
    const t = model.times[1].t;
    const x = np.flip(noise, 1).mul(1 - t).add(image.mul(t));
    return call(p, model, x, time, c);
  });
  const owned = () => Object.fromEntries(Object.entries(p).map(([name, x]) => [name, x.ref]));
  return async (noise, vector) => {
    const c = np.array(vector).reshape([1, -1]);
    const z = np.array(noise).reshape([px, px, 4]);
    let image = first(owned(), z.ref, times[0].ref, c.ref);
    if (times.length > 1) image = second(owned(), z, image, times[1].ref, c);
    return image.data();
  };
}
