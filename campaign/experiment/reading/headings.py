"""Names the columns of customer, assignment and outcome files, as people head them."""

import argparse
import dataclasses

from campaign.experiment.reading.text_files import fold
from campaign.language import Language
from emoji_gan.errors import UserError

# Column -> folded headings that mean it, English and French, in order of preference.
SYNONYMS = {
    "customer": (
        *("customer", "customer_id", "client", "client_id", "id_client", "n_client", "id"),
        *("num_client", "numero_client", "user", "user_id", "contact", "contact_id"),
        *("identifiant", "identifiant_client", "no_client", "numero_de_client", "code_client"),
        *("ref_client", "reference_client", "customer_number", "id_contact", "destinataire"),
        *("subscriber", "abonne", "email", "e_mail", "courriel", "adresse_e_mail", "mail"),
        *("adresse_email", "adresse_mail"),
    ),
    "segment": (
        *("segment", "segments", "segmentation", "cluster", "audience", "cible", "profil"),
        *("categorie", "groupe", "group"),
    ),
    "arm": (
        *("arm", "variant", "variante", "bras", "version", "cellule", "cell", "groupe", "group"),
        *("option", "creation", "objet"),
    ),
    "propensity": ("propensity", "propension", "probability", "probabilite"),
    "assigned": (
        *("assigned", "assigned_at", "affecte_le", "date_affectation", "date_d_affectation"),
        *("date_envoi", "date_d_envoi", "jour_d_envoi"),
    ),
    "covariate": ("covariate", "covariable"),
    "date": (
        *("date", "event_date", "day", "jour", "timestamp", "datetime", "date_evenement"),
        *("date_achat", "date_commande", "order_date", "date_de_l_evenement", "date_d_achat"),
        *("date_de_commande", "date_clic", "date_du_clic", "date_heure", "date_et_heure"),
        "horodatage",
    ),
    "sent": ("sent", "delivered", "envoye", "delivre", "remis", "expedie", "recu"),
    "click": (
        *("click", "clicks", "clicked", "clic", "clics", "clique", "a_clique", "nb_clics"),
        *("nombre_de_clics", "clics_uniques"),
    ),
    "visit": ("visit", "visits", "visited", "visite", "visites", "session", "sessions"),
    "open": ("open", "opens", "opened", "ouverture", "ouvertures", "ouvert", "a_ouvert"),
    "conversion": (
        *("conversion", "conversions", "converted", "converti", "convertie", "a_converti"),
        *("purchase", "achat", "achats", "commande", "commandes", "order", "orders"),
        *("vente", "ventes", "sale", "sales"),
    ),
    "spend": (
        *("spend", "revenue", "amount", "depense", "depenses", "montant", "ca", "montant_ttc"),
        *("montant_ht", "ca_ttc", "ca_ht", "chiffre_d_affaires", "panier", "revenu", "revenus"),
        *("vente", "ventes", "sale", "sales"),
    ),
    "unsubscribe": (
        *("unsubscribe", "unsubscribes", "unsubscribed", "desinscription", "desabonnement"),
        *("desinscrit", "desabonne", "desinscriptions", "desabonnements", "desinscrits"),
        *("desabonnes", "opt_out", "optout"),
    ),
    "complaint": (
        *("complaint", "complaints", "plainte", "plaintes", "spam", "signalement"),
        *("signalements", "reclamation", "reclamations"),
    ),
    "test": (
        *("test", "test_id", "tests", "essai", "experience", "experiment", "campagne"),
        *("campaign", "nom_du_test", "test_name", "operation"),
    ),
    "impressions": (
        *("impressions", "impression", "envois", "envoyes", "sends", "affichages", "affichage"),
        *("nb_envois", "nombre_d_envois", "delivres", "destinataires", "vues", "n", "trials"),
    ),
    "clicks": (
        *("clicks", "click", "clics", "clic", "nb_clics", "nombre_de_clics", "clics_uniques"),
        *("cliqueurs", "successes", "conversions"),
    ),
    "winner": (
        *("winner", "gagnant", "gagnante", "gagnants", "vainqueur", "is_winner"),
        *("declared_winner", "gagnant_declare", "meilleur", "meilleure"),
    ),
}
# Column -> what it holds, in words.
NAMES = {
    "customer": ("customers", "les clients"),
    "segment": ("segments", "les segments"),
    "arm": ("arms (which version each got)", "les bras (la version reçue par chacun)"),
    "covariate": ("the earlier column", "la colonne antérieure"),
    "date": ("dates", "les dates"),
    "click": ("clicks", "les clics"),
    "visit": ("visits", "les visites"),
    "open": ("opens", "les ouvertures"),
    "conversion": ("conversions", "les conversions"),
    "spend": ("amounts", "les montants"),
    "unsubscribe": ("unsubscribes", "les désinscriptions"),
    "complaint": ("complaints", "les plaintes"),
    "test": ("tests", "les tests"),
    "impressions": ("impressions (how many saw it)", "les impressions (combien l'ont vu)"),
    "clicks": ("clicks", "les clics"),
    "winner": ("declared winners", "les gagnants déclarés"),
}
# Column -> its word in --columns=, where French has another one; all are among the synonyms.
_FRENCH = {
    "customer": "client",
    "arm": "bras",
    "propensity": "propension",
    "assigned": "affecté_le",
    "covariate": "covariable",
    "sent": "envoyé",
    "click": "clic",
    "visit": "visite",
    "open": "ouverture",
    "spend": "dépense",
    "unsubscribe": "désinscription",
    "complaint": "plainte",
    "clicks": "clics",
    "winner": "gagnant",
}
# What an outcome is: a yes or no, or an amount; and what is worse.
OUTCOMES = ("click", "visit", "open", "conversion", "spend", "unsubscribe", "complaint")
AMOUNTS = ("spend",)
MORE_IS_WORSE = ("unsubscribe", "complaint")


def in_words(column: str, language: Language) -> str:
    """Names what a column holds; one of the user's own is its heading."""
    return language.pick(*NAMES.get(column, (column, column)))


def word(column: str, language: Language) -> str:
    """Returns what stands for a column in --columns=, in the user's language."""
    return language.pick(column, _FRENCH.get(column, column))


def folded(columns: tuple[str, ...]) -> frozenset[str]:
    """Returns all folded headings of some columns; one without synonyms is its own."""
    return frozenset(h for c in columns for h in _synonyms(c))


def outcome(text: str) -> str:
    """Returns the outcome that a word means, in English or French; other words as they are."""
    folded_text = fold(text)
    return next((name for name in OUTCOMES if folded_text in SYNONYMS[name]), text)


def parse_columns(text: str, columns: tuple[str, ...], language: Language) -> dict[str, str]:
    """Reads --columns: "customer=NUM,dépense=TTC" -> {"customer": "NUM", "spend": "TTC"}.

    Args:
      text: of the flag.
      columns: names that may stand before a heading; their synonyms may, too.
      language: of errors.

    Raises:
      UserError: another form, or no such name.
    """
    given = {}
    for pair in filter(None, (p.strip() for p in text.split(","))):
        left, sign, heading = (x.strip() for x in pair.partition("="))
        exact = [c for c in columns if left == c]
        names = exact or [c for c in columns if fold(left) in _synonyms(c)]
        if not (sign and heading and names):
            listed = ", ".join(word(c, language) for c in columns)
            raise UserError(
                language.pick(
                    f"--columns={text}: write column=HEADING, commas between; columns: {listed}",
                    f"--columns={text} : écrivez colonne=INTITULÉ, séparés par des virgules ; "
                    f"colonnes : {listed}",
                )
            )
        given[names[0]] = heading
    return given


def add_columns(p: argparse.ArgumentParser, *columns: str, language: Language) -> None:
    """Adds the flag --columns.

    Args:
      p: of the verb.
      columns: names for the example.
      language: of the help.
    """
    heading = language.pick("HEADING", "INTITULÉ")
    p.add_argument(
        "--columns",
        default="",
        metavar=",".join(f"{word(c, language)}={heading}" for c in columns),
        help=language.pick(
            "headings of your file that are not recognised by themselves",
            "intitulés de votre fichier qui ne sont pas reconnus d'eux-mêmes",
        ),
    )


@dataclasses.dataclass(frozen=True)
class Match:
    """Holds which column of a file is which.

    Attributes:
      where: name -> index of its heading.
      doubtful: names whose heading could mean another name, too, and which that is.
    """

    where: dict[str, int]
    doubtful: dict[str, str]


def match(
    headings: list[str],
    columns: tuple[str, ...],
    given: dict[str, str],
    *,
    file: str,
    required: tuple[str, ...],
    language: Language,
) -> Match:
    """Finds the column of each name; a heading is taken for one name only.

    Args:
      headings: of the file.
      columns: names looked for.
      given: headings that the user gave for some names.
      file: its name, for errors.
      required: names that must be there; they choose first.
      language: of errors.

    Raises:
      UserError: a required column is missing, or two headings mean it.
    """
    names = [fold(h) for h in headings]
    where: dict[str, int] = {}
    doubtful: dict[str, str] = {}
    for column in sorted(columns, key=lambda c: (c not in given, c not in required)):
        taken = {names[i] for i in where.values()}
        hits = [i for i, h in enumerate(headings) if h == given.get(column)]
        if not hits and column in given:
            hits = [i for i, n in enumerate(names) if n == fold(given[column])]
        if not hits:  # a heading of --columns may be that of another file
            ranked = _synonyms(column)
            best = next((s for s in ranked if s in names and s not in taken), None)
            hits = [i for i, n in enumerate(names) if n == best]
            others = [c for c in columns if c != column and best in _synonyms(c)]
            if best and others and others[0] not in where:
                doubtful[column] = others[0]
        if len(hits) > 1:
            raise UserError(
                language.pick(
                    f"{file} has {len(hits)} columns headed {headings[hits[0]]!r}",
                    f"{file} a {len(hits)} colonnes intitulées {headings[hits[0]]!r}",
                )
            )
        if hits:
            where[column] = hits[0]
        elif column in required:
            raise UserError(_missing(headings, column, file, language))
    return Match(where, {c: o for c, o in doubtful.items() if o not in where})


def _synonyms(column: str) -> tuple[str, ...]:
    return SYNONYMS.get(column, (fold(column),))


def _missing(headings: list[str], column: str, file: str, language: Language) -> str:
    seen = ", ".join(headings[:12])
    name = in_words(column, language)
    return language.pick(
        f"{file} has no column of {name}; it has: {seen}. "
        f"If one of these is it: --columns={column}=HEADING",
        f"{file} n'a pas de colonne pour {name} ; il a : {seen}. "
        f"Si l'une convient : --columns={word(column, language)}=INTITULÉ",
    )
