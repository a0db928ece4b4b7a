// Looks up what a phrase means among those that the page has vectors of.

const SILENT = new Set(
  ("a au aux avec d de des du en et l la le les un une " +
    "an and the of with").split(" "),
);

/** Removes case, accents, signs and articles: "l'Été" and "ete" are one. */
export function folded(text) {
  const plain = text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");
  const words = plain.replace(/œ/g, "oe").replace(/æ/g, "ae").match(/[\p{L}\p{N}]+/gu) ?? [];
  const meant = words.filter((word) => !SILENT.has(word));
  return (meant.length ? meant : words).join(" ");
}

/** Removes what says that a character is meant as an emoji. */
function plainEmoji(text) {
  return text.trim().replace(/\uFE0F/g, "");
}

export class Words {
  /** @param phrases by language, triples: a phrase or emoji, an emoji's name, a row of vectors */
  constructor(phrases) {
    this.byLanguage = {};
    for (const [language, rows] of Object.entries(phrases)) {
      this.byLanguage[language] = rows.map(([typed, name, row]) => {
        const key = name ? plainEmoji(typed) : folded(typed);
        return { typed, phrase: name || typed, row, language, key };
      });
    }
  }

  #all(language) {
    const others = Object.keys(this.byLanguage).filter((other) => other !== language);
    return [language, ...others].flatMap((each) => this.byLanguage[each] ?? []);
  }

  /** Returns the entry of a phrase or an emoji, or the shortest with all its words, or null. */
  find(text, language) {
    const all = this.#all(language);
    const key = folded(text);
    const exact = all.find((entry) => entry.key === (key || plainEmoji(text)));
    if (exact || !key) return exact ?? null;
    for (const each of [all.filter((entry) => entry.language === language), all]) {
      const fits = each.filter((entry) => hasWords(entry.key, key));
      fits.sort((a, b) => a.key.length - b.key.length);
      if (fits.length) return fits[0];
    }
    return null;
  }

  /** Lists all phrases of a language, without the emoji themselves. */
  phrases(language) {
    return [...new Set(this.byLanguage[language].map(({ phrase }) => phrase))];
  }

  /** Lists phrases that begin like a word of a text that was not understood. */
  near(text, language, count = 4) {
    const starts = folded(text).split(" ").filter((word) => word.length > 2);
    const fits = (this.byLanguage[language] ?? []).filter(({ key }) =>
      key.split(" ").some((word) => starts.some((start) => word.startsWith(start.slice(0, 3)))),
    );
    fits.sort((a, b) => a.key.length - b.key.length);
    return fits.slice(0, count).map(({ phrase }) => phrase);
  }
}

/** Returns whether each word of a text is, or begins, a word of a phrase; both are folded. */
function hasWords(phrase, text) {
  const words = phrase.split(" ");
  return text.split(" ").every((start) =>
    words.some((word) => word === start || (start.length > 3 && word.startsWith(start))),
  );
}
