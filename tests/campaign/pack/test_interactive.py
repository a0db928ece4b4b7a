"""Emoji that are drawn in the page of a web pack: the element, its lines and the zip, read back."""

import json
import re
import zipfile

import numpy as np
import pytest

from campaign import manifest
from campaign.manifest import Entry
from campaign.pack import archives
from emoji_gan import images

TEXTS = {"Software": "emoji_gan", "seed": "7"}


@pytest.mark.slow
def test_web_elements_are_in_the_page_and_the_zip(run, tmp_path):
    """They are of the emoji that a still comes from; one that comes from none is refused."""
    flags = (f"--from={tmp_path}", f"--dir={tmp_path}", "--interactive", "--lang=fr")
    (tmp_path / "pain.png").write_bytes(
        images.png_bytes(np.full((64, 64, 4), 200, np.uint8), TEXTS)
    )
    code, _, err = run("pack", *flags, "--for=web")
    assert code == 2 and "emoji-gan.js : aucune image fixe" in err and err.count("\n") == 1
    assert run("pack", *flags, "--for=email")[::2] == (
        2,
        "erreur : --interactive est pour une page : ajoutez web à --for\n",
    )
    texts = TEXTS | {"parents": "1F956"}  # no frequent emoji
    alt = {"en": "bread & butter", "fr": "du pain"}
    about = ("CC-BY-SA-4.0", "derived from OpenMoji", "emoji_gan", texts)
    manifest.write(tmp_path, [Entry("pain", "pain.png", "", {}, alt, *about)])
    code, _, err = run("pack", *flags, "--for=web")
    assert (code, err) == (0, ""), err
    folder = tmp_path / "packs" / "web"
    page = (folder / "index.html").read_text("utf-8")
    (element,) = re.findall(r"<emoji-gan .*?</emoji-gan>", page, re.DOTALL)
    assert 'text="🥖"' in element and 'seed="7"' in element and "<picture>" in element
    assert 'lang="en"' in element and 'alt="bread &amp; butter"' in element
    assert "lang=&quot;fr&quot;" in page and "alt=&quot;du pain&quot;" in page
    script = (folder / "emoji-gan.js").read_text("utf-8")
    start = script.index("const DATA = ") + len("const DATA = ")
    data = json.JSONDecoder().raw_decode(script[start:])[0]
    assert ["🥖", "baguette"] in [row[:2] for row in data["phrases"]["fr"]]
    assert data["provenance"]["checkpoint_sha256"] and "prefers-reduced-motion" in script
    credit = (folder / "ATTRIBUTION.txt").read_text("utf-8")
    assert "emoji-gan.js\n  licence: Apache-2.0 AND CC-BY-SA-4.0" in credit
    with zipfile.ZipFile(folder / "interactive.zip") as archive:
        assert {"emoji-gan.js", "index.html", "ATTRIBUTION.txt"} < {*archive.namelist()}
        files = {name: (folder / name).read_bytes() for name in archive.namelist()}
        assert all(archive.read(name) == data for name, data in files.items())
    assert archives.to_zip(files) == (folder / "interactive.zip").read_bytes()
