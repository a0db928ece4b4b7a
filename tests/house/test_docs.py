"""What the READMEs and docs promise: their size, their links, the commands they name."""

import importlib.util
import pathlib
import re
import subprocess

import pytest

from tests.support import runs as runs_lib

ROOT = runs_lib.ROOT
READMES = ("README.md", "README.fr.md")
NARROW = (
    "emoji_gan/encoder/weights/README.md",
    "models/README.md",
    *(p.relative_to(ROOT).as_posix() for p in sorted((ROOT / "docs").rglob("*.md"))),
)
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)


@pytest.mark.parametrize("name", READMES)
def test_a_readme_fits_a_hundred_lines_of_a_hundred_columns(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 100
    assert [line for line in lines if len(line) > 100] == []


def _long_lines(text: str) -> list[str]:
    """Finds lines of prose or commands beyond 100 columns; tables and quoted output are exempt."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [line for line in prose.splitlines() if len(line) > 100 and not line.startswith("|")]


@pytest.mark.parametrize("page", NARROW)
def test_prose_fits_a_hundred_columns(page):
    assert _long_lines((ROOT / page).read_text(encoding="utf-8")) == []


def test_a_long_line_would_be_seen():
    long = "x" * 101
    assert _long_lines(f"a\n{long}\n|{long}|\n```\n{long}\n```\n") == [long]


def test_pictures_of_the_readmes_are_light():
    for name in READMES:
        for picture in re.findall(r"\]\((\S+\.png)\)", (ROOT / name).read_text(encoding="utf-8")):
            assert (ROOT / picture).stat().st_size <= 400_000, (name, picture)


def test_every_picture_of_the_docs_is_shown_on_a_page():
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    unseen = [p.name for p in (ROOT / "docs").glob("*.png") if f"{p.name})" not in pages]
    assert unseen == []


def test_files_that_the_notice_names_exist():
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    named = re.findall(r"\b[\w/]+/[\w-]+\.(?:md|txt|safetensors)\b", notice)
    assert named and [name for name in named if not (ROOT / name).exists()] == []


def _anchors(page: pathlib.Path) -> set[str]:
    """Names the headings of a page as GitHub does; a second one of a name is not meant here."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _broken_links(page: pathlib.Path) -> list[str]:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_and_pictures_are_there(page):
    assert _broken_links(page) == []


def test_a_broken_link_would_be_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# `A` part, or two\n[a](there.md) ![b](x/gone.png) [c](https://host/x)\n"
        "[d](page.md#a-part-or-two) [e](#a-part-or-two) [f](page.md#part) [g](#other)"
    )
    assert _broken_links(page) == ["there.md", "x/gone.png", "page.md#part", "#other"]


def _commands(page: str) -> set[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return set(re.findall(r"python -m ([\w.]+)", text))


@pytest.mark.parametrize("page", [*READMES, "docs/commands.md", "docs/tutorial.md"])
def test_modules_that_are_named_exist(page):
    modules = _commands(page)
    assert modules and [m for m in modules if importlib.util.find_spec(m) is None] == []


def test_targets_and_configs_that_are_named_exist():
    makefile = (ROOT / "Makefile").read_text()
    for page in [*READMES, "docs/commands.md", "docs/tutorial.md"]:
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in re.findall(r"`?make ([a-z-]+)`", text):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), (page, target)
        for config in re.findall(r"configs/\w+\.py", text):
            assert (ROOT / config).exists(), (page, config)


def test_flags_that_are_named_exist():
    """Of every program: a flag is defined somewhere by the name that the pages use."""
    files = subprocess.check_output(["git", "ls-files", "*.py"], cwd=ROOT, text=True).split()
    source = "\n".join((ROOT / f).read_text(encoding="utf-8") for f in files)
    by_condition = {"group", "subgroup", "codepoint", "style", "tone", "text"}  # built in a loop
    for page in [*READMES, "docs/commands.md", "docs/tutorial.md"]:
        text = (ROOT / page).read_text(encoding="utf-8")
        flags = set(re.findall(r"--([a-z][a-z_]+)(?=[=\s`])", text))
        for flag in flags - {"help"} - by_condition:
            assert re.search(rf'"(--)?{flag}"', source), (page, flag)


def test_both_readmes_say_the_same():
    english, french = (_commands(name) for name in READMES)
    assert english == french
    counts = [(ROOT / n).read_text(encoding="utf-8").count("\n## ") for n in READMES]
    assert counts[0] == counts[1]
