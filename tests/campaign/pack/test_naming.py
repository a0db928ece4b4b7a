"""Names are ones that every importer takes, each once, and those that are good stay."""

from hypothesis import given
from hypothesis import strategies as st

from campaign.manifest import NAME
from campaign.pack import naming


@given(st.lists(st.text(max_size=60), max_size=30))
def test_any_texts_become_short_codes_each_once(texts):
    codes = naming.unique(texts)
    assert len(codes) == len(texts) == len(set(codes))
    assert all(NAME.fullmatch(code) for code in codes)
    assert naming.unique(codes) == codes  # once good, they stay


@given(st.lists(st.from_regex(r"[a-z0-9]{30}_?", fullmatch=True), min_size=2, max_size=12))
def test_long_names_that_collide_are_numbered_within_the_limit(texts):
    codes = naming.unique([*texts, *texts])
    assert len(set(codes)) == 2 * len(texts) and max(map(len, codes)) <= naming.LONGEST


def test_french_names_read_well():
    codes = [naming.short_code(t) for t in ("Cœur brisé !", "œil", "À l'été", "x", "🍕", "Straße")]
    assert codes == ["coeur_brise", "oeil", "a_l_ete", "x_emoji", "emoji", "strasse"]


def test_a_number_does_not_take_the_name_of_another():
    assert naming.unique(["a b", "a_b", "a_b_2"]) == ["a_b", "a_b_3", "a_b_2"]
