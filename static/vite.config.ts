import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { constants, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

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

const upstream = process.env.HEAT_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [ship()],
  // A data: URL would be refused by the content security policy, so nothing is inlined.
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  worker: { format: "es" },
  server: { proxy: { "/api": { target: upstream, ws: true }, "/status": upstream, "/plain": upstream } },
});
