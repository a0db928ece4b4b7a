// Draws the normal noise of a seed as jax.random does, and walks between two points.

const ROTATIONS = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
];

/** Encrypts two words under a key of two: Threefry-2x32 with 20 rounds (Salmon et al. 2011). */
export function threefry(key0, key1, x0, x1) {
  const keys = [key0, key1, key0 ^ key1 ^ 0x1bd11bda];
  x0 = (x0 + key0) | 0;
  x1 = (x1 + key1) | 0;
  for (let i = 0; i < 5; i++) {
    for (const bits of ROTATIONS[i % 2]) {
      x0 = (x0 + x1) | 0;
      x1 = ((x1 << bits) | (x1 >>> (32 - bits))) ^ x0;
    }
    x0 = (x0 + keys[(i + 1) % 3]) | 0;
    x1 = (x1 + keys[(i + 2) % 3] + i + 1) | 0;
  }
  return [x0, x1];
}

// Giles, "Approximating the erfinv function", single precision: near 0, and in the tails.
const NEAR = [
  2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 2.1858087e-4, -1.25372503e-3,
  -4.17768164e-3, 0.246640727, 1.50140941,
];
const TAIL = [
  -2.00214257e-4, 1.00950558e-4, 1.34934322e-3, -3.67342844e-3, 5.73950773e-3, -7.6224613e-3,
  9.43887047e-3, 1.00167406, 2.83297682,
];

/** Returns the number that a standard normal one is below with the chance (1 + u) / 2. */
function normalOf(u) {
  const w = -Math.log1p(-Math.fround(u * u));
  const [powers, x] = w < 5 ? [NEAR, w - 2.5] : [TAIL, Math.sqrt(w) - 3];
  return Math.SQRT2 * u * powers.reduce((sum, power) => sum * x + power, 0);
}

/**
 * Returns n normal numbers of a seed: jax.random.normal of jax.random.key(seed), into which a
 * stream other than 0 is folded, times the truncation.
 */
export function noiseOf(seed, n, truncation = 1, stream = 0) {
  let key = [0, seed | 0];
  if (stream) key = threefry(0, seed | 0, 0, stream);
  const values = new Float32Array(n);
  const psi = Math.fround(truncation);
  for (let i = 0; i < n; i++) {
    const [high, low] = threefry(key[0], key[1], 0, i);
    const fraction = ((high ^ low) >>> 9) / 2 ** 23;
    const u = Math.max(Math.fround(2 * fraction - (1 - 2 ** -24)), -(1 - 2 ** -24));
    values[i] = psi * Math.fround(normalOf(u));
  }
  return values;
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

const LEAST = 1e-6; // of a length or an angle that a turn is defined by

/**
 * Returns what lies at t in [0, 1] between two vectors, on the arc through their directions; the
 * length changes evenly. Where there is no arc, as from or to 0, it is the straight line.
 */
export function turned(first, second, t) {
  const lengths = [Math.sqrt(dot(first, first)), Math.sqrt(dot(second, second))];
  let [a, b] = [1 - t, t];
  if (Math.min(...lengths) >= LEAST) {
    const cosine = dot(first, second) / (lengths[0] * lengths[1]);
    const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
    if (angle > LEAST && angle < Math.PI - LEAST) {
      const length = ((1 - t) * lengths[0] + t * lengths[1]) / Math.sin(angle);
      a = (length * Math.sin((1 - t) * angle)) / lengths[0];
      b = (length * Math.sin(t * angle)) / lengths[1];
    }
  }
  return first.map((x, i) => a * x + b * second[i]);
}

/** Returns conditions at t between two, each part of which turns by itself. */
export function turnedParts(first, second, t, sizes) {
  const out = new Float32Array(first.length);
  let start = 0;
  for (const size of sizes) {
    const end = start + size;
    out.set(turned(first.subarray(start, end), second.subarray(start, end), t), start);
    start = end;
  }
  return out;
}

/**
 * Returns the noise that lies beside that of a seed, as long: a little way along two other noises
 * of the seed. dx and dy are parts of the way to these; a circle of them is a closed loop.
 */
export function beside(noise, seed, dx, dy, truncation) {
  const radius = Math.hypot(dx, dy);
  if (radius === 0) return noise;
  const [u, v] = [1, 2].map((stream) => noiseOf(seed, noise.length, truncation, stream));
  const angle = (Math.min(radius, 1) * Math.PI) / 2;
  const [keep, away] = [Math.cos(angle), Math.sin(angle) / radius];
  return noise.map((x, i) => keep * x + away * (dx * u[i] + dy * v[i]));
}
