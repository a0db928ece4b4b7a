// Draws the same emoji by three runtimes in turns, and prints times and deviations as JSON.
//
//   node compare.mjs FOLDER ROUNDS     with model.json, weights.bin, model.onnx, requests.json
//                                      and the sources of emoji_gan/export/browser

import fs from "node:fs";
import path from "node:path";

import * as jaxJs from "./by_jax_js.mjs";
import * as onnx from "./by_onnx.mjs";

const [folder, rounds] = [path.resolve(process.argv[2]), Number(process.argv[3])];
const read = (name) => fs.readFileSync(path.join(folder, name));
const { UNet, toStraight } = await import(path.join(folder, "unet.js"));

const model = JSON.parse(read("model.json"));
const bytes = read("weights.bin");
const weights = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
const requests = JSON.parse(read("requests.json")).map(({ noise, vector, pixels }) => {
  return { noise: Float32Array.from(noise), vector: Float32Array.from(vector), pixels };
});

const kernels = {
  start: () => {
    const net = new UNet(new WebAssembly.Module(read("kernels.wasm")), model, weights);
    return (noise, vector) => net.draw(noise, vector);
  },
};
const onnxBytes = read("model.onnx");
const runtimes = {
  "our kernels": [kernels, toStraight],
  "jax-js": [jaxJs, toStraight],
  "onnxruntime-web": [onnx, (image) => Uint8Array.from(image, (x) => Math.round(255 * x))],
};

/** Returns the largest difference in levels, colours as they are seen: times alpha. */
function deviation(drawn, expected) {
  let most = 0;
  for (let i = 0; i < drawn.length; i++) {
    const alpha = i % 4 === 3 ? [255, 255] : [drawn[i | 3], expected[i | 3]];
    most = Math.max(most, Math.abs(drawn[i] * alpha[0] - expected[i] * alpha[1]) / 255);
  }
  return most;
}

const result = {};
const draws = {};
for (const [name, [runtime]] of Object.entries(runtimes)) {
  const start = performance.now();
  draws[name] = await runtime.start({ model, weights, onnx: onnxBytes });
  await draws[name](requests[0].noise, requests[0].vector);
  result[name] = { firstMs: performance.now() - start, ms: [], deviation: 0 };
}
for (let round = 0; round < rounds; round++) {
  for (const { noise, vector, pixels } of requests) {
    for (const [name, [, finish]] of Object.entries(runtimes)) {
      const start = performance.now();
      const image = await draws[name](noise, vector);
      result[name].ms.push(performance.now() - start);
      result[name].deviation = Math.max(result[name].deviation, deviation(finish(image), pixels));
    }
  }
}
console.log(JSON.stringify(result));
