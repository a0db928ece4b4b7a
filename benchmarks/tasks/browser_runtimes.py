"""Compares runtimes for the page by size, speed and deviation, drawing the same emoji in turns.

    pip install -r requirements-export.txt
    pip install --no-deps -r requirements-export-no-deps.txt
    python -m benchmarks.tasks.browser_runtimes --out=FOLDER

Draws by the page's own kernels, by jax-js and by onnxruntime-web, each in WebAssembly on one thread
under Node, and measures the exported page in headless Chromium. All of it runs on one core. npm
installs the packages that benchmarks/tasks/browser_runtime_peers locks. `bytes` are what a page
would hold, binary files as base64; jax-js' scripts are as its package has them, not minified.
FOLDER gets browser_runtimes.md and browser_runtimes.json.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
from typing import Any

import numpy as np

from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.export import browser_model, onnx_file, page_bundle
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.trained import latent, sampler
from emoji_gan.trained.sampler import SHIPPED_MODEL, Sampler
from emoji_gan.trained.source import open_trained

_PEERS = pathlib.Path(__file__).with_name("browser_runtime_peers")
_TEXTS = ("cat face", "birthday cake", "pizza", "red heart", "rocket", "ghost")
_TRUNCATION = 0.7
_SECONDS = 6  # of animation


def prepared(folder: pathlib.Path) -> pathlib.Path:
    """Fills a folder with the programs, their packages, the model and what to draw."""
    shutil.copytree(_PEERS, folder, dirs_exist_ok=True)
    for file in pathlib.Path(browser_model.__file__).with_name("browser").iterdir():
        if file.suffix in (".js", ".wasm"):
            shutil.copy(file, folder)
    trained = open_trained(str(SHIPPED_MODEL))
    model = browser_model.of_trained(trained)
    (folder / "model.json").write_text(json.dumps(model.description), encoding="utf-8")
    (folder / "weights.bin").write_bytes(model.weights.astype("<f2").tobytes())
    (folder / "model.onnx").write_bytes(onnx_file.converted(trained, 1)[0])
    (folder / "page.html").write_text(page_bundle.page(str(SHIPPED_MODEL)), encoding="utf-8")
    (folder / "requests.json").write_text(json.dumps(requests()), encoding="utf-8")
    if not (folder / "node_modules").exists():
        _run(["npm", "ci", "--no-fund", "--no-audit", "--ignore-scripts"], folder)
    return folder


def requests() -> list[dict[str, Any]]:
    """Returns noise, condition and Python's pixels of a few emoji."""
    drawer, rows = Sampler(str(SHIPPED_MODEL)), []
    for seed, text in enumerate(_TEXTS):
        condition = sampler.ask(drawer.spec, {"text": text}, 1, language="en")
        point = latent.points(drawer, [seed], condition, truncation=_TRUNCATION)
        row = {"noise": point.values, "vector": point.vectors}
        row["pixels"] = drawer([seed], condition, _TRUNCATION)
        rows.append({name: values.ravel().tolist() for name, values in row.items()})
    return rows


def sizes(folder: pathlib.Path) -> dict[str, int]:
    """Returns the bytes that runtime and model take in a page."""
    packages = folder / "node_modules"
    jax_js = sum(f.stat().st_size for f in (packages / "@jax-js/jax/dist").glob("*.js"))
    ort = packages / "onnxruntime-web" / "dist"
    ours = sum((folder / name).stat().st_size for name in ("unet.js", "model.json"))
    weights = _as_base64(folder / "weights.bin")
    return {
        "our kernels": ours + _as_base64(folder / "kernels.wasm") + weights,
        "jax-js": jax_js + (folder / "by_jax_js.mjs").stat().st_size + weights,
        "onnxruntime-web": (ort / "ort.wasm.min.mjs").stat().st_size
        + (ort / "ort-wasm-simd-threaded.mjs").stat().st_size
        + _as_base64(ort / "ort-wasm-simd-threaded.wasm")
        + _as_base64(folder / "model.onnx"),
    }


def _as_base64(file: pathlib.Path) -> int:
    return 4 * -(-file.stat().st_size // 3)


def _run(command: list[str], folder: pathlib.Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{' '.join(command)} in {folder}: {done.stderr.strip()[-400:]}")
    return done.stdout


def table(rows: dict[str, dict[str, Any]], frames: dict[str, Any]) -> str:
    """Formats the figures as Markdown."""
    lines = [
        "| runtime | MB in a page | first emoji, ms | an emoji, ms (least, median) | deviation |",
        "|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        lines.append(
            f"| {name} | {row['bytes'] / 1e6:.2f} | {row['firstMs']:.0f} | {min(row['ms']):.0f}, "
            f"{np.median(row['ms']):.0f} | {row['deviation']:.2f} |"
        )
    lines += [
        "",
        f"The exported page in Chromium: {frames['bytes'] / 1e6:.2f} MB, first emoji after "
        f"{frames['firstMs'] / 1000:.1f} s, {frames['fps']:.1f} frames/s of at most 15, an emoji "
        f"in {min(frames['ms']):.0f} ms at least, {np.median(frames['ms']):.0f} ms in the median.",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--rounds", type=int, default=5, help="how often each emoji is drawn")
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    a = p.parse_args()
    if missing := [name for name in ("node", "npm") if not shutil.which(name)]:
        raise UserError(f"{missing[0]} is not installed: Node 20 or later has it")
    host.setup_host_memory()
    host.setup_compilation_cache()
    out = pathlib.Path(a.out)
    workdir.make_folder(out)
    workdir.make_folder(out / "programs")
    folder = prepared(out / "programs")
    if hasattr(os, "sched_setaffinity"):  # Linux
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rows = json.loads(_run(["node", "compare.mjs", ".", str(a.rounds)], folder))
    for name, size in sizes(folder).items():
        rows[name]["bytes"] = size
    frames = json.loads(_run(["node", "frames.mjs", "page.html", str(_SECONDS)], folder))
    frames["bytes"] = (folder / "page.html").stat().st_size
    workdir.write_atomic(out / "browser_runtimes.md", table(rows, frames).encode())
    figures = {"runtimes": rows, "page": frames}
    workdir.write_atomic(out / "browser_runtimes.json", json.dumps(figures, indent=1).encode())
    print(table(rows, frames))
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
