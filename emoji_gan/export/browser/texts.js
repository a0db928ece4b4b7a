// Holds the page's texts, in English and French.

const TEXTS = {
  en: {
    title: "Draw emoji, here and offline",
    intro:
      "The model is inside this page: nothing is sent, nothing is fetched. Ask for something, " +
      "choose among the candidates, and save it.",
    emoji: "The emoji",
    what: "What it shows",
    phrase: "In a word or two, or an emoji",
    art: "Drawn",
    artAny: "either way",
    artColour: "in colour",
    artLine: "as line art",
    group: "Kind",
    groupAny: "any",
    variety: "Variety: the usual one to the unusual",
    candidates: "Candidates",
    candidatesLabel: "Candidates by seed",
    candidate: (seed) => `Seed ${seed}`,
    seed: "Seed",
    previous: "← Previous",
    next: "Next →",
    walk: "Turn it into another",
    toPhrase: "Into (empty: the same thing)",
    between: "How far",
    motion: "Motion",
    motionPointer: "follows the pointer",
    motionDrift: "drifts by itself",
    motionWalk: "goes there and back",
    motionNone: "none",
    still: "Your system asks for reduced motion, so the emoji stays still.",
    save: "Save as PNG",
    saveLarge: "Enlarged, 512 px",
    quoted: (text) => `“${text}”`,
    understood: "Understood as",
    nothing: "No subject asked for: the model draws anything.",
    unknown: (quoted, near) =>
      `${quoted} is not among this page's phrases` + (near ? `; try: ${near}` : ""),
    elsewhere: "Use it on another page, or from Python",
    elsewhereHow: "Save the script beside your page and write:",
    saveScript: "Save emoji-gan.js",
    sameInPython: "The same emoji by the command line:",
    unsupported:
      "This page needs WebAssembly with SIMD, which this browser lacks or has turned off. " +
      "Chrome 91, Firefox 89, Safari 16.4 and later have it.",
    licence:
      "Emoji drawn here are derived from OpenMoji (openmoji.org), CC BY-SA 4.0: name OpenMoji, " +
      "and share what you make of them under the same licence.",
  },
  fr: {
    title: "Dessiner des émojis, ici et hors ligne",
    intro:
      "Le modèle est dans cette page : rien n’est envoyé, rien n’est téléchargé. Demandez " +
      "quelque chose, choisissez parmi les candidats et enregistrez.",
    emoji: "L’émoji",
    what: "Ce qu’il montre",
    phrase: "En un mot ou deux, ou un émoji",
    art: "Dessiné",
    artAny: "peu importe",
    artColour: "en couleur",
    artLine: "au trait",
    group: "Famille",
    groupAny: "toutes",
    variety: "Variété : de l’habituel à l’inhabituel",
    candidates: "Candidats",
    candidatesLabel: "Candidats par graine",
    candidate: (seed) => `Graine ${seed}`,
    seed: "Graine",
    previous: "← Précédents",
    next: "Suivants →",
    walk: "Le transformer en un autre",
    toPhrase: "En (vide : le même sujet)",
    between: "Jusqu’où",
    motion: "Mouvement",
    motionPointer: "suit le pointeur",
    motionDrift: "bouge tout seul",
    motionWalk: "va et vient",
    motionNone: "aucun",
    still: "Votre système demande moins d’animations : l’émoji reste immobile.",
    save: "Enregistrer en PNG",
    saveLarge: "Agrandi, 512 px",
    quoted: (text) => `«\u00a0${text}\u00a0»`,
    understood: "Compris comme",
    nothing: "Aucun sujet demandé : le modèle dessine n’importe quoi.",
    unknown: (quoted, near) =>
      `${quoted} n’est pas parmi les mots de cette page` + (near ? `\u00a0; essayez\u00a0: ${near}` : ""),
    elsewhere: "L’utiliser dans une autre page, ou en Python",
    elsewhereHow: "Enregistrez le script à côté de votre page et écrivez :",
    saveScript: "Enregistrer emoji-gan.js",
    sameInPython: "Le même émoji en ligne de commande :",
    unsupported:
      "Cette page demande WebAssembly avec SIMD, que ce navigateur n’a pas ou a désactivé. " +
      "Chrome 91, Firefox 89, Safari 16.4 et suivants l’ont.",
    licence:
      "Les émojis dessinés ici sont dérivés d’OpenMoji (openmoji.org), CC BY-SA 4.0 : citez " +
      "OpenMoji et partagez ce que vous en faites sous la même licence.",
  },
};

const GROUPS_FR = {
  Activities: "Activités",
  "Animals & Nature": "Animaux et nature",
  Component: "Composants",
  Flags: "Drapeaux",
  "Food & Drink": "Nourriture et boissons",
  Objects: "Objets",
  "People & Body": "Personnes et corps",
  "Smileys & Emotion": "Visages et émotions",
  Symbols: "Symboles",
  "Travel & Places": "Voyages et lieux",
};

// Phrases or emoji to begin with; the page shows an emoji's name.
const IDEAS = {
  en: ["😎", "🎂", "🐱", "🍕", "❤️", "🌹", "👻", "🎈", "discount", "delivery"],
  fr: ["😎", "🎂", "🐱", "🍕", "❤️", "🌹", "👻", "🎈", "soldes", "livraison"],
};
