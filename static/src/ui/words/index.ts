import { en, type Words } from "./en.ts";
import { ru } from "./ru.ts";

export type { Words };
export type Language = "en" | "ru";

export const WORDS: Readonly<Record<Language, Words>> = { en, ru };

/** The first of the browser's languages that has a dictionary. */
export function preferred(languages: readonly string[]): Language {
  for (const language of languages) {
    const code = language.slice(0, 2).toLowerCase();
    if (code in WORDS) return code as Language;
  }
  return "en";
}
