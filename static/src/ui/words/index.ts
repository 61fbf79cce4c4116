import type { Dictionary } from "./en.ts";
import en from "./en.ts?words";
import ru from "./ru.ts?words";
import { wordsOf } from "./words.ts";

/** Address of each language's dictionary. */
const AT = { en, ru };

export type Language = keyof typeof AT;
export type Words = Dictionary & { readonly number: (n: number) => string };
export const LANGUAGES = Object.keys(AT) as Language[];

/** The first of the browser's languages that has a dictionary. */
export function preferred(languages: readonly string[]): Language {
  const codes = languages.map((language) => language.slice(0, 2).toLowerCase());
  return (codes.find((code) => code in AT) ?? "en") as Language;
}

/** Fetches a dictionary, until it is here: without words there is no page. */
export async function load(language: Language): Promise<Words> {
  for (;;) {
    try {
      const answer = await fetch(AT[language]);
      if (answer.ok) return wordsOf((await answer.json()) as Dictionary);
    } catch {
      // Asked for again.
    }
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}
