"""Licences of pictures made of two works: never more permissive than either; what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from input_pipeline import DataError
from input_pipeline.art import licences
from input_pipeline.art.licences import LICENCES, SETS, Work, adapted, of_style, of_texts, work

_LICENCES = st.sampled_from(sorted(LICENCES))


@st.composite
def works(draw):
    """A work, itself made of others where these may be combined."""
    made = work(draw(st.sampled_from("abc")), LICENCES[draw(_LICENCES)])
    for spdx in draw(st.lists(_LICENCES, max_size=2)):
        try:
            made = adapted(made, work(draw(st.sampled_from("abc")), LICENCES[spdx]))
        except DataError:
            continue
    return made


def result(first: Work, second: Work) -> Work | None:
    try:
        return adapted(first, second)
    except DataError:
        return None


@given(works(), works())
def test_a_result_is_never_more_permissive_than_either(first, second):
    made = result(first, second)
    if made is None:
        return
    assert made.terms >= first.terms | second.terms
    assert set(made.credits) == set(first.credits) | set(second.credits)
    for licence in (*first.licences, *second.licences):  # each is kept by its own name
        assert licence.spdx == "CC0-1.0" or licence in made.licences
    assert of_texts(made.texts(), "again.png") == made  # what a PNG says is read as it was meant


@given(works(), works(), works())
def test_the_order_does_not_matter(a, b, c):
    def outcome(*parts):
        made = parts[0]
        for part in parts[1:]:
            made = made and result(made, part)
        return made and (made.expression, made.terms)

    outcomes = {outcome(a, b, c), outcome(c, b, a), outcome(b, a, c)}
    assert len(outcomes) == 1
    assert (result(a, b) is None) == (result(b, a) is None)


@given(works(), works())
def test_what_forbids_adaptations_never_has_one(first, second):
    if licences.NO_ADAPTATION in first.terms | second.terms:
        assert result(first, second) is None


@pytest.mark.parametrize(
    ("first", "second", "expression"),
    [
        ("CC-BY-SA-4.0", "CC-BY-SA-4.0", "CC-BY-SA-4.0"),
        ("CC-BY-SA-4.0", "CC-BY-4.0", "CC-BY-4.0 AND CC-BY-SA-4.0"),
        ("CC-BY-SA-4.0", "Apache-2.0", "Apache-2.0 AND CC-BY-SA-4.0"),
        ("CC-BY-SA-4.0", "MIT", "CC-BY-SA-4.0 AND MIT"),
        ("CC0-1.0", "MIT", "MIT"),
        ("CC0-1.0", "CC0-1.0", "CC0-1.0"),
        ("LicenseRef-own", "Apache-2.0", "Apache-2.0 AND LicenseRef-own"),
        ("CC-BY-NC-4.0", "CC-BY-4.0", "CC-BY-4.0 AND CC-BY-NC-4.0"),
        ("CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-NC-4.0 AND CC-BY-NC-SA-4.0"),
    ],
)
def test_what_can_be_combined(first, second, expression):
    made = adapted(work("a", LICENCES[first]), work("b", LICENCES[second]))
    assert made.expression == expression
    if "NC" in expression:
        assert "no commercial use" in made.texts()["Terms"]


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("CC-BY-ND-4.0", "CC0-1.0", "CC BY-ND 4.0 forbids passing adaptations on"),
        ("MIT", "CC-BY-NC-ND-4.0", "CC BY-NC-ND 4.0 forbids"),
        ("CC-BY-SA-4.0", "CC-BY-NC-4.0", "cannot both be kept"),
        ("CC-BY-NC-SA-4.0", "CC-BY-SA-4.0", "cannot both be kept"),
    ],
)
def test_what_cannot_be_combined_is_one_line(first, second, reason):
    with pytest.raises(DataError, match=reason) as e:
        adapted(work("a", LICENCES[first]), work("b", LICENCES[second]))
    assert "\n" not in str(e.value)


def test_styles_have_the_licences_of_their_sets():
    expected = {"openmoji line": "CC-BY-SA-4.0", "noto": "Apache-2.0", "fluent-emoji-flat": "MIT"}
    for style, spdx in expected.items():
        assert of_style(style).expression == spdx
    assert of_style("mine").expression == of_style("").expression == "LicenseRef-own"
    assert of_style("mine", ("mine=cc by 4.0",)).expression == "CC-BY-4.0"
    assert of_style("noto", ("noto=own",)).expression == "LicenseRef-own"  # what is stated counts
    for stated, reason in (("mine", "not STYLE=LICENCE"), ("mine=GPL", "unknown; choose from")):
        with pytest.raises(DataError, match=reason):
            of_style("mine", (stated,))
    assert all(spdx in LICENCES for _, spdx in SETS.values())


@pytest.mark.parametrize(
    ("texts", "expression"),
    [
        ({}, "LicenseRef-own"),
        ({"Copyright": "Smith, admitted to MIT, all rights reserved"}, "LicenseRef-own"),
        ({"Copyright": "someone, MIT"}, "MIT"),
        ({"Copyright": "CC BY-NC-ND 4.0, by someone"}, "CC-BY-NC-ND-4.0"),
        ({"License": "GPL-3.0"}, "LicenseRef-own"),
        ({"License": "CC-BY-4.0 OR MIT"}, "LicenseRef-own"),
        ({"License": "CC-BY-4.0 AND GPL-3.0"}, "CC-BY-4.0 AND LicenseRef-own"),
        (
            {
                "Copyright": "derived from OpenMoji (openmoji.org), CC BY-SA 4.0; parent my.png: "
                "a picture of the user's own"
            },
            "CC-BY-SA-4.0 AND LicenseRef-own",
        ),
    ],
)
def test_a_file_that_says_nothing_clear_is_its_owner_s(texts, expression):
    assert of_texts(texts, "a.png").expression == expression
