import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { constants, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";
import { en } from "./src/ui/words/en.ts";
import { ru } from "./src/ui/words/ru.ts";

/** Paths of all files under a folder, in a stable order. */
function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/**
 * After the build: `version.json` (a hash over everything built, so that a wall can tell that a newer page is
 * served) and a `.gz` beside each file for nginx' `gzip_static`.
 */
function ship(): Plugin {
  let folder = "dist";
  return {
    name: "ship",
    apply: "build",
    configResolved(config) {
      folder = join(config.root, config.build.outDir);
    },
    closeBundle() {
      const hash = createHash("sha256");
      const built = filesUnder(folder).filter((path) => !/(\.gz|version\.json)$/.test(path));
      for (const path of built) hash.update(relative(folder, path)).update("\0").update(readFileSync(path));
      const version = join(folder, "version.json");
      writeFileSync(version, `${JSON.stringify({ version: hash.digest("hex").slice(0, 16) })}\n`);
      for (const path of [...built, version]) {
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: constants.Z_BEST_COMPRESSION }));
      }
    },
  };
}

const DICTIONARIES: Readonly<Record<string, object>> = { en, ru };

/** `import address from "./en.ts?words"`: the dictionary as a JSON file of its own, of which one is loaded. */
function words(): Plugin {
  let built = false;
  return {
    name: "words",
    enforce: "pre",
    configResolved(config) {
      built = config.command === "build";
    },
    load(id) {
      const language = /([a-z]+)\.ts\?words$/.exec(id)?.[1];
      const dictionary = language && DICTIONARIES[language];
      if (!dictionary) return null;
      const source = JSON.stringify(dictionary);
      if (!built)
        return `export default ${JSON.stringify(`data:application/json,${encodeURIComponent(source)}`)}`;
      const file = this.emitFile({ type: "asset", name: `${language}.json`, source });
      return `export default import.meta.ROLLUP_FILE_URL_${file}`;
    },
  };
}

/**
 * The worker is a chunk of the same build, so that what the page and the worker share (filters, clock, layout) is
 * shipped once.
 */
function sharedWorker(): Plugin {
  return {
    name: "shared-worker",
    apply: "build",
    enforce: "pre",
    transform(code, id) {
      const written = 'new URL("../api/worker.ts", import.meta.url)';
      if (!id.endsWith("/src/ui/state.ts")) return null;
      if (!code.includes(written)) this.error(`${id} no longer starts the worker by ${written}`);
      const chunk = this.emitFile({ type: "chunk", id: join(id, "../../api/worker.ts"), name: "worker" });
      return code.replace(written, `import.meta.ROLLUP_FILE_URL_${chunk}`);
    },
  };
}

const upstream = process.env.HEAT_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [words(), sharedWorker(), ship()],
  // Children as arguments: without the name of each element's, and without the runtime that unpacks them.
  oxc: {
    jsx: { runtime: "classic", pragma: "h", pragmaFrag: "Fragment" },
    jsxInject: 'import { h, Fragment } from "preact"',
  },
  // A data: URL would be refused by the content security policy, so nothing is inlined.
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Page and worker share most of what needs no document: all of it in one file compresses best.
    rolldownOptions: {
      output: { codeSplitting: { groups: [{ name: "shared", test: /\/src\/(core|draw|api\/(?!worker))/ }] } },
    },
  },
  worker: { format: "es" },
  server: {
    proxy: {
      "/api": { target: upstream, ws: true },
      "/status": upstream,
      "/plain": upstream,
      "/handover": upstream,
    },
  },
});
