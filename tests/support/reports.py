"""Makes reports and sets, and parses pages, for the tests of eval's files."""

import base64
import dataclasses
import html.parser
import io

import numpy as np
import PIL.Image

from eval.metrics.sets import Estimate, SampleSet
from eval.report import report_file


def a_report(**changes):
    """Makes a run's report with `changes` of its fields or, as `part__field`, those of a part."""
    r = report_file.Report(
        extractor=report_file.ExtractorInfo("emoji-encoder", "ab" * 32, "alpha", "none"),
        real=report_file.RealInfo("openmoji train", 20, "cd" * 32, {"groups": ["Food & Drink"]}),
        fake=report_file.FakeInfo(
            "demo",
            12,
            "runs/demo",
            1917,
            30.672,
            "ef" * 32,
            seeds="0-11",
            truncation=1.0,
            hash="01" * 32,
        ),
        settings={"batch_size": 32},
        metrics={
            "fd": Estimate(12.3456, 11.91, 13.02, 20, 12),
            "recall": Estimate(0.25, None, None, 20, 12, "too few samples"),
            "alpha_binary": Estimate(0.91, 0.90, 0.92, 20, 12),
        },
        timings={"generate": 1.25},
        created="2026-11-23T09:16:39Z",
    )
    for key, value in changes.items():
        part, _, field = key.rpartition("__")
        if part:
            key, value = part, dataclasses.replace(getattr(r, part), **{field: value})
        r = dataclasses.replace(r, **{key: value})
    return r


def a_set(n, seed, prefix):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 16, 16, 4), np.uint8)
    features = rng.normal(size=(n, 5)).astype(np.float32)
    return SampleSet(
        images, features, None, None, None, None, None, tuple(f"{prefix}{i}" for i in range(n))
    )


REAL, FAKE = a_set(20, 0, "U+1F60"), a_set(12, 1, 'seed <b>&"')
MEMORISED = (np.arange(12) % 20, np.linspace(1, 2, 12), np.linspace(90, 0, 12))


class Page(html.parser.HTMLParser):
    """Checks the nesting and collects tags, pictures and text."""

    VOID = ("meta", "img", "input", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def pictures(self):
        return [a for tag, a in self.attributes if tag == "img"]


def decode(picture):
    kind, data = picture["src"].split(",", 1)
    assert kind == "data:image/png;base64"
    return np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(data, validate=True))))


def check_page(text):
    page = Page(text)
    assert "script" not in page.tags and "link" not in page.tags
    for _, attributes in page.attributes:
        assert not any(
            value and value.startswith(("http", "//", "file")) for value in attributes.values()
        )
    assert all(picture["alt"] and decode(picture).size for picture in page.pictures())
    assert "url(" not in text and "@import" not in text
    return page
