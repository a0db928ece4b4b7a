// Draws by onnxruntime-web's WebAssembly entry, on one thread, from the file that --onnx writes.

import * as ort from "onnxruntime-web/wasm";

/** Returns a function that draws noise f32 [px px 4] under a condition f32 [dim]: straight RGBA. */
export async function start({ model, onnx }) {
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(onnx, { executionProviders: ["wasm"] });
  const px = model.resolution;
  return async (noise, vector) => {
    const { rgba } = await session.run({
      noise: new ort.Tensor("float32", noise, [1, px, px, 4]),
      condition: new ort.Tensor("float32", vector, [1, vector.length]),
    });
    return rgba.data;
  };
}
