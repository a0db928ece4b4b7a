"""Walks every feature of the page in a headless Chromium, which npm installs into a cache."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from tests.support import browser
from tests.support import runs as runs_lib

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("browser"),
    browser.needs("node", "npm"),
]
_SOURCE = runs_lib.ROOT / "tests" / "browser"
_WALK = (_SOURCE / "page_walk.mjs").read_text(encoding="utf-8")
_CHECKS = re.findall(r'check\("([^"]+)"', _WALK)
_CHECKS += [f"axe finds no serious fault, {theme}" for theme in ("light", "dark")]


@pytest.fixture(scope="module")
def address():
    """A running explorer."""
    command = [sys.executable, "-m", "explore", "--no-browser"]
    # In the background of a script Ctrl-C is ignored, also by what is started there.
    background = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(command, cwd=runs_lib.ROOT, stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, background)
    with process:
        line = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", line)
        yield line
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130


@pytest.fixture(scope="module")
def results(address, tmp_path_factory):
    """What each check of the script came to."""
    tools = browser.in_cache("page_walk.mjs")
    pictures = os.environ.get("EMOJI_GAN_SCREENSHOTS") or tmp_path_factory.mktemp("pictures")
    walked = subprocess.run(
        ["node", "page_walk.mjs", address, str(pictures)],
        cwd=tools,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert walked.returncode == 0, walked.stderr
    return json.loads(walked.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", _CHECKS)
def test_in_the_browser(results, name):
    assert results[name]["ok"], results[name]["why"]


def test_every_check_was_made(results):
    assert results.keys() == set(_CHECKS) and len(_CHECKS) > 15
