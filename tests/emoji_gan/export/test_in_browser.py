"""The exported page and element in headless Chromium, and the kernels' build."""

import numpy as np
import PIL.Image
import pytest

from emoji_gan.export import browser_model, page_bundle
from emoji_gan.trained import sampler as sampler_lib
from emoji_gan.trained.sampler import SHIPPED_MODEL, Sampler
from tests.emoji_gan.export.test_html_page import assert_same
from tests.support import browser
from tests.support import runs as runs_lib

pytestmark = [pytest.mark.slow, browser.needs("node", "npm")]
HOST = '<!doctype html><html lang="en"><title>t</title>{}<emoji-gan text="cat face"></emoji-gan>'
# No worker may be made there, so that the page draws itself.
POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "script-src file: 'wasm-unsafe-eval'; worker-src 'none'\">"
)
SCRIPT = '<script src="emoji-gan.js"></script>'


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What a walk through the page saw, and the folder with what it saved."""
    folder = tmp_path_factory.mktemp("page")
    files = {
        "page.html": page_bundle.page(str(SHIPPED_MODEL)),
        "emoji-gan.js": page_bundle.script(str(SHIPPED_MODEL)),
        "host.html": HOST.format(SCRIPT),
        "strict_host.html": HOST.format(POLICY + SCRIPT),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    scripts = browser.with_packages(tmp_path_factory.mktemp("scripts"))
    return browser.run_script(scripts, "exported_page.mjs", str(folder)), folder


def expected(text, seed):
    sampler = Sampler(str(SHIPPED_MODEL))
    wanted = {"text": text, "style": "openmoji"} if seed else {"text": text}
    condition = sampler_lib.ask(sampler.spec, wanted, 1, language="en")
    return sampler([seed], condition, 0.7)[0], sampler.provenance(seed, 0.7)


def test_what_the_page_saves_is_what_python_draws(seen):
    saved = PIL.Image.open(seen[1] / "saved.png")
    image, provenance = expected("birthday cake", 7)
    assert_same(np.asarray(saved), image)
    assert provenance.items() <= saved.text.items()
    assert saved.text["asked text"] == "birthday cake"
    large = np.asarray(PIL.Image.open(seen[1] / "large.png"))
    assert large.shape == (512, 512, 4)
    assert np.array_equal(large[8::16, 8::16], np.asarray(saved))
    command = seen[0]["whole"]["command"]
    assert "--text='birthday cake' --lang=en --style='openmoji'" in command
    assert command.endswith("--truncation=0.7 --seeds=7")


def test_nothing_is_asked_of_any_server(seen):
    result = seen[0]
    walks = [result[name] for name in ("whole", "moves", "still", "attributes", "strict")]
    requests = [r for walk in (*walks, *result["withoutWasm"]) for r in walk["seen"]["requests"]]
    assert requests and {r.partition(":")[0] for r in requests} <= {"file", "blob", "data"}
    files = {r.rpartition("/")[2] for r in requests if r.startswith("file:")}
    assert files == {"page.html", "host.html", "strict_host.html", "emoji-gan.js"}
    assert result["isProxied"] and result["askedByPages"] == []


def test_the_page_says_what_it_shows(seen):
    whole = seen[0]["whole"]
    assert (whole["role"], whole["name"]) == ("img", "Generated emoji: birthday cake")
    assert whole["label"] == "Émoji généré : soldes" and whole["french"].startswith("Compris comme")
    assert "is not among this page's phrases" in whole["unknown"]
    assert whole["unnamed"] == [] and whole["seen"]["errors"] == []


def test_the_script_that_the_page_saves_is_the_element(seen):
    saved, script = ((seen[1] / name).read_bytes() for name in ("saved.js", "emoji-gan.js"))
    assert saved.strip() == script.strip()


def test_the_element_moves_unless_motion_is_reduced(seen):
    moves, still = seen[0]["moves"], seen[0]["still"]
    assert moves["byItself"] >= 3 and moves["byPointer"] >= 1 and moves["isChanged"]
    assert still["byPointer"] == 0 and not still["isChanged"]
    assert still["byItself"] <= 1  # the attribute that is set is read


def test_the_element_follows_its_attributes(seen):
    a = seen[0]["attributes"]
    assert a["first"]["label"] == "Generated emoji: cat face" and a["alt"] == "Our cat"
    assert a["first"]["pixels"] != a["second"]
    assert any("qwertz" in warning for warning in a["seen"]["warnings"])


def test_the_element_draws_where_workers_are_refused(seen):
    drawn = np.array(seen[0]["strict"]["pixels"], np.uint8).reshape(32, 32, 4)
    assert_same(drawn, expected("cat face", 0)[0])


def test_a_browser_without_wasm_gets_a_message(seen):
    english, french = (x["message"] for x in seen[0]["withoutWasm"])
    assert english.startswith("This page needs WebAssembly")
    assert french.startswith("Cette page demande WebAssembly")
    assert all(x["seen"]["errors"] == [] for x in seen[0]["withoutWasm"])


def test_the_kernels_are_what_their_source_compiles_to(tmp_path):
    sources = runs_lib.ROOT / "emoji_gan" / "export" / "browser"
    browser.with_packages(tmp_path, sources)
    (tmp_path / "kernels.wasm").unlink()
    browser.build(tmp_path)
    assert (tmp_path / "kernels.wasm").read_bytes() == browser_model.read_kernels()
