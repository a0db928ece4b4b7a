"""Introduces the program and each verb to whoever types --help, in both languages."""

PROGRAM = (
    """\
Runs a campaign with emoji: from a brief to an honest verdict.

A folder, --dir, holds one campaign; each command finds there what the one
before left, and ends with the command that follows. In this order:

  python -m campaign brief "summer sale, up to 50% off" --channel=email
  python -m campaign search
  python -m campaign propose
  python -m campaign pick --best=3
  python -m campaign check
  python -m campaign refine
  python -m campaign animate --move=bounce,wave
  python -m campaign pack --for=slack,email,web
  python -m campaign plan --baseline=3% --smallest_effect=10% --start=2026-03-02
  python -m campaign assign --customers=customers.csv
  python -m campaign analyse --outcomes=outcomes.csv
  python -m campaign next

or all of it on an example: python -m campaign demo

Each command explains itself: python -m campaign plan --help
More: docs/campaign.md""",
    """\
Mène une campagne avec des emoji : du brief à un verdict honnête.

Un dossier, --dir, contient une campagne ; chaque commande y trouve ce que la
précédente a laissé, et finit par la commande à taper ensuite. Dans l'ordre :

  python -m campaign brief "soldes d'été, jusqu'à -50 %" --channel=email
  python -m campaign search
  python -m campaign propose
  python -m campaign pick --best=3
  python -m campaign check
  python -m campaign refine
  python -m campaign animate --move=bounce,wave
  python -m campaign pack --for=slack,email,web
  python -m campaign plan --baseline=3% --smallest_effect=10% --start=02/03/2026
  python -m campaign assign --customers=clients.csv
  python -m campaign analyse --outcomes=resultats.csv
  python -m campaign next

ou le tout sur un exemple : python -m campaign demo

Chaque commande s'explique : python -m campaign plan --help
Plus : docs/campagne.fr.md""",
)

# Verb -> what it is for, in the list of all verbs.
SUMMARIES = {
    "brief": ("what the campaign is about", "de quoi parle la campagne"),
    "search": ("relevant emoji, with uses", "des emoji pertinents, avec leurs emplois"),
    "propose": ("emoji of the brief's themes, to choose from", "des emoji des thèmes, au choix"),
    "pick": ("what you choose of them", "ce que vous en retenez"),
    "check": ("what may leave the house, and why not", "ce qui peut sortir, et sinon pourquoi"),
    "refine": ("a model nearer to your picks, if it helps", "un modèle plus près de vos choix"),
    "animate": ("closed loops of picked emoji", "les émojis retenus en boucles"),
    "pack": ("emoji for each target", "les émojis pour chaque destination"),
    "plan": ("the test, before its start", "le test, avant son départ"),
    "assign": ("which customer gets which version", "quel client reçoit quelle version"),
    "analyse": ("the verdict", "le verdict"),
    "next": ("who gets what at the next send", "qui reçoit quoi au prochain envoi"),
    "demo": (
        "all of it on an example, with simulated customers",
        "le tout sur un exemple, avec des clients simulés",
    ),
}

# Verb -> what it does, above its flags.
INTRODUCTIONS = {
    "brief": (
        """\
Writes brief.yaml: what the campaign is about, for whom, and what to avoid.
Themes and language are taken from the text where no flag gives them. In a
terminal and without flags it asks for one thing after the other.

  python -m campaign brief "a pizza delivery app" --channel=push --avoid=alcohol""",
        """\
Écrit brief.yaml : de quoi parle la campagne, à qui, et ce qu'il faut éviter.
Thèmes et langue viennent du texte si aucune option ne les donne. Dans un
terminal et sans option, les questions sont posées une à une.

  python -m campaign brief "une appli de pizzas" --channel=push --avoid=alcool""",
    ),
    "search": (
        """\
Suggests relevant emoji for the themes of the brief, with uses, when to avoid
them and what else they mean. Writes search.json; with --text nothing is written.

  python -m campaign search --text="summer sale" """,
        """\
Suggère des emoji pertinents pour les thèmes du brief, avec leurs emplois, quand
les éviter et ce qu'ils veulent dire d'autre. Écrit search.json ; avec --text,
rien n'est écrit.

  python -m campaign search --text="soldes d'été" """,
    ),
    "propose": (
        """\
Draws new emoji for the themes of the brief, and shows them beside the real ones
in proposals/contact_sheet.html. Takes some minutes.""",
        """\
Dessine de nouveaux emoji pour les thèmes du brief, et les montre à côté des
véritables dans proposals/contact_sheet.html. Prend quelques minutes.""",
    ),
    "pick": (
        """\
Keeps what you pick and reject of the proposals, in picks.json. The names are
under the pictures of the contact sheet. A later decision replaces an earlier.

  python -m campaign pick --names=pizza_01 --reject="pizza_02:too dark" """,
        """\
Note dans picks.json ce que vous retenez et écartez des propositions. Les noms
sont sous les images de la planche. Une décision remplace la précédente.

  python -m campaign pick --names=pizza_01 --reject="pizza_02:trop sombre" """,
    ),
    "check": (
        """\
Checks the proposals: copies, legibility, contrast, theme, offence, licences,
flashing. Writes checks.json; what fails is not packed.""",
        """\
Contrôle les propositions : copies, lisibilité, contraste, thème, offense,
licences, flashs. Écrit checks.json ; ce qui échoue n'est pas livré.""",
    ),
    "refine": (
        """\
Trains the drawing model a little further on what you picked, and says in
refine/report.html whether it now draws better; often it does not.""",
        """\
Entraîne encore un peu le modèle de dessin sur ce que vous avez retenu, et dit
dans refine/report.html s'il dessine mieux ; souvent, ce n'est pas le cas.""",
    ),
    "animate": (
        """\
Makes closed loops of the emoji that were picked and passed the checks, in
animations/.""",
        """\
Fait des boucles animées des emoji retenus qui ont passé les contrôles, dans
animations/.""",
    ),
    "pack": (
        """\
Writes what Slack, an e-mail, a web page and others take, in packs/, and says
what was given up to fit and how to bring it there.

  python -m campaign pack --for=slack,email,web""",
        """\
Écrit dans packs/ ce que prennent Slack, un courriel, une page web et d'autres,
et dit ce qui a été sacrifié et comment le mettre en place.

  python -m campaign pack --for=slack,email,web""",
    ),
    "plan": (
        """\
Plans a test before its start: how many customers it takes, how long, how often
you look at the result, and what it will be able to prove. Writes plan.json,
which is sealed: what was planned cannot be changed after the start.

An arm is a group of customers who get the same version; the first one, the
control, gets what you send today. A look is a moment at which you look at the
result. A guardrail is an outcome that must not get worse.

  python -m campaign plan --baseline=3% --smallest_effect=10% --start=2026-03-02""",
        """\
Planifie un test avant son départ : combien de clients il faut, combien de temps,
combien de fois vous regardez le résultat, et ce qui pourra être prouvé. Écrit
plan.json, qui est scellé : ce qui est prévu ne change plus après le départ.

Un bras est un groupe de clients qui reçoit la même version ; le premier, le
témoin, reçoit ce que vous envoyez aujourd'hui. Un bilan est un moment où vous
regardez le résultat. Un garde-fou est un résultat qui ne doit pas se dégrader.

  python -m campaign plan --baseline=3% --smallest_effect=10% --start=02/03/2026""",
    ),
    "assign": (
        """\
Draws for each customer which version they get, and when: writes
assignments.csv, to be given to your mailing tool. The same customer always gets
the same version, so the command may be run again.

  python -m campaign assign --customers=customers.csv""",
        """\
Tire au sort pour chaque client la version qu'il reçoit, et quand : écrit
assignments.csv, à donner à votre outil d'envoi ; il s'ouvre d'un double clic
dans Excel. Le même client a toujours la même version : la commande peut être
relancée.

  python -m campaign assign --customers=clients.csv""",
    ),
    "analyse": (
        """\
Says whether to deploy, to go on or to stop, in one sentence and in
report/report.html, from what customers did until now. Each run with new
customers is one of the planned looks; the same files again are the same look.

  python -m campaign analyse --outcomes=outcomes.csv
  python -m campaign analyse --counts=tests.csv      (only counts, without a plan)""",
        """\
Dit s'il faut déployer, continuer ou arrêter, en une phrase et dans
report/report.html, d'après ce que les clients ont fait jusqu'ici. Chaque fois
qu'il y a de nouveaux clients, c'est un des bilans prévus ; les mêmes fichiers
sont le même bilan.

  python -m campaign analyse --outcomes=resultats.csv
  python -m campaign analyse --counts=tests.csv      (des comptes seuls, sans plan)""",
    ),
    "next": (
        """\
Says for each segment which part of the customers gets which version at the
next send: more for what did better, a little for the others. Writes
allocation.json, which `campaign plan --allocation` takes.""",
        """\
Dit pour chaque segment quelle part des clients reçoit quelle version au
prochain envoi : plus à ce qui a mieux marché, un peu aux autres. Écrit
allocation.json, que prend `campaign plan --allocation`.""",
    ),
    "demo": (
        """\
Goes all the way in a new folder on an example, a bakery's sale: nothing is sent
to anybody, the customers are simulated and the truth is known.""",
        """\
Fait tout le chemin dans un nouveau dossier sur un exemple, les soldes d'une
boulangerie : rien n'est envoyé à personne, les clients sont simulés et la
vérité est connue.""",
    ),
}
