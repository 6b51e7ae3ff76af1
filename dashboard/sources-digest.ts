// Stores the SHA-256 of the sources in the build, so that a test without Node sees a build that is out of date.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

const ROOT = import.meta.dirname;
const FILES = ["index.html", "package-lock.json", "package.json", "sources-digest.ts", "tsconfig.json", "vite.config.ts"];

const TYPES = join("src", "api", "schema.d.ts"); // types leave no trace in a build

/** SHA-256 over path, NUL, content, NUL of each source, in the order of their paths' code points. */
export function digestOfSources(root: string = ROOT): string {
  const below = ["public", "src"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
      .filter((path) => path !== TYPES),
  );
  const hash = createHash("sha256");
  for (const path of [...FILES, ...below].sort()) hash.update(`${path}\0`).update(readFileSync(join(root, path))).update("\0");
  return hash.digest("hex");
}

export function sourcesDigest(): Plugin {
  return {
    name: "sources-digest",
    apply: "build",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "sources.sha256", source: `${digestOfSources()}\n` });
    },
  };
}
