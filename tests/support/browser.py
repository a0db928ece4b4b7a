"""Runs the scripts of tests/browser under Node, with a Chromium of npm's."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from tests.support import runs as runs_lib

_SCRIPTS = runs_lib.ROOT / "tests" / "browser"
_TIMEOUT_S = 300
_NO_NETWORK = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH")


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skips a test where a program is not installed."""
    missing = [name for name in programs if not shutil.which(name)]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def with_packages(folder: pathlib.Path, of: pathlib.Path = _SCRIPTS) -> pathlib.Path:
    """Copies the sources beside a package.json to a folder, with the packages that it locks."""
    for file in of.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    install(folder)
    return folder


def in_cache(name: str) -> pathlib.Path:
    """Copies a script of tests/browser to a folder that keeps the packages between runs.

    The tests that call it are of the xdist group "browser": one installs at a time.
    """
    lock = (_SCRIPTS / "package-lock.json").read_bytes()
    root = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    folder = root / "emoji_gan" / "browser" / hashlib.sha256(lock).hexdigest()[:12]
    if not (folder / "node_modules").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(_SCRIPTS / file, folder)
        install(folder)
    shutil.copy(_SCRIPTS / name, folder)
    return folder


def install(folder: pathlib.Path) -> None:
    """Installs the packages that a folder locks; skips the test where npm reaches no registry."""
    command = ["npm", "ci", "--no-fund", "--no-audit", "--ignore-scripts"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    if done.returncode and any(code in done.stderr for code in _NO_NETWORK):
        pytest.skip(f"npm reaches no registry, and there is no browser: {done.stderr[:200]}")
    assert done.returncode == 0, done.stderr


def run_script(folder: pathlib.Path, name: str, *arguments: str) -> dict:
    """Runs a script of such a folder, and reads what it prints."""
    return json.loads(_checked(["node", name, *arguments], folder))


def _checked(command: list[str], folder: pathlib.Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(folder: pathlib.Path) -> None:
    """Runs the build of such a folder."""
    _checked(["npm", "run", "build"], folder)
