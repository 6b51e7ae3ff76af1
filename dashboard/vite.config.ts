import react from "@vitejs/plugin-react";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { sourcesDigest } from "./sources-digest.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What runs before the first paint stands in the page itself: as a file of its own it would be waited for, and all that it
 * asks for later by so much. The monitor allows it by its hash. Without comments: nobody reads it there. */
const early = (): Plugin => ({
  name: "early",
  transformIndexHtml: {
    order: "pre",
    handler: (html) => {
      const script = readFileSync(at("./src/first/before-paint.js"), "utf-8").replace(/^ *\/\/.*\n|^ +/gm, "");
      return html.replace("<!-- before-paint -->", () => `<script>${script}</script>`);
    },
  },
});

/** The page's own script is fetched when the first view says so (`first/main.ts`): earlier, it keeps a slow processor from
 * that. `preload`, since `modulepreload` would parse it then. */
const fetchedAhead = (): Plugin => ({
  name: "fetched-ahead",
  apply: "build",
  transformIndexHtml: {
    order: "post",
    handler: (_, { bundle }) => {
      const page = Object.values(bundle ?? {}).find((chunk) => chunk.type === "chunk" && chunk.name === "page");
      if (!page) throw new Error("There is no src/main.tsx in the build.");
      return [{ tag: "link", attrs: { id: "ahead", rel: "ahead", as: "script", crossorigin: true, href: `./static/${page.fileName}` }, injectTo: "head" }];
    },
  },
});

/** What the page has from its start on is one script, without what its first view has already: many small ones pack badly. */
const OF_FIRST_VIEW = /[/]src[/](first[/](?!hand-on)|text[/](first|nouns)\.|parts[/]icon-paths|app[/]after-paint|logic[/](say|figures|tabs|attention|alerts|address|format|overview)\.)/;
const LATER = /uplot|[/]src[/](pages[/](alerts|integrity|performance|jobs)[/]|parts[/]Chart|logic[/]trend)|[.]css/;
const isOfThePage = (id: string) => /node_modules|[/]src[/]/.test(id) && !OF_FIRST_VIEW.test(id) && !LATER.test(id);

// The monitor serves index.html at its root and every other file, flat, below static/; all addresses are relative, so
// that the page works below any path of a proxy.
export default defineConfig({
  plugins: [react(), early(), fetchedAhead(), sourcesDigest()],
  resolve: { alias: { "~": at("./src") } },
  build: {
    outDir: at("../episode_monitor/web/static"),
    emptyOutDir: true,
    assetsDir: "",
    target: "es2023",
    modulePreload: false,
    cssCodeSplit: false,
    chunkSizeWarningLimit: 1000,
    rollupOptions: { external: (id) => id.endsWith("/alert-types.js"), makeAbsoluteExternalsRelative: false, output: { codeSplitting: { includeDependenciesRecursively: false, groups: [{ name: "page", test: isOfThePage }] } } },
  },
  experimental: {
    renderBuiltUrl: (name, { hostType }) => (hostType === "html" ? `./static/${name}` : { relative: true }),
  },
  test: { environment: "jsdom", include: ["tests/**/*.test.ts?(x)"], alias: { "./alert-types.js": at("./tests/alert-types.ts") } },
});
