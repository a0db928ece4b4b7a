"""Names the columns of customer, assignment and outcome files, as people head them."""

from campaign.experiment.reading.text_files import fold
from campaign.language import Language
from emoji_gan.errors import UserError

# Column -> folded headings that mean it, English and French.
SYNONYMS = {
    "customer": (
        *("customer", "customer_id", "client", "client_id", "id_client", "n_client", "id"),
        *("num_client", "numero_client", "user", "user_id", "contact", "contact_id", "email"),
        *("e_mail", "courriel", "adresse_e_mail", "subscriber", "abonne"),
    ),
    "segment": ("segment", "segments", "groupe", "cluster", "audience", "cible"),
    "arm": ("arm", "variant", "variante", "bras", "version", "cellule", "cell"),
    "propensity": ("propensity", "propension", "probability", "probabilite"),
    "assigned": ("assigned", "assigned_at", "affecte_le", "date_affectation", "date_envoi"),
    "date": (
        *("date", "event_date", "day", "jour", "timestamp", "datetime", "date_evenement"),
        *("date_achat", "date_commande", "order_date"),
    ),
    "sent": ("sent", "delivered", "envoye", "delivre", "remis"),
    "click": ("click", "clicks", "clicked", "clic", "clics", "clique"),
    "visit": ("visit", "visits", "visited", "visite", "visites"),
    "open": ("open", "opens", "opened", "ouverture", "ouvertures", "ouvert"),
    "conversion": (
        *("conversion", "conversions", "converted", "converti", "convertie"),
        *("purchase", "achat", "commande", "order"),
    ),
    "spend": (
        *("spend", "revenue", "amount", "depense", "depenses", "montant", "ca", "montant_ttc"),
        *("chiffre_d_affaires", "panier"),
    ),
    "unsubscribe": (
        *("unsubscribe", "unsubscribes", "unsubscribed", "desinscription", "desabonnement"),
        *("desinscrit", "desabonne", "desinscriptions"),
    ),
    "complaint": ("complaint", "complaints", "plainte", "plaintes", "spam"),
    "test": ("test", "test_id", "essai", "campagne", "campaign", "experiment"),
    "impressions": ("impressions", "envois", "sends", "affichages", "n", "trials"),
    "clicks": ("clicks", "click", "clics", "clic", "successes", "conversions"),
}
# What an outcome is: a yes or no, or an amount; and what is worse.
OUTCOMES = ("click", "visit", "open", "conversion", "spend", "unsubscribe", "complaint")
AMOUNTS = ("spend",)
MORE_IS_WORSE = ("unsubscribe", "complaint")


def folded(columns: tuple[str, ...]) -> frozenset[str]:
    """Returns all folded headings of some columns; one without synonyms is its own."""
    return frozenset(h for c in columns for h in SYNONYMS.get(c, (fold(c),)))


def outcome(text: str) -> str:
    """Returns the outcome that a word means, in English or French; other words as they are."""
    word = fold(text)
    return next((name for name in OUTCOMES if word in SYNONYMS[name]), text)


def parse_columns(text: str, language: Language) -> dict[str, str]:
    """Reads --columns: "customer=NUM,spend=TTC" -> {"customer": "NUM", "spend": "TTC"}."""
    pairs = [p for p in text.split(",") if p.strip()]
    if any("=" not in p for p in pairs):
        raise UserError(
            language.pick(
                f"--columns={text}: write column=HEADING, commas between",
                f"--columns={text} : écrivez colonne=INTITULÉ, séparés par des virgules",
            )
        )
    return {p.split("=", 1)[0].strip(): p.split("=", 1)[1].strip() for p in pairs}


def match(
    headings: list[str],
    columns: tuple[str, ...],
    given: dict[str, str],
    *,
    file: str,
    required: tuple[str, ...],
    language: Language,
) -> dict[str, int]:
    """Finds the column of each name.

    Args:
      headings: of the file.
      columns: names looked for.
      given: headings that the user gave for some names.
      file: its name, for errors.
      required: names that must be there.
      language: of errors.

    Returns:
      Name -> index of its heading.

    Raises:
      UserError: a required column is missing, or two headings mean it.
    """
    names = [fold(h) for h in headings]
    where: dict[str, int] = {}
    for column in columns:
        if column in given:
            hits = [i for i, h in enumerate(headings) if h == given[column]]
            hits = hits or [i for i, n in enumerate(names) if n == fold(given[column])]
        else:
            # Synonyms stand in order of preference: "customer" wins against "email".
            ranked = SYNONYMS.get(column, (fold(column),))
            best = next((s for s in ranked if s in names), None)
            hits = [i for i, n in enumerate(names) if n == best]
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
            seen = ", ".join(headings[:12])
            raise UserError(
                language.pick(
                    f"{file} has no column {column!r}; it has: {seen}. "
                    f"If one of these is it: --columns={column}=HEADING",
                    f"{file} n'a pas de colonne {column!r} ; il a : {seen}. "
                    f"Si l'une convient : --columns={column}=INTITULÉ",
                )
            )
    return where
