"""Trains the emoji encoder on openly licensed art; after any end the same command goes on.

    python -m eval.train_encoder --art=openmoji --art=noto=PATH --art=twemoji=PATH --hold_out=fluent=PATH \\
        --workdir=runs/encoder --out=emoji_gan/encoder/weights/emoji_encoder.safetensors

PATH is a folder, zip or icon JSON as `python -m input_pipeline.sources` reads. Styles given by
--hold_out are judged, never trained on. Two drawings of an emoji in different styles, its names and
its keywords are drawn towards one point of the space that all share, its class, and away from those
of other emoji.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import hashlib
import json
import math
import pathlib
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from emoji_gan import errors
from emoji_gan.encoder import encoder, training_art, training_batches, training_report
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths, processes, workdir
from emoji_gan.runtime import mesh as mesh_lib
from input_pipeline.unicode import emoji_names

_SAVE_EVERY_S = 120
_LOG_EVERY_S = 20
_WARMUP_SHARE = 0.05
_SMALL_PX, _SMALL_SHARE = 32, 0.6  # the first steps see fewer pixels: less than half the work
_LABEL_SMOOTHING = 0.1
_TEMPERATURE = 0.1  # of pictures among themselves and with phrases
_WEIGHTS = {"classes": 1.0, "styles": 0.5, "phrases": 0.25, "text": 0.5, "subgroups": 0.25}


# ---- the step ------------------------------------------------------------------------------------


def make_optimizer(steps: int, learning_rate: float) -> optax.GradientTransformation:
    """AdamW with a warm-up and a cosine to 0."""
    rate = optax.warmup_cosine_decay_schedule(
        0.0, learning_rate, max(1, int(_WARMUP_SHARE * steps)), steps
    )
    return optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(
            rate, b2=0.98, weight_decay=0.03, mask=lambda p: jax.tree.map(lambda x: x.ndim > 1, p)
        ),
    )


def make_loss(mesh):
    """The loss of (params, batch of `encoder_data.Batches`), with its parts as metrics."""
    # The fast convolutions of `ops` must see local rows; all else is one global batch.
    tower = jax.shard_map(
        encoder.embed_images,
        mesh=mesh,
        in_specs=(jax.P(), jax.P(mesh_lib.AXIS)),
        out_specs=jax.P(mesh_lib.AXIS),
        check_vma=False,
    )

    def loss(params, batch):
        label = batch["label"]
        b = len(label)
        image = tower(params, batch["image"])
        text = encoder.embed_bags(params, batch["bag"])
        scale = jnp.exp(params["log_scale"])
        classes = encoder.unit(params["classes"])
        logits = scale * image @ classes.T
        same = label[:, None] == label[None]
        other = ~jnp.eye(b, dtype=bool)
        parts = {
            "classes": _cross_entropy(logits, label, _LABEL_SMOOTHING),
            "text": _cross_entropy(scale * text @ classes.T, batch["text_label"], 0.0),
            "styles": _contrast(image @ image.T, same, other),
            "phrases": _contrast(image @ text[:b].T, same, None)
            + _contrast(text[:b] @ image.T, same, None),
            "subgroups": _cross_entropy(
                encoder.dense(params, "subgroup", scale * image), batch["subgroup"], 0.0
            ),
        }
        total = sum(_WEIGHTS[name] * value for name, value in parts.items())
        right = jnp.mean((jnp.argmax(logits, 1) == label).astype(jnp.float32))
        return total, parts | {"loss": total, "top1": right, "scale": scale}

    return loss


def _cross_entropy(logits, label, smoothing):
    p = jax.nn.log_softmax(logits)
    right = jnp.take_along_axis(p, label[:, None], 1)
    return -jnp.mean((1 - smoothing) * right) - smoothing * jnp.mean(p)


def _contrast(similarity, same, allowed):
    """Mean negative log of the share that each of the `same` has in its row (2004.11362, equation 2)."""
    logits = similarity / _TEMPERATURE
    if allowed is not None:
        logits, same = jnp.where(allowed, logits, -1e9), same & allowed
    p = jax.nn.log_softmax(logits)
    same = same.astype(jnp.float32)
    return -jnp.mean(jnp.sum(p * same, 1) / jnp.sum(same, 1))


def make_step(mesh, optimizer: optax.GradientTransformation, ema_decay: float):
    """The jitted training step: (state, batch) -> (state, metrics)."""
    gradient = jax.value_and_grad(make_loss(mesh), has_aux=True)

    def step(state, batch):
        (_, metrics), grads = gradient(state["params"], batch)
        with jax.numpy_dtype_promotion("standard"):  # optax raises floats to integer powers
            updates, opt = optimizer.update(grads, state["opt"], state["params"])
        params = optax.apply_updates(state["params"], updates)
        t = state["step"].astype(jnp.float32)
        decay = jnp.minimum(ema_decay, (1.0 + t) / (10.0 + t))
        ema = jax.tree.map(lambda e, p: p + decay * (e - p), state["ema"], params)
        new = {"params": params, "ema": ema, "opt": opt, "step": state["step"] + 1}
        return new, metrics | {"grad_norm": optax.global_norm(grads)}

    return jax.jit(step, donate_argnums=0, out_shardings=mesh_lib.replicated(mesh))


def init_state(codepoints: int, subgroups: int, optimizer, seed: int, size: encoder.Size) -> dict:
    """The state before the first step."""
    params = encoder.init(np.random.default_rng(seed), codepoints, subgroups, size)
    return {
        "params": params,
        "ema": jax.tree.map(jnp.copy, params),
        "opt": optimizer.init(params),
        "step": jnp.zeros((), jnp.int32),
    }


def size_px(step: int, steps: int) -> int:
    """Side of the drawings at a step."""
    return _SMALL_PX if step < _SMALL_SHARE * steps else encoder.INPUT_PX


# ---- the checkpoint ------------------------------------------------------------------------------


def save_checkpoint(path: pathlib.Path, state: dict, run: dict) -> None:
    """Writes the state and what it was trained with; the old checkpoint stays until the new one is whole."""
    leaves = {
        jax.tree_util.keystr(k): np.asarray(v, order="C")
        for k, v in jax.tree_util.tree_leaves_with_path(state)
    }
    workdir.write_atomic(
        path, save(leaves, {"emoji_gan": json.dumps({"run": run, "sha256": _digest(leaves)})})
    )


def load_checkpoint(path: pathlib.Path, like: dict, run: dict) -> dict | None:
    """Reads the state of the same run; None if there is none.

    Raises:
      UserError: damaged, or of a run with other settings or art. More steps are fine;
        `run["steps"]` then lists the numbers of steps that were asked for.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            leaves = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if "emoji_gan" in metadata:
            about = json.loads(metadata["emoji_gan"])
        else:  # of an older commit, which wrote two keys
            about = {"run": json.loads(metadata["run"]), "sha256": metadata["sha256"]}
        if _digest(leaves) != about["sha256"]:
            raise ValueError("its hash is wrong")
        before = about["run"]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as e:
        raise UserError(f"{path} is damaged ({e}); delete it to start anew") from e
    now = json.loads(json.dumps(run))  # tuples as lists
    changed = sorted(
        k for k in before.keys() | now.keys() if before.get(k) != now.get(k) and k != "steps"
    )
    if changed:
        raise UserError(
            f"{path} was trained with another {', '.join(changed)}; choose another --workdir, or delete it"
        )
    if before["steps"][-1] > run["steps"][-1]:
        raise UserError(
            f"{path} is of a run of {before['steps'][-1]} steps; --steps can only be raised"
        )
    # Rate and size of the drawings follow the new number of steps: a warm restart, if the old ones
    # are done.
    run["steps"] = sorted({*before["steps"], *run["steps"]})
    return jax.tree_util.tree_map_with_path(
        lambda k, _: jnp.asarray(leaves[jax.tree_util.keystr(k)]), like
    )


def _digest(leaves: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(leaves):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(leaves[name]).tobytes())
    return digest.hexdigest()


# ---- the loop ------------------------------------------------------------------------------------


def train(a: argparse.Namespace) -> int:
    """Trains, judges and writes the weights.

    Args:
      a: the flags of `main`.

    Returns:
      The exit code: 0, or EXIT_PREEMPTED after SIGTERM or Ctrl-C.

    Raises:
      UserError or DataError: flags, art, workdir or checkpoint cannot be used.
      Diverged: the loss is not finite.
    """
    started = time.monotonic()
    if a.batch_size % (2 * len(jax.devices())) or a.batch_size < 4:
        raise UserError(f"--batch_size={a.batch_size} is not divisible by {2 * len(jax.devices())}")
    if a.steps < 1:
        raise UserError(f"--steps={a.steps}: expected at least 1")
    size = encoder.SIZE.scaled(a.width)
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(workdir.locked(a.workdir))
        art = training_art.read_art(a.art, root / "art")
        held_out = training_art.read_art(a.hold_out, root / "art") if a.hold_out else None
        if held_out and (both := art.hashes.keys() & held_out.hashes.keys()):
            raise UserError(f"--hold_out={both.pop()}: it is also given by --art")
        present = set(art.codepoints.tolist())
        codepoints = [c for c in emoji_names.every() if c in present]
        batches = training_batches.Batches(art, codepoints, a.seed, a.batch_size)
        run = {
            "art": art.hashes,
            "steps": [a.steps],
            "batch_size": a.batch_size,
            "seed": a.seed,
            "learning_rate": a.learning_rate,
            "size": dataclasses.asdict(size),
        }

        mesh = mesh_lib.make_mesh()
        optimizer = make_optimizer(a.steps, a.learning_rate)
        step_fn = make_step(mesh, optimizer, min(0.998, 1 - 10 / a.steps))
        state = init_state(len(codepoints), batches.subgroup_count, optimizer, a.seed, size)
        checkpoint = root / "checkpoint.safetensors"
        state = load_checkpoint(checkpoint, state, run) or state
        first = int(state["step"])
        state = jax.device_put(state, mesh_lib.replicated(mesh))
        count = sum(x.size for x in state["params"].values())
        print(
            f"{len(codepoints):,} emoji, {len(art.images):,} drawings, {count / 1e6:.2f} M parameters; "
            f"step {first:,} of {a.steps:,}",
            flush=True,
        )

        stop = stack.enter_context(processes.stop_on_signals())
        log = stack.enter_context(open(root / "metrics.jsonl", "a", encoding="utf-8"))
        worker = stack.enter_context(concurrent.futures.ThreadPoolExecutor(1))

        def make(step):
            return batches(step, size_px(step, a.steps), size.text_buckets)

        coming = worker.submit(make, first) if first < a.steps else None
        seconds = _seconds_before(root, first)
        began = last_save = last_log = time.monotonic()
        logged, done = first, first
        while done < a.steps:
            batch = mesh_lib.global_batch(mesh, coming.result())
            if done + 1 < a.steps:
                coming = worker.submit(make, done + 1)
            state, metrics = step_fn(state, batch)
            jax.block_until_ready(metrics)
            done += 1
            now = time.monotonic()
            if now - last_log > _LOG_EVERY_S or done == a.steps:
                row = {
                    "step": done,
                    "images": done * a.batch_size,
                    "seconds": round(seconds + now - began, 1),
                }
                row |= {"images_per_s": round((done - logged) * a.batch_size / (now - last_log), 1)}
                row |= {k: float(f"{float(v):.4g}") for k, v in metrics.items()}
                if not math.isfinite(row["loss"]):
                    raise errors.Diverged(
                        f"step {done}: the loss is not finite; lower --learning_rate"
                    )
                log.write(json.dumps(row) + "\n")
                log.flush()
                print(" ".join(f"{k} {v:g}" for k, v in row.items()), flush=True)
                last_log, logged = now, done
            out_of_time = a.stop_after_minutes and now - started > 60 * a.stop_after_minutes
            if now - last_save > _SAVE_EVERY_S or done == a.steps or stop.requested or out_of_time:
                save_checkpoint(checkpoint, jax.device_get(state), run)
                last_save = time.monotonic()
            if (stop.requested or out_of_time) and done < a.steps:
                print(
                    f"stopped at step {done:,} of {a.steps:,}: the same command goes on from there"
                )
                return errors.EXIT_PREEMPTED if stop.requested else errors.EXIT_OK

        report = training_report.write(
            a.out,
            root,
            jax.device_get(state["ema"]),
            codepoints,
            art,
            held_out,
            run,
            seconds=_seconds_before(root, a.steps),
        )
    print(json.dumps(report, indent=1))
    print(f"weights {a.out}")
    return errors.EXIT_OK


def _seconds_before(root: pathlib.Path, step: int) -> float:
    """How long the steps before this one took, by the log of the run."""
    if not step or not (root / "metrics.jsonl").exists():
        return 0.0
    rows = [json.loads(line) for line in (root / "metrics.jsonl").read_text().splitlines()]
    return max((r["seconds"] for r in rows if r["step"] <= step), default=0.0)


def main() -> int:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m eval.train_encoder", description=__doc__.partition("\n")[0]
    )
    p.add_argument(
        "--art", action="append", default=[], help="openmoji or STYLE=PATH; may be repeated"
    )
    p.add_argument(
        "--hold_out", action="append", default=[], help="STYLE=PATH, judged only; may be repeated"
    )
    p.add_argument(
        "--workdir",
        type=paths.local,
        default="runs/encoder",
        help="checkpoint, curves, drawn art, report.json",
    )
    p.add_argument(
        "--out", type=paths.local, required=True, help="the weights, a .safetensors file"
    )
    p.add_argument("--steps", type=int, default=3500)
    p.add_argument("--batch_size", type=int, default=128, help="drawings a step; a multiple of 4")
    p.add_argument("--learning_rate", type=float, default=1.5e-3, help="at its height")
    p.add_argument(
        "--width", type=float, default=1.0, help="of the network; 0.5: half the channels"
    )
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--stop_after_minutes", type=float, help="save and end after so long")
    a = p.parse_args()
    if not a.art:
        raise UserError("no art: --art=openmoji, --art=STYLE=PATH")
    if not pathlib.Path(a.out).absolute().parent.is_dir():
        raise UserError(f"--out={a.out}: no such folder")
    host.setup_host_devices(a.batch_size)
    host.setup_host_memory()
    host.setup_compilation_cache()
    return train(a)


if __name__ == "__main__":
    errors.run(main)
