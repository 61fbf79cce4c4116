/** Where in what somebody typed a mistake is. */
export interface Spot {
  readonly before: string;
  /** What is to be marked: the word that begins there, `""` at the end. */
  readonly word: string;
  readonly after: string;
}

/** `position`: in characters. `around`: so many of them are kept on either side. */
export function spotAt(text: string, position: number, around = Number.POSITIVE_INFINITY): Spot {
  const characters = [...text];
  const rest = characters.slice(position).join("");
  const word = /^("[^"]*"?|\{[^}]*\}?|[^\s(){}"]+|.)/su.exec(rest)?.[0] ?? "";
  return {
    before: characters.slice(Math.max(0, position - around), position).join(""),
    word,
    after: [...rest.slice(word.length)].slice(0, around).join(""),
  };
}
