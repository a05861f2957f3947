import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// `npm run dev` shows the page with a server of `firstwords serve` behind it.
const server = "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: "../src/firstwords/serve/static",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    // The page's policy allows no data: fonts or scripts, and a file is as quick from this machine.
    assetsInlineLimit: 0,
    // One small file: on the way to the first view every file is one more that the browser waits for.
    cssCodeSplit: false,
  },
  server: {
    proxy: {
      "/api": {
        target: server,
        changeOrigin: true,
        // changeOrigin sets Host only; the server compares Origin with it.
        headers: { origin: server },
      },
    },
  },
});
