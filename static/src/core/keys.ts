/** What a keyboard event means to the page's one-letter keys. */

interface Pressed {
  readonly key: string;
  readonly code: string;
  readonly shiftKey: boolean;
}

/**
 * The name of a key: what it says where its letters are Latin, however Caps Lock stands; else what stands on the same
 * place of a Latin keyboard, so that the keys are where they were after a change to Russian.
 */
export function keyPressed({ key, code, shiftKey }: Pressed): string {
  if (code === "Slash" && /^[.,]$/.test(key)) return key === "," ? "?" : "/";
  if (key.length > 1) return key;
  const letter = /[^ -~]/.test(key) ? code.replace("Key", "") : key;
  return shiftKey ? letter.toUpperCase() : letter.toLowerCase();
}
