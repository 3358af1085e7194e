// How the page is built. The rule it protects: it works below any path and without the network, and holds nothing that the
// service's Content-Security-Policy forbids (no inline script, no data: font).
import { defineConfig } from 'vitest/config';

let outDir = 'dist';

export default defineConfig({
  base: './',
  esbuild: { jsx: 'transform' },
  build: {
    target: 'es2021',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The fleet and its hosts are one script and one style sheet, compressed on their way; test/budget.test.ts holds them.
    chunkSizeWarningLimit: 1200,
    // dist/.gitignore stays, so that there is always a directory to embed; `clean` below removes the rest.
    emptyOutDir: false,
  },
  plugins: [
    {
      name: 'clean',
      apply: 'build',
      configResolved: ({ build }) => {
        outDir = build.outDir;
      },
      async buildStart() {
        const { rm } = await import('node:fs/promises');
        await rm(`${outDir}/assets`, { recursive: true, force: true });
      },
    },
  ],
  // Beside a service that runs already: npm run dev, with MILEPOST_URL where it is elsewhere.
  server: {
    proxy: Object.fromEntries(
      ['/api', '/sign-in', '/sign-out', '/docs', '/openapi.json'].map((path) => [
        path,
        { target: process.env.MILEPOST_URL ?? 'http://127.0.0.1:8420' },
      ]),
    ),
  },
  test: { include: ['test/**/*.test.ts'] },
});
