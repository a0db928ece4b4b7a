// What the page says, in English and French.

const words = {
  title: ["Emoji explorer", "Explorateur d'emoji"],
  skip: ["Go to the chosen emoji", "Aller à l'emoji choisi"],
  tools: ["Tools", "Outils"],
  tabs: ["What to do", "Que faire"],
  undo: ["Undo", "Annuler"],
  redo: ["Redo", "Rétablir"],
  copy: ["Copy link", "Copier le lien"],
  copied: ["Link copied: it holds everything on this page.",
    "Lien copié : il contient tout ce qui est sur cette page."],
  not_copied: ["The link is in the address bar.", "Le lien est dans la barre d'adresse."],
  theme: ["Colours", "Couleurs"],
  theme_auto: ["System colours", "Couleurs du système"],
  theme_light: ["Light", "Clair"],
  theme_dark: ["Dark", "Sombre"],
  language: ["Language", "Langue"],
  cancel: ["Cancel", "Arrêter"],
  close: ["Close", "Fermer"],
  cancelled: ["Cancelled.", "Arrêté."],
  drawing: ["Drawing…", "Dessin en cours…"],
  progress: ["{done} of {total}", "{done} sur {total}"],
  waiting: ["Number {place} in the queue", "Numéro {place} dans la file d'attente"],
  unreachable: ["The explorer does not answer. Is it still running in its terminal?",
    "L'explorateur ne répond pas. Tourne-t-il encore dans son terminal ?"],
  bad_address: ["This address is damaged; the page starts anew.",
    "Cette adresse est abîmée ; la page repart de zéro."],
  credit: ["Pictures derived from {credit}. Say so where you use them.",
    "Images dérivées de {credit}. Mentionnez-le là où vous les utilisez."],

  ask: ["Ask", "Demander"],
  map: ["Map", "Carte"],
  walk: ["Walk", "Promenade"],
  vary: ["Vary", "Varier"],
  kitchen: ["Kitchen", "Cuisine"],

  ask_label: ["What would you like to see?", "Que voulez-vous voir ?"],
  ask_hint: ["smiling cat, red heart, an emoji …", "chat souriant, cœur rouge, un emoji …"],
  ask_button: ["Draw", "Dessiner"],
  examples: ["Try:", "Essayez :"],
  example_list: ["smiling cat|red heart|angry face|farmer|blue clock|full moon",
    "chat souriant|cœur rouge|visage en colère|fermière|horloge bleue|pleine lune"],
  style: ["Style", "Style"],
  style_any: ["any", "tous"],
  style_colour: ["coloured", "en couleurs"],
  style_line: ["line art", "au trait"],
  truncation: ["Daring", "Audace"],
  more: ["Other ones", "D'autres"],
  understood: ["Understood as", "Compris comme"],
  left_out: ["left out", "ignoré"],
  nothing: ["anything", "n'importe quoi"],
  drawn_count: ["{count} emoji drawn.", "{count} emoji dessinés."],
  candidates: ["Candidates", "Propositions"],
  tile: ["{what}, seed {seed}", "{what}, graine {seed}"],
  tile_picture: ["the dropped picture", "l'image déposée"],
  tile_variation: ["variation {seed}", "variation {seed}"],
  tile_cross: ["cross {seed}", "croisement {seed}"],
  tile_moved: ["{what}, moved", "{what}, déplacé"],
  sheet: ["All of them as one file", "Tous dans un fichier"],

  chosen: ["Chosen emoji", "Emoji choisi"],
  none_chosen: ["Choose an emoji to see it here: large, in a line of text, and with what it can "
    + "become.", "Choisissez un emoji pour le voir ici : en grand, dans une ligne de texte, et "
    + "avec tout ce qu'il peut devenir."],
  on_light: ["on light", "sur clair"],
  on_dark: ["on dark", "sur sombre"],
  in_text: ["At 22 px in a message", "À 22 px dans un message"],
  message: ["Well done {emoji} see you soon", "Bravo {emoji} à bientôt"],
  pin: ["Pin for a walk", "Épingler"],
  pinned: ["Pinned: {count}.", "Épinglés : {count}."],
  to_map: ["Wander around", "Explorer autour"],
  to_vary: ["Vary it", "Le varier"],
  to_kitchen: ["Into the kitchen", "En cuisine"],
  only_points: ["Made from a picture: to wander, walk or use sliders, choose “Vary it”, then its "
    + "nearest point in latent space.", "Fait à partir d'une image : pour explorer ou régler, "
    + "choisissez « Le varier », puis son point le plus proche dans l'espace latent."],
  sliders: ["Sliders", "Réglages"],
  show_sliders: ["Show the sliders", "Afficher les réglages"],
  direction_happier: ["happier", "plus heureux"],
  direction_brighter: ["brighter", "plus clair"],
  direction_redder: ["redder", "plus rouge"],
  direction_warmer: ["warmer", "plus chaud"],
  direction_fuller: ["fuller", "plus plein"],
  direction_rounder: ["rounder", "plus rond"],
  direction_line_art: ["line art", "au trait"],
  reset: ["Reset", "Remettre à zéro"],

  near_find: ["Compare with real emoji", "Comparer aux emoji réels"],
  near_title: ["Nearest emoji of the training set", "Emoji d'apprentissage le plus proche"],
  near_copy: ["Almost a copy of {name}: the model may have memorised it.",
    "Presque une copie de {name} : le modèle l'a peut-être mémorisé."],
  near_fine: ["{name}, similarity {similarity}: no copy.",
    "{name}, ressemblance {similarity} : pas une copie."],

  map_help: ["Drag, or use the arrow keys; + and − zoom; Enter chooses the emoji in the middle.",
    "Faites glisser, ou utilisez les flèches ; + et − zooment ; Entrée choisit l'emoji du milieu."],
  map_empty: ["Choose an emoji first, then “Wander around”.",
    "Choisissez d'abord un emoji, puis « Explorer autour »."],
  map_label: ["Map of latent space", "Carte de l'espace latent"],
  map_at: ["Middle of the map: {x}, {y}", "Milieu de la carte : {x}, {y}"],
  map_edge: ["This is the edge of the map.", "C'est le bord de la carte."],
  zoom_in: ["Zoom in", "Zoom avant"],
  zoom_out: ["Zoom out", "Zoom arrière"],
  turn: ["Other directions", "Autres directions"],
  recentre: ["Start from the middle", "Repartir du milieu"],

  walk_empty: ["Pin two emoji or more, and watch one become the other.",
    "Épinglez au moins deux emoji et regardez l'un devenir l'autre."],
  pins: ["Pinned emoji", "Emoji épinglés"],
  pin_left: ["Move left", "Vers la gauche"],
  pin_right: ["Move right", "Vers la droite"],
  pin_remove: ["Remove", "Retirer"],
  pin_seeds: ["Pin two examples", "Épingler deux exemples"],
  closed: ["Closed loop", "Boucle fermée"],
  even: ["Even steps", "Pas réguliers"],
  frames: ["Frames", "Images"],
  speed: ["Duration of a frame", "Durée d'une image"],
  make_walk: ["Draw the walk", "Dessiner la promenade"],
  play: ["Play", "Lecture"],
  pause: ["Pause", "Pause"],
  frame: ["Frame", "Image"],
  frame_of: ["{number} of {total}", "{number} sur {total}"],
  walk_preview: ["The walk, frame by frame", "La promenade, image par image"],
  walk_ready: ["The walk is drawn: {count} frames.", "La promenade est dessinée : {count} images."],

  source: ["An emoji or a picture", "Un emoji ou une image"],
  source_hint: ["pizza, 1F355, an emoji …", "pizza, 1F355, un emoji …"],
  source_use: ["Use", "Prendre"],
  source_file: ["Choose a picture", "Choisir une image"],
  source_drop: ["or drop one here (PNG, SVG, JPEG, WebP)",
    "ou déposez-en une ici (PNG, SVG, JPEG, WebP)"],
  source_seen: ["taken for: {name}", "pris pour : {name}"],
  source_bad: ["This file is no picture that the browser can read.",
    "Ce fichier n'est pas une image que le navigateur sait lire."],
  strength: ["Change", "Changement"],
  vary_text: ["Guide it by words (optional)", "Guider par des mots (facultatif)"],
  vary_hint: ["with a hat, purple …", "avec un chapeau, violet …"],
  line_art: ["Line art", "Au trait"],
  variations: ["Variations", "Variations"],
  inversion: ["Its nearest point in latent space", "Son point le plus proche dans l'espace latent"],
  inversion_help: ["Found by inversion: from it you can wander, walk and use sliders.",
    "Trouvé par inversion : de là, on peut explorer, se promener et régler."],
  invert: ["Find it", "Le trouver"],

  first: ["First", "Premier"],
  second: ["Second", "Second"],
  crosses: ["Crosses, best first", "Croisements, les meilleurs d'abord"],
  cross_0: ["{a} as {b}", "{a} en {b}"],
  cross_1: ["{b} as {a}", "{b} en {a}"],
  cross_2: ["both in one", "les deux en un"],
  cross_3: ["{a} with {b}", "{a} avec {b}"],
  cross_4: ["{b} with {a}", "{b} avec {a}"],
  likeness: ["{a}\u00a0% {first}, {b}\u00a0% {second}", "{a}\u00a0% {first}, {b}\u00a0% {second}"],
  unwanted: ["Pairs that are refused, and why", "Paires refusées, et pourquoi"],
  unwanted_help: ["Some pairs insult. They are refused where a cross of them:",
    "Certaines paires blessent. Elles sont refusées quand leur croisement :"],

  size: ["Size", "Taille"],
  format: ["Format", "Format"],
  download: ["Download", "Télécharger"],
  recipe: ["Recipe (JSON)", "Recette (JSON)"],
  export_title: ["Take it with you", "L'emporter"],
  export_help: ["The recipe makes the same file again: python -m explore --replay=recipe.json",
    "La recette refait le même fichier : python -m explore --replay=recipe.json"],
  saved: ["Saved as {name}, {size} kB.", "Enregistré : {name}, {size} ko."],
  gif_note: ["GIF has no soft edges: WebP or APNG look better where they are accepted.",
    "GIF n'a pas de bords doux : WebP ou APNG sont plus beaux là où ils sont acceptés."],
  no_webm: ["WebM needs PyAV on this machine: pip install -r requirements-webm.txt",
    "WebM demande PyAV sur cette machine : pip install -r requirements-webm.txt"],
};

let current = "en";

export function language() {
  return current;
}

export function setLanguage(name) {
  current = name === "fr" ? "fr" : "en";
  document.documentElement.lang = current;
  document.title = word("title");
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = word(element.dataset.word);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", word(element.dataset.label));
  }
}

export function word(name, values = {}) {
  const text = words[name]?.[current === "fr" ? 1 : 0] ?? name;
  return text.replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
}

export function has(name) {
  return name in words;
}

// Returns a number as it is written in the page's language.
export function number(value, digits = 2) {
  return value.toLocaleString(current, { maximumFractionDigits: digits });
}
