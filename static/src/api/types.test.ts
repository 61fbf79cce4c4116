import { readFileSync } from "node:fs";
import openapiTS, { astToString, COMMENT_HEADER } from "openapi-typescript";
import { expect, test } from "vitest";

test("types.ts is what lib/openapi.json says (if not: npm run types)", async () => {
  const document = new URL("../../../lib/openapi.json", import.meta.url);
  const generated = COMMENT_HEADER + astToString(await openapiTS(document));
  expect(readFileSync(new URL("./types.ts", import.meta.url), "utf8")).toBe(generated);
});
