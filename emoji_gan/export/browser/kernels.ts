// Computes the layers of a U-Net on one core, in AssemblyScript with SIMD of 128 bits.
//
//   npm ci && npm run build        writes kernels.wasm beside this file
//
// Maps are f32 [rows cols channels], one image. A pointer is a byte of the memory that the caller
// owns. Channels of what is written are a multiple of 8, of what is normalised a multiple of 4.

// Rational and polynomial forms as in Cephes' expf, for four numbers: 1 ulp.
// @ts-ignore: decorator
@inline
function exp4(x: v128): v128 {
  x = f32x4.max(f32x4.min(x, f32x4.splat(88.0)), f32x4.splat(-87.0));
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504)));
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.add(r, f32x4.mul(n, f32x4.splat(2.12194440e-4)));
  let p = f32x4.splat(1.9875691500e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r), f32x4.splat(1.0));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(p, power);
}

// @ts-ignore: decorator
@inline
function silu4(x: v128): v128 {
  return f32x4.div(x, f32x4.add(f32x4.splat(1.0), exp4(f32x4.neg(x))));
}

// @ts-ignore: decorator
@inline
function sum4(x: v128): f32 {
  return (
    f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) +
    (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3))
  );
}

// @ts-ignore: decorator
@inline
function fma4(sum: v128, a: v128, b: v128): v128 {
  return f32x4.add(sum, f32x4.mul(a, b));
}

/**
 * Correlates a map with kernels of k x k, whose input has a margin of k / 2 zeros.
 *
 * x is f32 [rows + k - 1, cols + k - 1, ci]; weight f32 [co / 8, k, k, ci, 8]; bias f32 [co];
 * y f32 [rows cols co], to which the result is added where `adds` is not 0.
 */
export function conv(
  x: usize, weight: usize, bias: usize, y: usize,
  rows: i32, cols: i32, ci: i32, co: i32, k: i32, adds: i32,
): void {
  const wide = (cols + k - 1) * ci * 4; // bytes of a row of x
  const pixel = <usize>(ci * 4);
  const out = <usize>(co * 4);
  for (let o = 0; o < co; o += 8) {
    const panel = weight + <usize>(o * k * k * ci * 4);
    const b0 = v128.load(bias + o * 4);
    const b1 = v128.load(bias + o * 4, 16);
    for (let r = 0; r < rows; r++) {
      let c = 0;
      for (; c + 4 <= cols; c += 4) {
        const to = y + <usize>(((r * cols + c) * co + o) * 4);
        four(x + <usize>(r * wide) + <usize>c * pixel, wide, pixel, panel, k, ci, b0, b1, to, out,
             adds);
      }
      for (; c < cols; c++) {
        const to = y + <usize>(((r * cols + c) * co + o) * 4);
        one(x + <usize>(r * wide) + <usize>c * pixel, wide, panel, k, ci, b0, b1, to, adds);
      }
    }
  }
}

// Computes 8 channels of 4 neighbouring pixels: all sums stay in registers.
// @ts-ignore: decorator
@inline
function four(
  x: usize, wide: i32, pixel: usize, panel: usize, k: i32, ci: i32, b0: v128, b1: v128,
  to: usize, out: usize, adds: i32,
): void {
  let s00 = b0, s01 = b1, s10 = b0, s11 = b1, s20 = b0, s21 = b1, s30 = b0, s31 = b1;
  let w = panel;
  for (let dy = 0; dy < k; dy++) {
    let p0 = x + <usize>(dy * wide);
    // The k pixels of a row lie one after the other: one run of k ci numbers for each output.
    const end = p0 + <usize>k * pixel;
    while (p0 < end) {
      const w0 = v128.load(w), w1 = v128.load(w, 16);
      let a = v128.load32_splat(p0);
      s00 = fma4(s00, a, w0); s01 = fma4(s01, a, w1);
      a = v128.load32_splat(p0 + pixel);
      s10 = fma4(s10, a, w0); s11 = fma4(s11, a, w1);
      a = v128.load32_splat(p0 + 2 * pixel);
      s20 = fma4(s20, a, w0); s21 = fma4(s21, a, w1);
      a = v128.load32_splat(p0 + 3 * pixel);
      s30 = fma4(s30, a, w0); s31 = fma4(s31, a, w1);
      p0 += 4;
      w += 32;
    }
  }
  put(to, s00, s01, adds);
  put(to + out, s10, s11, adds);
  put(to + 2 * out, s20, s21, adds);
  put(to + 3 * out, s30, s31, adds);
}

// @ts-ignore: decorator
@inline
function one(
  x: usize, wide: i32, panel: usize, k: i32, ci: i32, b0: v128, b1: v128, to: usize, adds: i32,
): void {
  let s0 = b0, s1 = b1;
  let w = panel;
  for (let dy = 0; dy < k; dy++) {
    let p = x + <usize>(dy * wide);
    const end = p + <usize>(k * ci * 4);
    for (; p < end; p += 4, w += 32) {
      const a = v128.load32_splat(p);
      s0 = fma4(s0, a, v128.load(w)); s1 = fma4(s1, a, v128.load(w, 16));
    }
  }
  put(to, s0, s1, adds);
}

// @ts-ignore: decorator
@inline
function put(to: usize, low: v128, high: v128, adds: i32): void {
  if (adds) {
    low = f32x4.add(low, v128.load(to));
    high = f32x4.add(high, v128.load(to, 16));
  }
  v128.store(to, low);
  v128.store(to, high, 16);
}

/**
 * Normalises groups of channels to mean 0 and variance 1, scales, shifts, and applies SiLU.
 *
 * y = silu(x' (1 + scale) + shift), with a margin of zeros that the caller wrote: f32
 * [rows + 2 margin, cols + 2 margin, c]. A scale or shift of 0 is none; `activates` 0: no SiLU.
 */
export function norm(
  x: usize, y: usize, rows: i32, cols: i32, c: i32, group: i32, margin: i32,
  scale: usize, shift: usize, activates: i32,
): void {
  const count = rows * cols;
  const n = <f32>(count * group);
  for (let g = 0; g < c; g += group) {
    let total = f32x4.splat(0), squares = f32x4.splat(0);
    for (let p = 0; p < count; p++) {
      for (let i = 0; i < group; i += 4) {
        total = f32x4.add(total, v128.load(x + <usize>((p * c + g + i) * 4)));
      }
    }
    const mean = f32x4.splat(sum4(total) / n);
    for (let p = 0; p < count; p++) {
      for (let i = 0; i < group; i += 4) {
        const d = f32x4.sub(v128.load(x + <usize>((p * c + g + i) * 4)), mean);
        squares = fma4(squares, d, d);
      }
    }
    const factor = f32x4.splat(<f32>1 / sqrt<f32>(sum4(squares) / n + <f32>1e-5));
    for (let i = g; i < g + group; i += 4) {
      let s = factor, t = f32x4.splat(0);
      if (scale) s = f32x4.mul(factor, f32x4.add(f32x4.splat(1), v128.load(scale + i * 4)));
      if (shift) t = v128.load(shift + i * 4);
      for (let r = 0; r < rows; r++) {
        let from = x + <usize>((r * cols * c + i) * 4);
        let to = y + <usize>((((r + margin) * (cols + 2 * margin) + margin) * c + i) * 4);
        for (let k = 0; k < cols; k++) {
          let v = fma4(t, f32x4.sub(v128.load(from), mean), s);
          if (activates) v = silu4(v);
          v128.store(to, v);
          from += c * 4;
          to += c * 4;
        }
      }
    }
  }
}

/** Applies SiLU to n numbers, a multiple of 4, where they lie. */
export function silu(x: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) v128.store(x + i * 4, silu4(v128.load(x + i * 4)));
}

/**
 * Attends from each position of qkv f32 [n, 3, c] to all others, in `heads` runs of c / heads
 * channels, a multiple of 4: y f32 [n c]. `row` has room for n numbers.
 */
export function attend(qkv: usize, y: usize, n: i32, c: i32, heads: i32, row: usize): void {
  const d = c / heads;
  const scale = <f32>1 / sqrt<f32>(<f32>d);
  const step = <usize>(3 * c * 4);
  for (let h = 0; h < heads; h++) {
    for (let p = 0; p < n; p++) {
      const q = qkv + <usize>p * step + <usize>(h * d * 4);
      let most: f32 = -Infinity;
      for (let o = 0; o < n; o++) {
        const key = qkv + <usize>o * step + <usize>((c + h * d) * 4);
        let dots = f32x4.splat(0);
        for (let i = 0; i < d; i += 4) {
          dots = fma4(dots, v128.load(q + i * 4), v128.load(key + i * 4));
        }
        const score = sum4(dots) * scale;
        store<f32>(row + o * 4, score);
        most = max<f32>(most, score);
      }
      let total: f32 = 0;
      for (let o = 0; o < n; o++) {
        const e = f32x4.extract_lane(exp4(f32x4.splat(load<f32>(row + o * 4) - most)), 0);
        store<f32>(row + o * 4, e);
        total += e;
      }
      for (let i = 0; i < d; i += 4) {
        let sum = f32x4.splat(0);
        for (let o = 0; o < n; o++) {
          const value = qkv + <usize>o * step + <usize>((2 * c + h * d + i) * 4);
          sum = fma4(sum, v128.load32_splat(row + o * 4), v128.load(value));
        }
        const to = y + <usize>((p * c + h * d + i) * 4);
        v128.store(to, f32x4.div(sum, f32x4.splat(total)));
      }
    }
  }
}
