"""The page and its element: parts, policy, the same bytes, and the pixels that Python draws."""

import base64
import hashlib
import html.parser
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from emoji_gan import conditions, errors
from emoji_gan.errors import UserError
from emoji_gan.export import __main__ as export
from emoji_gan.export import page_bundle
from emoji_gan.trained import latent
from emoji_gan.trained import sampler as sampler_lib
from emoji_gan.trained.sampler import SHIPPED_FLOW, SHIPPED_MODEL, Sampler
from tests.emoji_gan.export.test_onnx_file import stored
from tests.support import browser
from tests.support import runs as runs_lib

needs_node = browser.needs("node")
LARGEST_BYTES = 8e6
# An address that a page could ask: of no file beside it either.
ADDRESS = re.compile(rb"\b(?:https?|wss?|ftp):|(?:src|href)=\"(?!data:)[^\"]+|\burl\(|@import")


def in_process(monkeypatch, capsys, *arguments):
    """Runs `python -m emoji_gan.export ARGUMENTS`: exit code, output and errors."""
    monkeypatch.setattr(sys, "argv", ["export", *map(str, arguments)])
    with pytest.raises(SystemExit) as e:
        errors.run(export.main)
    return e.value.code, *capsys.readouterr()


class Parts(html.parser.HTMLParser):
    """Collects the scripts, styles and policy of a page."""

    def __init__(self, text):
        super().__init__(convert_charrefs=False)
        self.open, self.parts, self.policy = "", {"script": [], "style": []}, ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.open = tag
        if dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"]

    def handle_data(self, data):
        if self.open in self.parts:
            self.parts[self.open].append(data)

    def handle_endtag(self, tag):
        self.open = ""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The page and the script of the shipped model."""
    folder = tmp_path_factory.mktemp("exported")
    files = {"page.html": page_bundle.page, "emoji-gan.js": page_bundle.script}
    for name, make in files.items():
        (folder / name).write_text(make(str(SHIPPED_MODEL)), encoding="utf-8")
    return folder


def test_the_page_is_whole_and_asks_nothing(exported):
    data = (exported / "page.html").read_bytes()
    assert len(data) <= LARGEST_BYTES
    assert ADDRESS.findall(data.replace(b'src="emoji-gan.js"', b"")) == []
    page = Parts(data.decode())
    assert len(page.parts["script"]) == 2 and len(page.parts["style"]) == 1
    directives = dict(x.strip().partition(" ")[::2] for x in page.policy.split(";"))
    assert directives["default-src"] == "'none'" and "connect-src" not in directives
    hashes = [f"'sha256-{_digest(text)}'" for text in page.parts["script"]]
    assert directives["script-src"].split() == [*hashes, "'wasm-unsafe-eval'"]
    assert directives["style-src"] == f"'sha256-{_digest(page.parts['style'][0])}'"
    script = (exported / "emoji-gan.js").read_text(encoding="utf-8")
    assert page.parts["script"][0].strip() == script.strip()


def _digest(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_two_exports_are_the_same_bytes(exported):
    assert page_bundle.page(str(SHIPPED_MODEL)).encode() == (exported / "page.html").read_bytes()


def test_the_page_speaks_french_and_english():
    """Each text has both languages, and no element lacks its text."""
    folder = runs_lib.ROOT / "emoji_gan" / "export" / "browser"
    texts = (folder / "texts.js").read_text(encoding="utf-8")
    english, french = texts.partition("  fr: {")[::2]
    keys = [re.findall(r"^    (\w+):", part, re.MULTILINE) for part in (english, french)]
    assert len(keys[0]) > 30 and keys[0] == keys[1]
    used = re.findall(r'data-text="(\w+)"', (folder / "page.html").read_text(encoding="utf-8"))
    assert set(used) <= set(keys[0])


def drawn_in_node(script, requests, tmp_path):
    """Draws requests by the exported script: uint8 [n h w 4]."""
    (tmp_path / "requests.json").write_text(json.dumps(requests), encoding="utf-8")
    program = runs_lib.ROOT / "tests" / "browser" / "element_in_node.mjs"
    done = subprocess.run(
        ["node", str(program), str(script), str(tmp_path / "requests.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    drawn = np.array(json.loads(done.stdout), np.uint8)
    side = int((drawn.shape[1] / 4) ** 0.5)
    return drawn.reshape(-1, side, side, 4)


def assert_same(drawn, expected):
    """Pixels may differ by one level; colours count as they are seen, that is times alpha."""
    seen = [
        np.concatenate([x[..., :3] * (x[..., 3:] / 255.0), x[..., 3:]], -1)
        for x in (drawn.astype(float), np.asarray(expected).astype(float))
    ]
    assert np.abs(seen[0] - seen[1]).max() <= 1
    assert np.mean(drawn != np.asarray(expected)) < 0.002


# Names of emoji, everyday phrases and an emoji; both languages, both drawings, all sizes of seed.
REQUESTS = [
    {"text": "tête de chat", "language": "fr", "style": "openmoji", "seed": 0},
    {"text": "cat face", "style": "openmoji line", "seed": 1, "truncation": 1.0},
    {"text": "soldes", "language": "fr", "seed": 2**32 - 1, "truncation": 0.5},
    {"text": "🎂", "language": "fr", "style": "openmoji", "group": "Food & Drink", "seed": 123456},
    {"text": "delivery", "seed": 77, "truncation": 0.0},
    {"group": "Smileys & Emotion", "style": "openmoji", "seed": 5},
    {"seed": 6, "truncation": 1.3},
]


@needs_node
def test_the_page_draws_what_python_draws(exported, tmp_path):
    sampler = Sampler(str(SHIPPED_MODEL))
    expected = []
    for request in REQUESTS:
        wanted = {k: v for k, v in request.items() if k in ("text", "style", "group")}
        condition = sampler_lib.ask(sampler.spec, wanted, 1, language=request.get("language"))
        expected.append(sampler([request["seed"]], condition, request.get("truncation", 0.7))[0])
    requests = [{"art": r.get("style")} | r for r in REQUESTS]
    drawn = drawn_in_node(exported / "emoji-gan.js", requests, tmp_path)
    assert_same(drawn, expected)


@pytest.mark.slow
@needs_node
def test_the_page_walks_as_python_does(exported, tmp_path):
    sampler = Sampler(str(SHIPPED_MODEL))
    ends = latent.joined(
        [
            latent.points(
                sampler, [seed], sampler_lib.ask(sampler.spec, {"text": text}, 1), truncation=0.7
            )
            for seed, text in ((0, "cat face"), (9, "pizza"))
        ]
    )
    times = np.array([0.25, 0.5, 1.0])
    expected = latent.draw(sampler, latent.between(sampler.spec, ends, times))
    to = {"text": "pizza", "seed": 9}
    requests = [{"text": "cat face", "seed": 0, "to": to, "mix": t} for t in times]
    rounded = np.where(np.rint(expected[..., 3:]) > 0, np.rint(expected), 0)
    assert_same(drawn_in_node(exported / "emoji-gan.js", requests, tmp_path), rounded)


@needs_node
@pytest.mark.parametrize(
    "changes",
    [
        {"model.patch": 1, "model.steps": 1, "sample.steps": 1},
        pytest.param(
            {"model.patch": 2, "model.blocks": 2, "model.predict": "velocity"},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"model.multipliers": (1, 2, 2), "model.steps": 2, "sample.steps": 2},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_other_sizes_draw_what_python_draws(changes, tmp_path):
    spec = conditions.Spec((("group", ("a", "b")),)) if "model.blocks" in changes else None
    stored(tmp_path / "m.safetensors", "onestep", spec or conditions.NONE, changes, scale=0.05)
    source = str(tmp_path / "m.safetensors")
    (tmp_path / "e.js").write_text(page_bundle.script(source), encoding="utf-8")
    condition = {"group": np.array([1, 1])} if spec else None
    expected = Sampler(source)([3, 4], condition, 0.7)
    requests = [{"seed": seed, "group": "b" if spec else None} for seed in (3, 4)]
    assert_same(drawn_in_node(tmp_path / "e.js", requests, tmp_path), expected)


def test_bad_requests_are_one_line(monkeypatch, capsys, tmp_path):
    (tmp_path / "there.html").write_text("mine")
    for arguments, message in [
        (("--html", f"--out={tmp_path}/there.html"), "exists: remove it or give another name"),
        (("--html", f"--out={tmp_path}/page.txt"), "must end in .html"),
        (("--element", f"--out={tmp_path}/no/e.js"), "there is no folder"),
        (("--html", "--model=nothing.safetensors", f"--out={tmp_path}/a.html"), "no model at"),
        (("--html", f"--model={SHIPPED_FLOW}", f"--out={tmp_path}/a.html"), "'flow'"),
        (("--html", f"--model={tmp_path}", f"--out={tmp_path}/a.html"), str(tmp_path)),
        (("--onnx", "--batch=0", f"--out={tmp_path}/a.onnx"), "--batch=0: expected 1 to 1024"),
    ]:
        code, _, err = in_process(monkeypatch, capsys, *arguments)
        lines = [line for line in err.splitlines() if line.startswith("error: ")]
        assert code == 2 and len(lines) == 1 and message in lines[0], err
    assert [p.name for p in tmp_path.iterdir()] == ["there.html"]
    assert (tmp_path / "there.html").read_text() == "mine"


def test_missing_packages_are_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    code, _, err = in_process(monkeypatch, capsys, "--onnx", f"--out={tmp_path}/a.onnx")
    assert code == 2 and "pip install -r requirements-export.txt" in err


def test_widths_that_the_kernels_lack_are_refused(tmp_path):
    changes = {"model.width": 12, "model.heads": 1}
    trained = stored(tmp_path / "m.safetensors", "onestep", conditions.NONE, changes)
    with pytest.raises(UserError, match="multiples of 8; this model has 12"):
        page_bundle.script(trained.path)


def test_weights_are_written_as_a_model_file(monkeypatch, capsys, tmp_path):
    out = tmp_path / "m.safetensors"
    code, printed, _ = in_process(monkeypatch, capsys, "--safetensors", f"--out={out}")
    assert code == 0 and "5.09 MB" in printed
    assert out.read_bytes() == SHIPPED_MODEL.read_bytes()
