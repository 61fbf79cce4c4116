/**
 * How a dictionary becomes words. It is written in TypeScript, so that a missing key fails the type check, shipped as JSON
 * (`vite.config.ts`), and here its phrases become functions again.
 */

type Filling = string | number;

/** A phrase is a function of as many fillings as it has gaps. */
export type Phrase<S extends string> = S extends `${string}{2${string}`
  ? (a: Filling, b: Filling, c: Filling) => string
  : S extends `${string}{1${string}`
    ? (a: Filling, b: Filling) => string
    : S extends `${string}{0${string}`
      ? (a: Filling) => string
      : string;

/** Marks a phrase with gaps; it stays the text that it is until `wordsOf` reads it. */
export function t<S extends string>(phrase: S): Phrase<S> {
  return phrase as unknown as Phrase<S>;
}

/** A dictionary as it was written (or came over the line), made usable. */
export function wordsOf<D extends { readonly locale: string }>(dictionary: D) {
  const digits = new Intl.NumberFormat(dictionary.locale);
  const rules = new Intl.PluralRules(dictionary.locale);
  /** Small numbers need no grouping, and a storm writes thousands of them. */
  const number = (n: number) => (n < 1000 ? String(n) : digits.format(n));
  const counted = (n: number, forms: readonly string[]) => {
    const form = ["one", "few"].indexOf(rules.select(n));
    return `${number(n)} ${form < 0 || form >= forms.length ? forms.at(-1) : forms[form]}`;
  };
  const made = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(made);
    if (typeof value === "object") {
      return Object.fromEntries(Object.entries(value as object).map(([key, part]) => [key, made(part)]));
    }
    const phrase = String(value);
    if (!/\{\d/.test(phrase)) return phrase;
    return (...fillings: Filling[]) =>
      phrase.replace(/\{(\d)(?:#([^}]*))?\}/g, (_, gap: string, forms?: string) => {
        const filling = fillings[Number(gap)];
        return forms === undefined ? String(filling) : counted(Number(filling), forms.split("|"));
      });
  };
  return { ...(made(dictionary) as D), number };
}
