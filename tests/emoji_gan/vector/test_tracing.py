"""From pictures of known drawings back to drawings."""

import re

import numpy as np
import pytest

from emoji_gan.vector import centre_lines, drawing, palettes, regions, tracing
from input_pipeline import degrade
from input_pipeline.art.rasterise import Rasteriser

_HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72">'
_FACE = f"""{_HEAD}<circle cx="36" cy="36" r="23" fill="#fcea2b" stroke="#000" stroke-width="2"/>
<circle cx="28" cy="31" r="3" fill="#000"/><circle cx="44" cy="31" r="3" fill="#000"/>
<path d="M26 44c6 6 14 6 20 0" fill="none" stroke="#000" stroke-width="2"
stroke-linecap="round"/></svg>"""
_RING = f"""{_HEAD}<path fill="#d22f27" fill-rule="evenodd"
d="M10 10h52v52h-52zM26 26h20v20h-20z"/></svg>"""
_FLAG = f"""{_HEAD}<path fill="#1e50a0" d="M6 18h20v36h-20z"/>
<path fill="#fff" d="M26 18h20v36h-20z"/><path fill="#d22f27" d="M46 18h20v36h-20z"/></svg>"""


def _error(a, b):
    return 255 * np.abs(degrade.premultiply(a) - degrade.premultiply(b)).mean()


@pytest.fixture(scope="module")
def rasteriser():
    with Rasteriser(512) as opened:
        yield opened


@pytest.mark.parametrize(
    ("svg", "shapes", "error"), [(_FACE, 4, 1.0), (_RING, 1, 0.5), (_FLAG, 3, 0.5)]
)
def test_a_drawing_comes_back(rasteriser, svg, shapes, error):
    picture = rasteriser.render(svg)
    traced = tracing.trace(picture, tracing.OPENMOJI)
    again = drawing.to_svg(traced)
    assert len(traced) == shapes
    assert _error(rasteriser.render(again), picture) < error
    assert again == drawing.to_svg(tracing.trace(picture, tracing.OPENMOJI))


def test_lines_become_strokes_of_their_width(rasteriser):
    traced = tracing.trace(rasteriser.render(_FACE), tracing.OPENMOJI)
    strokes = [shape for shape in traced if shape.width]
    assert len(strokes) == 1 and strokes[0] is traced[-1]  # over everything
    assert strokes[0].colour == (0, 0, 0) and strokes[0].width == pytest.approx(2.0, abs=0.05)
    closed = sorted(path.closed for path in strokes[0].paths)
    assert closed == [False, True]  # the mouth and the outline of the face


@pytest.mark.parametrize("off", [0.0, 0.03, 0.07, 0.11])  # units, of which a pixel has 0.14
def test_strokes_lie_midway_between_their_edges(rasteriser, off):
    line = f'<path d="M{14 + off} {30 + off}h40" stroke="#000" stroke-width="2" \
stroke-linecap="round"/></svg>'
    (stroke,) = tracing.trace(rasteriser.render(_HEAD + line), tracing.OPENMOJI)
    (path,) = stroke.paths
    points = path.curves.reshape(-1, 2)
    np.testing.assert_allclose(points[:, 1], 30 + off, atol=0.02)
    np.testing.assert_allclose(sorted(points[[0, -1], 0]), [14 + off, 54 + off], atol=0.1)


def test_a_dark_edge_of_a_hair_is_no_stroke(rasteriser):
    sea = '<path d="M8 63h56v7h-56z" fill="#92d3f5" stroke="#000" stroke-width="0.5"/></svg>'
    (stroke,) = [
        shape
        for shape in tracing.trace(
            rasteriser.render(_FACE.replace("</svg>", sea)), tracing.OPENMOJI
        )
        if shape.width
    ]
    assert max(path.curves[:, 0, 1].max() for path in stroke.paths) < 60


def test_a_line_that_is_thinner_in_its_middle_stays_one(rasteriser):
    line = '<path d="M{}h{}" stroke="#000" stroke-width="{}"/>'
    thin = _HEAD + line.format("14 30", 16, 2) + line.format("42 30", 16, 2)
    thin += line.format("30 30", 12, 0.5) + line.format("30 50", 12, 0.5) + "</svg>"
    (stroke,) = tracing.trace(rasteriser.render(thin), tracing.OPENMOJI)
    (path,) = stroke.paths  # and that of a hair alone is none
    points = path.curves.reshape(-1, 2)
    assert np.ptp(points[:, 0]) > 40 and abs(points[:, 1] - 30).max() < 0.2


def test_a_thin_dark_shape_keeps_its_colour_between_lines(rasteriser):
    def colours_of(svg):
        traced = tracing.trace(rasteriser.render(f"{_HEAD}{svg}</svg>"), tracing.OPENMOJI)
        return {shape.colour for shape in traced}

    arc = '<path d="M14 44a22 22 0 0 1 44 0" fill="none" stroke="{}" stroke-width="{}"/>'
    handle = arc.format("#000", 6.4) + arc.format("#3f3f3f", 2.4)
    assert (63, 63, 63) in colours_of(handle)
    pale_line = '<path d="M14 50h44" stroke="#000" stroke-width="2"/>'
    pale_line += '<path d="M30 50h12" stroke="#3f3f3f" stroke-width="2"/>'
    assert colours_of(pale_line) == {(0, 0, 0)}


def test_nothing_lets_the_ground_through_between_neighbours(rasteriser):
    drawn = rasteriser.render(
        drawing.to_svg(tracing.trace(rasteriser.render(_FLAG), tracing.OPENMOJI))
    )
    inside = drawn[140:370, 60:450, 3]
    assert inside.min() == 255


def test_noise_in_a_flat_colour_is_no_region(rasteriser):
    picture = rasteriser.render(_RING)
    noise = np.random.default_rng(0).normal(0, 14, (*picture.shape[:2], 3))
    rough = picture.copy()
    rough[..., :3] = np.clip(picture[..., :3] + noise, 0, 255)
    rough[picture[..., 3] == 0] = 0
    traced = tracing.trace(rough, tracing.OPENMOJI)
    assert len(traced) == 1
    assert _error(rasteriser.render(drawing.to_svg(traced)), picture) < 0.6


@pytest.mark.parametrize("alpha", [0, 100])
def test_a_picture_with_nothing_opaque_has_no_shapes(alpha):
    picture = np.zeros((256, 256, 4), np.uint8)
    picture[60:200, 60:200] = (200, 30, 30, alpha)
    assert tracing.trace(picture, tracing.OPENMOJI) == []


def test_a_style_of_its_own_colours_is_traced_by_a_palette_of_the_picture(rasteriser):
    picture = rasteriser.render(_FLAG.replace("#1e50a0", "#123456").replace("#d22f27", "#fedcba"))
    palette = palettes.of_picture(picture)
    assert {tuple(c) for c in palette.tolist()} == {
        (0x12, 0x34, 0x56),
        (255,) * 3,
        (0xFE, 0xDC, 0xBA),
    }
    style = tracing.Style(palette, np.zeros(3), None)
    assert _error(rasteriser.render(drawing.to_svg(tracing.trace(picture, style))), picture) < 0.5


def test_crossing_lines_go_straight_on():
    mask = np.zeros((200, 200), bool)
    mask[96:104, 20:180] = mask[20:180, 96:104] = True
    lines, width, rest = centre_lines.find(
        mask, mask.astype(np.float32), usual_width_px=8, most_width_px=20
    )
    assert len(lines) == 2 and width == 8 and not rest.any()
    for line in lines:
        assert np.ptp(line.points, 0).min() < 4 and np.ptp(line.points, 0).max() > 140


def test_what_is_thicker_than_lines_is_none():
    mask = np.zeros((200, 200), bool)
    mask[60:140, 60:140] = mask[96:104, 140:190] = True
    lines, _, rest = centre_lines.find(
        mask, mask.astype(np.float32), usual_width_px=8, most_width_px=20
    )
    assert len(lines) == 1 and rest[70:130, 70:130].all() and not rest[:, 160:].any()


def test_each_pixel_between_two_colours_takes_one_of_them():
    picture = np.full((64, 64, 4), 255, np.uint8)
    picture[:, 32:, :3] = 0
    picture[:, 31:33, :3] = 0x9B  # as far from black as from white, and a colour of the palette
    labels = regions.labelled(
        picture,
        palettes.OPENMOJI,
        np.full(len(palettes.OPENMOJI), 300.0),
        neighbours_px=2,
        least_area_px=10,
    )
    assert len(np.unique(labels)) == 2


def test_svg_numbers_are_what_was_drawn():
    svg_path = pytest.importorskip("fontTools.svgLib.path")
    pen = pytest.importorskip("fontTools.pens.recordingPen").RecordingPen()
    rng = np.random.default_rng(1)
    curve = rng.uniform(-1, 72, (40, 4, 2))
    curve[1:, 0] = curve[:-1, 3]
    curve[5] = np.linspace(curve[5, 0], curve[6, 0], 4)  # a straight one
    shape = drawing.Shape((drawing.Path(curve, False),), (1, 2, 3), 2.0)
    data = re.search(r' d="([^"]*)"', drawing.to_svg([shape]))[1]
    svg_path.parse_path(data, pen)
    ends = [args[-1] for name, args in pen.value if args]
    assert np.allclose(ends, [curve[0, 0], *curve[:, 3]], atol=0.0051)


def test_texts_are_escaped():
    svg = drawing.to_svg([], {"a<": '"x" & y'})
    assert "a&lt;" in svg and 'x" &amp; y' in svg and "& y" not in svg
