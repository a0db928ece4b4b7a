"""Tests how the code reads: first words, sizes and names; the linter holds widths and types."""

import ast
import collections
import io
import re
import subprocess
import tokenize

import pytest

from tests.support import runs as runs_lib

LONGEST_FILE = 400  # lines
LONGEST_FUNCTION = 60  # lines, unless a comment above it says why
# These name nothing by themselves.
EMPTY_WORDS = frozenset(
    ("asked", "box", "found", "known", "place", "said", "share", "shown", "told", "toward")
)
# Plural nouns, which end as verbs of the third person do.
NOT_VERBS = frozenset(
    (
        "Arguments",
        "Arrays",
        "Bytes",
        "Curves",
        "Features",
        "Figures",
        "Files",
        "Images",
        "Its",
        "Keys",
        "Lines",
        "Losses",
        "Metrics",
        "Networks",
        "Options",
        "Parameters",
        "Phrases",
        "Pictures",
        "Programs",
        "Seconds",
        "Statistics",
        "This",
        "Weights",
        "Words",
    )
)


def _sources() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=runs_lib.ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    return listed or [str(f.relative_to(runs_lib.ROOT)) for f in runs_lib.ROOT.rglob("*.py")]


SOURCES = _sources()


def _is_verb_first(docstring: str) -> bool:
    first = docstring.split()[0] if docstring.split() else ""
    return bool(re.fullmatch(r"[A-Z][a-z-]*s", first)) and first not in NOT_VERBS


def _public(tree: ast.Module):
    yield "module", tree
    for node in ast.walk(tree):
        is_named = isinstance(node, ast.FunctionDef | ast.ClassDef)
        if is_named and not node.name.startswith("_"):
            yield node.name, node


def faults(text: str, is_test: bool) -> collections.Counter:
    """Counts what a source does against the rules, each by its line and what is wrong."""
    tree, lines = ast.parse(text), text.splitlines()
    counts: collections.Counter = collections.Counter()
    if len(lines) > LONGEST_FILE:
        counts[f"{len(lines)} lines"] += 1
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME and token.string in EMPTY_WORDS:
            counts[f"{token.start[0]}: {token.string!r} names nothing"] += 1
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            reason = lines[first - 2].strip().startswith("#") if first > 1 else False
            length = node.end_lineno - node.lineno + 1
            if length > LONGEST_FUNCTION and not reason:
                counts[f"{node.lineno}: {node.name} has {length} lines"] += 1
    for name, node in () if is_test else _public(tree):
        docstring = ast.get_docstring(node)
        if docstring and not _is_verb_first(docstring):
            counts[f"{getattr(node, 'lineno', 1)}: {name} starts with no verb"] += 1
    return counts


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_reads_well(source):
    text = (runs_lib.ROOT / source).read_text(encoding="utf-8")
    assert list(faults(text, source.startswith("tests/"))) == []


def test_each_fault_is_seen():
    body = "\n".join("    x = 1" for _ in range(LONGEST_FUNCTION))
    text = f'"""Phrases of a kind."""\n\ndef f(found):\n    """Returns it."""\n{body}\n'
    assert len(faults(text, is_test=False)) == 3
    assert len(faults(text.replace("\ndef", "\n# Reason.\ndef"), is_test=False)) == 2
    assert len(faults("x = 1\n" * (LONGEST_FILE + 1), is_test=True)) == 1
