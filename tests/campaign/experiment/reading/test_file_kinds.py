"""Files that were swapped, headings in French, and headings that could mean two things."""

import pytest

from campaign.experiment.reading import file_kinds, headings
from campaign.language import Language
from emoji_gan.errors import UserError

_HEADS = {
    "customers": "N° client;Segment;Panier moyen",
    "assignments": "Client;Segment;Bras;Propension;Affecté le",
    "outcomes": "N° client;Date;Clic;Montant;Désinscription",
    "counts": "Test;Variante;Affichages;Clics;Gagnant",
}


@pytest.fixture
def files(run, tmp_path):
    """A folder with a plan and a file of each kind, none of which can be read as another."""
    for kind, heads in _HEADS.items():
        row = ";".join(["1"] * (heads.count(";") + 1))
        (tmp_path / f"{kind}.csv").write_text(f"{heads}\n{row}\n", "cp1252")
    assert run("plan", "--baseline=20%", "--start=2026-03-02", f"--dir={tmp_path}")[0] == 0
    return tmp_path


@pytest.mark.parametrize("kind", _HEADS)
def test_each_kind_is_recognised_by_its_headings(kind):
    assert file_kinds.kind_of(_HEADS[kind].split(";")) == kind


@pytest.mark.parametrize(
    ("flags", "reasons"),
    [
        (
            ("analyse", "assignments=outcomes", "outcomes=assignments"),
            ("outcomes.csv ressemble à des résultats", "assignments.csv ressemble à des affec"),
        ),
        (("analyse", "outcomes=customers", "assignments=assignments"), ("une liste de clients",)),
        (
            ("analyse", "outcomes=outcomes", "assignments=customers"),
            ("irait plutôt à --customers",),
        ),
        (("analyse", "outcomes=counts", "assignments=assignments"), ("irait plutôt à --counts",)),
        (("analyse", "counts=outcomes"), ("ressemble à des résultats", "N° client, Date, Clic")),
        (("assign", "customers=assignments"), ("ressemble à des affectations",)),
        (("assign", "customers=counts"), ("ressemble à des comptes",)),
    ],
)
def test_a_swapped_file_is_named_as_what_it_is(run, files, flags, reasons):
    verb, *pairs = flags
    given = [f"--{x.split('=')[0]}={files}/{x.split('=')[1]}.csv" for x in pairs]
    code, _, err = run(verb, *given, f"--dir={files}", "--lang=fr")
    assert code == 2 and err.count("\n") == 1 and all(r in err for r in reasons), err
    assert ("échangez les deux" in err) == (
        len(reasons) > 1 and verb == "analyse" and "assignments" in err
    )


def test_outcomes_as_customers_are_taken_with_a_warning(run, files):
    given = f"--customers={files}/outcomes.csv", f"--out={files}/other.csv"
    code, out, _ = run("assign", *given, f"--dir={files}", "--lang=fr")
    assert code == 0 and "! outcomes.csv ressemble à des résultats" in out


def test_french_counts_with_a_winner_are_read(run, tmp_path):
    for winners in (("oui", ""), ("A", "A"), ("x", "non")):
        rows = [f"1;A;9000;500;{winners[0]}", f"1;B;9000;300;{winners[1]}"]
        for heads in (
            "Expérience;Variante;Affichages;Clics;Gagnant",
            "Test;Groupe;Envois;Clic;Vainqueur",
        ):
            (tmp_path / "c.csv").write_text("\n".join([heads, *rows]) + "\n", "cp1252")
            flags = f"--counts={tmp_path}/c.csv", f"--out={tmp_path}/r", "--lang=fr"
            code, out, err = run("analyse", *flags)
            assert code == 0 and "A est prouvé meilleur" in out, err
            page = (tmp_path / "r" / "report.html").read_text("utf-8")
            assert "Sur 1 gagnant déclaré à répartition saine : 1 prouvé" in page


def _match(heads, columns, required=(), given=None):
    return headings.match(
        heads, columns, given or {}, file="f.csv", required=required, language=Language("fr")
    )


def test_a_heading_with_two_meanings_is_taken_once_and_named():
    columns = ("customer", "arm", "segment")
    one = _match(["Client", "Groupe"], columns, required=("customer", "arm"))
    assert one.where == {"customer": 0, "arm": 1} and one.doubtful == {"arm": "segment"}
    both = _match(["Client", "Groupe", "Bras"], columns, required=("customer", "arm"))
    assert both.where == {"customer": 0, "arm": 2, "segment": 1} and not both.doubtful
    sold = _match(["Client", "Ventes"], ("customer", "conversion", "spend"), ("spend",))
    assert sold.where == {"spend": 1, "customer": 0} and sold.doubtful == {"spend": "conversion"}


@pytest.mark.parametrize(
    ("heading", "column"),
    [
        *(("Identifiant", "customer"), ("Nº client", "customer"), ("Adresse e-mail", "customer")),
        *(("Variante", "arm"), ("Version", "arm"), ("Date d'achat", "date"), ("Clics", "click")),
        *(("Chiffre d'affaires", "spend"), ("Montant TTC", "spend"), ("Désabonnés", "unsubscribe")),
    ],
)
def test_natural_french_headings_are_recognised(heading, column):
    assert _match([heading], (column,), (column,)).where == {column: 0}


def test_headings_of_one_s_own_may_be_named_in_french_and_must_exist(run, files):
    given = headings.parse_columns("client=NUM, dépense=TTC", ("customer", "spend"), Language("fr"))
    assert given == {"customer": "NUM", "spend": "TTC"}
    with pytest.raises(UserError, match="colonnes : client, dépense"):
        headings.parse_columns("couleur=NUM", ("customer", "spend"), Language("fr"))
    flags = f"--assignments={files}/assignments.csv", f"--outcomes={files}/outcomes.csv"
    code, _, err = run("analyse", *flags, f"--dir={files}", "--columns=clic=CLICK2", "--lang=fr")
    assert code == 2 and "aucun fichier n'a cet intitulé" in err and "Désinscription" in err
