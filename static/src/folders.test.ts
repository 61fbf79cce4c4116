/** Holds what README says of the folders, and of what moves by itself. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const FOLDERS = ["core", "api", "draw", "ui"] as const;
type Folder = (typeof FOLDERS)[number];
/** What each may use beside itself. */
const MAY_USE: Readonly<Record<Folder, readonly Folder[]>> = {
  core: [],
  api: ["core"],
  draw: ["core"],
  ui: ["core", "api"],
};
/** Types alone, which are not shipped: documents as the server sends them, and what draws them is handed. */
const TYPES_OF: Partial<Record<string, string>> = {
  "core/model.ts": "api/types.ts",
  "draw/canvas.ts": "api/protocol.ts",
  "draw/rack.ts": "api/protocol.ts",
};
/** For tests. */
const AIDS = /\.test\.tsx?$|^core\/(arbitrary|examples)\.ts$|^draw\/recorder\.ts$/;

const textOf = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");
const files = FOLDERS.flatMap((folder) =>
  readdirSync(new URL(folder, import.meta.url), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => ({ folder, path: `${folder}/${name}`.replaceAll("\\", "/") })),
).filter(({ path }) => !AIDS.test(path));

/** What a file imports: from where, and whether types alone. */
function importsOf(path: string): { from: string; types: boolean }[] {
  const imports = /\b(import|export)\s+(type\s)?[^;"]*?\bfrom\s+"([^"]+)"|\bimport\(?\s*"([^"]+)"/g;
  return [...textOf(path).matchAll(imports)].map(([, , types, from, alone]) => {
    const named = from ?? alone ?? "";
    const address = named.startsWith(".") ? new URL(named, `http://src/${path}`).pathname.slice(1) : named;
    return { from: address, types: types !== undefined };
  });
}

test.each(FOLDERS)("%s uses only what it may", (folder) => {
  const mine = files.filter((file) => file.folder === folder);
  const used = mine.flatMap(({ path }) => importsOf(path).map((one) => ({ path, ...one })));
  expect(used.length).toBeGreaterThan(5);
  const wrong = used.filter(({ path, from, types }) => {
    const other = FOLDERS.find((one) => from.startsWith(`${one}/`));
    // Of packages there is one, and it is for components.
    if (!other) return !(folder === "ui" && /^preact(\/hooks)?$/.test(from));
    if (other === folder || MAY_USE[folder].includes(other)) return false;
    if (path === "api/worker.ts" && other === "draw") return false;
    return !(types && TYPES_OF[path] === from);
  });
  expect(wrong).toEqual([]);
});

test("core knows of no browser", () => {
  const core = files.filter(({ folder }) => folder === "core");
  const wrong = core.filter(({ path }) =>
    /\b(document|window|navigator|localStorage)\s*[.[(]/.test(
      textOf(path).replace(/\/\*.*?\*\/|\/\/.*/gs, ""),
    ),
  );
  expect(wrong).toEqual([]);
});

test("nothing blinks: no style moves by itself, and what fades does not where less motion is asked for", () => {
  const css = textOf("ui/heat.css").replace(/\/\*.*?\*\//gs, "");
  expect(css).not.toMatch(/@keyframes|animation/);
  const [usual = "", calm = ""] = css.split("@media (prefers-reduced-motion: reduce)");
  const fading = (text: string) =>
    [...text.matchAll(/([.\w-]+) \{[^}]*transition:/g)].map(([, name]) => name);
  expect(fading(usual).filter((name) => !fading(calm).includes(name))).toEqual([]);
});
