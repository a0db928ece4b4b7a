"""The comparison of runtimes: what it draws, what it counts, and its table."""

import numpy as np
import pytest

from benchmarks.tasks import browser_runtimes


def test_each_request_is_one_emoji_with_its_pixels():
    rows = browser_runtimes.requests()
    assert len(rows) == 6
    sizes = {name: len(values) for name, values in rows[0].items()}
    assert sizes == {"noise": 4096, "vector": 204, "pixels": 4096}
    assert not np.array_equal(rows[0]["pixels"], rows[1]["pixels"])


def test_binary_files_count_as_base64(tmp_path):
    dist = {
        "jax": tmp_path / "node_modules" / "@jax-js" / "jax" / "dist",
        "ort": tmp_path / "node_modules" / "onnxruntime-web" / "dist",
    }
    for folder in dist.values():
        folder.mkdir(parents=True)
    files = {
        **{tmp_path / name: 10 for name in ("unet.js", "model.json", "by_jax_js.mjs")},
        **{tmp_path / name: 3 for name in ("kernels.wasm", "model.onnx")},
        tmp_path / "weights.bin": 301,
        dist["jax"] / "index.js": 100,
        dist["jax"] / "index.cjs": 5000,
        dist["ort"] / "ort.wasm.min.mjs": 7,
        dist["ort"] / "ort-wasm-simd-threaded.mjs": 5,
        dist["ort"] / "ort-wasm-simd-threaded.wasm": 30,
        dist["ort"] / "ort.webgpu.mjs": 5000,
    }
    for file, size in files.items():
        file.write_bytes(b"x" * size)
    weights = 404
    assert browser_runtimes.sizes(tmp_path) == {
        "our kernels": 20 + 4 + weights,
        "jax-js": 110 + weights,
        "onnxruntime-web": 12 + 40 + 4,
    }


def test_the_table_has_least_and_median():
    rows = {"ours": {"bytes": 2_000_000, "firstMs": 90.0, "ms": [3, 9, 5], "deviation": 0.5}}
    frames = {"bytes": 7_000_000, "firstMs": 1500.0, "fps": 14.96, "ms": [20.0, 30.0]}
    text = browser_runtimes.table(rows, frames)
    assert "| ours | 2.00 | 90 | 3, 5 | 0.50 |" in text
    assert "7.00 MB, first emoji after 1.5 s, 15.0 frames/s" in text


def test_missing_programs_are_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(browser_runtimes.shutil, "which", lambda name: None)
    monkeypatch.setattr("sys.argv", ["browser_runtimes", f"--out={tmp_path}/out"])
    with pytest.raises(browser_runtimes.UserError, match="node is not installed"):
        browser_runtimes.main()
