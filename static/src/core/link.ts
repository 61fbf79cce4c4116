/** The event's page at its source, or undefined when the source gives no usable link. */
export function linkOf(template: string | undefined, ref: Readonly<Record<string, string>> | undefined) {
  if (template === undefined) return undefined;
  let complete = true;
  const filled = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = ref?.[name];
    if (value === undefined) complete = false;
    return encodeURIComponent(value ?? "");
  });
  // Only these two: a template is configuration, but what it opens must never be a script.
  return complete && /^https?:\/\//i.test(filled) ? filled : undefined;
}
