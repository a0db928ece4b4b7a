"""Augments RGBA images for discriminators (2006.06676, appendix B, the 'bgc' set), and adapts p.

Everything here is linear in the image, so every derivative exists, also where alpha is 0:

- Geometry: all blits and warps of an image become one affine map. It runs as a separable cubic
  resampling (scale, mirror, shift; wider when it shrinks, against aliasing) and three shears of
  whole rows. No pixel is gathered by itself, and the transpose of a shear is the opposite shear.
  Outside the image all is transparent.
- Colour: an affine map c -> C c + t of straight colours is rgb -> C rgb + t alpha of premultiplied
  ones, so nothing is divided by alpha and transparent pixels stay so.
- At the end a changed image is brought back to 0 <= RGB <= A <= 1, with the gradient passed
  straight through: pixels that saturate or overshoot go on learning.
"""

import functools
import math

import jax
import jax.numpy as jnp
import ml_collections

GEOMETRY = (
    "flip",
    "rotate90",
    "translate_int",
    "scale",
    "rotate",
    "anisotropic",
    "translate_frac",
)
COLOUR = (
    "brightness",
    "contrast",
    "luma_flip",
    "hue",
    "saturation",
)

_Draw = dict[str, jax.Array]  # how far each transform of one image goes


def augment(
    x: jax.Array, keys: jax.Array, p: jax.Array, config: ml_collections.ConfigDict
) -> jax.Array:
    """Applies each transform to each image with probability p times its weight in `config`.

    Source: 2006.06676, appendix B. Image i depends on `x[i]`, `keys[i]` and p alone. p = 0 is the
    identity.

    Args:
      x: f32 [b h w 4], h = w, premultiplied RGBA in [-1, 1].
      keys: typed PRNG keys [b], one per image.
      p: f32 scalar in [0, 1].
      config: `config.augment` of configs/default.py; a transform whose weight is 0 costs nothing.

    Returns:
      f32 [b h w 4], premultiplied RGBA in [-1, 1].
    """
    draws = jax.vmap(lambda key: _draw(key, p, config))(keys)
    u = x + 1.0  # twice the premultiplied colour: transparent is 0
    changed = jnp.zeros(x.shape[:1], bool)
    if any(config[name] for name in GEOMETRY):
        matrix, shift, moved = jax.vmap(lambda draw: _affine(draw, width=x.shape[1]))(draws)
        u = warp(u, matrix, shift)
        changed |= moved
    if any(config[name] for name in COLOUR):
        matrix, offset, coloured = jax.vmap(_colour_matrix)(draws)
        u = _recolour(u, matrix, offset)
        changed |= coloured
    alpha = jnp.clip(u[..., 3:], 0.0, 2.0)
    valid = jnp.concatenate([jnp.clip(u[..., :3], 0.0, alpha), alpha], axis=-1)
    # A clip passes a quarter of the gradient where alpha is 0, and a half of black and white's.
    u = u + jax.lax.stop_gradient(valid - u)
    return jnp.where(changed[:, None, None, None], u - 1.0, x)


def update_p(
    p: jax.Array, sign_mean: jax.Array, images: int | jax.Array, config: ml_collections.ConfigDict
) -> jax.Array:
    """Moves p by 1 per `config.kimg` so that E[sign D(real)] nears its target (2006.06676, eq. 1).

    Args:
      p: f32 scalar.
      sign_mean: f32 scalar, mean sign of D(real) since the last adjustment, in [-1, 1].
      images: real images seen since the last adjustment.
      config: `config.augment`; target 0 leaves p alone, else p stays in [0, p_max].

    Returns:
      The new p, f32 scalar.
    """
    if not config.target:
        return p
    step = jnp.asarray(images, jnp.float32) / (config.kimg * 1000.0)
    return jnp.clip(p + jnp.sign(sign_mean - config.target) * step, 0.0, config.p_max)


def _draw(key: jax.Array, p: jax.Array, config: ml_collections.ConfigDict) -> _Draw:
    """Draws the transforms of one image; those that do not apply have their neutral value.

    The last two entries are bool: whether any transform of geometry applies, and any of colour.
    """
    # All numbers are always drawn, so that switching one transform on leaves the others as they
    # were. One call, because each costs seconds of compilation: 13 gates, 8 uniform numbers, 7 for
    # normal ones.
    gates, uniform, normal = jnp.split(jax.random.uniform(key, (28,)), [13, 21])
    # The inverse distribution function at the middle of each of the 2^23 steps of `uniform`.
    normal = math.sqrt(2.0) * jax.lax.erf_inv(2.0 * normal - 1.0 + 2.0**-23)
    probability = {name: jnp.minimum(p * config[name], 1.0) for name in GEOMETRY + COLOUR}
    # One rotation before and one after the anisotropic scaling; at least one of them with
    # probability p.
    one_rotation = 1.0 - jnp.sqrt(1.0 - probability["rotate"])
    probability |= {"rotate": one_rotation, "rotate_after": one_rotation}
    applies = {name: gates[i] < q for i, (name, q) in enumerate(probability.items())}

    def if_applied(name: str, value: jax.Array, neutral: float) -> jax.Array:
        return jnp.where(applies[name], value, neutral)

    return {
        "flip": if_applied("flip", jnp.where(uniform[0] < 0.5, -1.0, 1.0), 1.0),
        "quarter_turns": if_applied("rotate90", jnp.floor(uniform[1] * 4.0), 0.0),
        # Of the width.
        "translate_int": if_applied("translate_int", uniform[2:4] * 0.25 - 0.125, 0.0),
        "scale": if_applied("scale", jnp.exp2(0.2 * normal[0]), 1.0),
        "rotate": if_applied("rotate", (uniform[4] * 2.0 - 1.0) * math.pi, 0.0),  # radians
        "anisotropic": if_applied("anisotropic", jnp.exp2(0.2 * normal[1]), 1.0),
        "rotate_after": if_applied("rotate_after", (uniform[5] * 2.0 - 1.0) * math.pi, 0.0),
        # Of the width.
        "translate_frac": if_applied("translate_frac", 0.125 * normal[2:4], 0.0),
        "brightness": if_applied("brightness", 0.2 * normal[4], 0.0),  # of colours in [-1, 1]
        "contrast": if_applied("contrast", jnp.exp2(0.5 * normal[5]), 1.0),
        "luma_flip": if_applied("luma_flip", jnp.where(uniform[6] < 0.5, 2.0, 0.0), 0.0),
        "hue": if_applied("hue", (uniform[7] * 2.0 - 1.0) * math.pi, 0.0),  # radians
        "saturation": if_applied("saturation", jnp.exp2(normal[6]), 1.0),
        "moved": jnp.any(jnp.stack([applies[name] for name in (*GEOMETRY, "rotate_after")])),
        "coloured": jnp.any(jnp.stack([applies[name] for name in COLOUR])),
    }


def _affine(draw: _Draw, width: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns where a point v (x right, y down, px from the centre) goes: to matrix v + shift.

    The third value is whether any transform of geometry applies.
    """
    quarter = _rotation(draw["quarter_turns"] * (math.pi / 2))
    matrix = jnp.round(quarter) * jnp.stack([draw["flip"], 1.0])[None]
    shift = jnp.round(draw["translate_int"] * width)
    after = _rotation(draw["rotate_after"])
    after = after * jnp.stack([draw["anisotropic"], 1.0 / draw["anisotropic"]])[None]
    after = draw["scale"] * _matmul(after, _rotation(draw["rotate"]))
    matrix = _matmul(after, matrix)
    shift = _matmul(after, shift) + draw["translate_frac"] * width
    return matrix, shift, draw["moved"]


def _rotation(angle: jax.Array) -> jax.Array:
    """Returns the matrix [2 2] of a rotation, radians."""
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    return jnp.stack([jnp.stack([cos, -sin]), jnp.stack([sin, cos])])


def _colour_matrix(draw: _Draw) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns where a straight colour s in [-1, 1] goes: to matrix s + offset.

    The transforms are in the order of the paper. The third value is whether any of them applies.
    """
    luma = jnp.full((3, 3), 1.0 / 3.0)  # projection on the grey axis
    cross = jnp.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3.0)
    eye = jnp.eye(3)
    flip = eye - draw["luma_flip"] * luma
    hue = luma + jnp.cos(draw["hue"]) * (eye - luma) + jnp.sin(draw["hue"]) * cross  # Rodrigues
    saturation = luma + draw["saturation"] * (eye - luma)
    matrix = draw["contrast"] * _matmul(saturation, _matmul(hue, flip))
    offset = _matmul(matrix, jnp.full((3,), draw["brightness"]))
    return matrix, offset, draw["coloured"]


def _matmul(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def _recolour(u: jax.Array, matrix: jax.Array, offset: jax.Array) -> jax.Array:
    """Maps the straight colours s of images to matrix s + offset.

    u is f32 [b h w 4], twice the premultiplied colour.
    """
    # With s = 2c - 1 in [-1, 1], alpha (C s + t + 1) = C (2 alpha c) + alpha (t + 1 - C 1).
    alpha = u[..., 3]
    constant = (offset + 1.0 - jnp.sum(matrix, axis=2)) / 2.0  # [b 3]
    m = matrix[:, None, None]
    rgb = [
        sum(m[..., i, j] * u[..., j] for j in range(3)) + constant[:, None, None, i] * alpha
        for i in range(3)
    ]
    return jnp.stack([*rgb, alpha], axis=-1)


def warp(u: jax.Array, matrix: jax.Array, shift: jax.Array) -> jax.Array:
    """Moves what is at v to matrix v + shift in each image; outside the image is 0.

    matrix = T Sx(a) Sy(b) Sx(c) D, where D is a diagonal of either sign, S are shears of at most 45
    degrees (apart from the shear part of the matrix itself), T is a transpose or nothing. Linear in
    u; not differentiable in the others.

    Args:
      u: f32 [b h h c].
      matrix: f32 [b 2 2] over (x right, y down), invertible.
      shift: f32 [b 2], px, from the image's centre to its centre.

    Returns:
      f32 [b h h c].
    """
    size = u.shape[1]
    # Between the shears a corner of the frame lies at most sqrt(2) from the centre; 2 px more for
    # the kernel.
    wide = size + 2 * (math.ceil(0.2072 * size) + 2)

    transpose = jnp.abs(matrix[:, 1, 0]) > jnp.abs(matrix[:, 0, 0])
    matrix = jnp.where(transpose[:, None, None], matrix[:, ::-1], matrix)
    shift = jnp.where(transpose[:, None], shift[:, ::-1], shift)
    # Now QR: matrix = rotation within 45 degrees @ [[p, r], [0, q]].
    sign = jnp.where(matrix[:, 0, 0] < 0.0, -1.0, 1.0)
    p = sign * jnp.hypot(matrix[:, 0, 0], matrix[:, 1, 0])
    cos, sin = matrix[:, 0, 0] / p, matrix[:, 1, 0] / p
    r = cos * matrix[:, 0, 1] + sin * matrix[:, 1, 1]
    q = cos * matrix[:, 1, 1] - sin * matrix[:, 0, 1]
    # rotation = Sx(a) Sy(sin) Sx(a), a = -tan(angle / 2); [[p, r], [0, q]] = Sx(r / q) diag(p, q).
    a = -sin / (1.0 + cos)
    c = a + r / q
    # The shift goes to the side of D, where it is free: through the three shears backwards.
    y = shift[:, 1] - sin * (shift[:, 0] - a * shift[:, 1])
    x = shift[:, 0] - a * shift[:, 1] - c * y

    columns = _resampling(p, x, n_in=size, n_out=wide)
    rows = _resampling(q, y, n_in=size, n_out=wide)
    exact = jax.lax.Precision.HIGHEST
    u = jnp.einsum("bYy,byxc->bYxc", rows, u, precision=exact)
    u = jnp.einsum("bXx,bYxc->bYXc", columns, u, precision=exact)
    u = _shear(u, c[:, None] * _centred(wide)[None], wide)
    u = jnp.swapaxes(_shear(jnp.swapaxes(u, 1, 2), sin[:, None] * _centred(wide)[None], size), 1, 2)
    u = _shear(u, a[:, None] * _centred(size)[None], size)
    return jnp.where(transpose[:, None, None, None], jnp.swapaxes(u, 1, 2), u)


def _centred(n: int) -> jax.Array:
    """Returns the positions of n pixels from their centre, px."""
    return jnp.arange(n, dtype=jnp.float32) - (n - 1) / 2


def _cubic(d: jax.Array) -> jax.Array:
    """Computes Keys' cubic kernel with a = -1/2 (Catmull-Rom) at distance d >= 0, px."""
    near = (1.5 * d - 2.5) * d * d + 1.0
    far = ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0
    return jnp.where(d < 1.0, near, jnp.where(d < 2.0, far, 0.0))


def _resampling(scale: jax.Array, shift: jax.Array, *, n_in: int, n_out: int) -> jax.Array:
    """Returns matrices [b n_out n_in] of the maps v -> scale v + shift, v px from the centre."""
    source = (_centred(n_out)[None] - shift[:, None]) / scale[:, None] + (n_in - 1) / 2
    # Widens the kernel where the image shrinks, against aliasing.
    widen = jnp.clip(1.0 / jnp.abs(scale), 1.0, 4.0)[:, None, None]
    distance = jnp.abs(source[:, :, None] - jnp.arange(n_in, dtype=jnp.float32)[None, None])
    weights = _cubic(distance / widen)
    # A widened cubic no longer sums to exactly 1 over the pixel lattice (here of an endless image).
    lattice = jnp.arange(-8, 10, dtype=jnp.float32)[None, None]
    fraction = (source - jnp.floor(source))[:, :, None]
    total = jnp.sum(_cubic(jnp.abs(fraction - lattice) / widen), axis=2)
    return weights / total[:, :, None]


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _shear(u: jax.Array, shift: jax.Array, width: int) -> jax.Array:
    """Moves row y of u [b h w c] right by shift[b, y] px, any real number.

    The result is cropped or padded to [b h width c].
    """
    w = u.shape[2]
    whole = jnp.floor(shift)
    fraction = (shift - whole)[:, :, None, None]
    pad = width + 3
    u = jnp.pad(u, ((0, 0), (0, 0), (pad, pad), (0, 0)))
    start = jnp.clip((w - width) // 2 - 2 - whole, -pad, w).astype(jnp.int32) + pad
    take = jax.vmap(jax.vmap(lambda row, i: jax.lax.dynamic_slice_in_dim(row, i, pad, axis=0)))
    taps = take(u, start)
    return sum(
        _cubic(jnp.abs(fraction + (1.0 - i))) * taps[:, :, 3 - i : 3 - i + width] for i in range(4)
    )


def _shear_fwd(
    u: jax.Array, shift: jax.Array, width: int
) -> tuple[jax.Array, tuple[jax.Array, int]]:
    return _shear(u, shift, width), (shift, u.shape[2])


def _shear_bwd(
    width: int, residuals: tuple[jax.Array, int], g: jax.Array
) -> tuple[jax.Array, jax.Array]:
    # The kernel is even, so the transpose is the opposite shear; XLA's own, a scatter, is slow on
    # CPU.
    shift, w = residuals
    return _shear(g, -shift, w), jnp.zeros_like(shift)


_shear.defvjp(_shear_fwd, _shear_bwd)
