// Answers requests to draw. It runs in a worker, or in the page where workers are refused.

const KEPT_NOISES = 96; // of 16 kB each at 32 px

class Drawer {
  constructor({ kernels, model, weights }) {
    this.net = new UNet(new WebAssembly.Module(kernels), model, weights);
    this.model = model;
    this.sizes = [...Object.values(model.classes).map((names) => names.length), model.textDim];
    this.noises = new Map();
  }

  #noise(seed, truncation) {
    const key = `${seed} ${truncation}`;
    if (!this.noises.has(key)) {
      if (this.noises.size >= KEPT_NOISES) this.noises.delete(this.noises.keys().next().value);
      this.noises.set(key, noiseOf(seed, this.model.resolution ** 2 * 4, truncation));
    }
    return this.noises.get(key);
  }

  /**
   * Draws a point: {seed, truncation, vector}, or what lies at `mix` on the way `to` another such,
   * a little way (dx, dy) beside it.
   */
  draw({ seed, truncation, vector, to = null, mix = 0, dx = 0, dy = 0 }) {
    let noise = beside(this.#noise(seed, truncation), seed, dx, dy, truncation);
    if (to && mix > 0) {
      noise = turned(noise, this.#noise(to.seed, to.truncation), mix);
      vector = turnedParts(vector, to.vector, mix, this.sizes);
    }
    return toStraight(this.net.draw(noise, vector));
  }
}

/** Makes the drawer from the first message of a worker, then answers each request. */
export function serve(scope) {
  let drawer = null;
  scope.onmessage = ({ data }) => {
    try {
      if (data.start) {
        drawer = new Drawer(data.start);
        scope.postMessage({ ready: true });
      } else {
        scope.postMessage({ id: data.id, pixels: drawer.draw(data.request) });
      }
    } catch (error) {
      scope.postMessage({ id: data.id, error: String(error) });
    }
  };
}
