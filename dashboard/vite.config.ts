import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { sourcesDigest } from "./sources-digest.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// The monitor serves index.html at its root and every other file, flat, below static/; all addresses are relative, so
// that the page works below any path of a proxy.
export default defineConfig({
  plugins: [react(), sourcesDigest()],
  resolve: { alias: { "~": at("./src") } },
  build: {
    outDir: at("../episode_monitor/web/static"),
    emptyOutDir: true,
    assetsDir: "",
    target: "es2023",
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    chunkSizeWarningLimit: 1000,
    rollupOptions: { external: (id) => id.endsWith("/alert-types.js"), makeAbsoluteExternalsRelative: false },
  },
  experimental: {
    renderBuiltUrl: (name, { hostType }) => (hostType === "html" ? `./static/${name}` : { relative: true }),
  },
  test: { environment: "jsdom", include: ["tests/**/*.test.ts?(x)"], alias: { "./alert-types.js": at("./tests/alert-types.ts") } },
});
