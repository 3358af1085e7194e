// What a browser has to fetch before the fleet can be seen. The rule it protects: it stays small enough for a phone in a hall
// with bad reception; what belongs to other pages comes when somebody goes there.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));
const BUDGET = 250 * 1024;

/** The page, and all that it names and that is fetched with it: scripts with what they import at once, and styles. */
function firstLoad(): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  const visit = (path: string) => {
    if (found.has(path)) return;
    const bytes = readFileSync(join(DIST, path));
    found.set(path, bytes);
    const text = bytes.toString();
    const names = path.endsWith('.html')
      ? text.matchAll(/(?:src|href)="\.\/([^"]+\.(?:js|css))"/g)
      : path.endsWith('.js')
        ? text.matchAll(/(?:^|[;}])import(?:[^"'()]*from)?["']\.\/([^"']+)["']/g)
        : [];
    for (const [, name = ''] of names) visit(path.endsWith('.html') ? name : join(dirname(path), name));
  };
  visit('index.html');
  return found;
}

test('the first load is at most 250 KiB, compressed', () => {
  expect(existsSync(join(DIST, 'index.html')), 'the page is not built: make web').toBe(true);
  const files = [...firstLoad()].map(([name, bytes]) => ({ name, size: gzipSync(bytes).length }));
  const size = files.reduce((sum, file) => sum + file.size, 0);
  // The page, its script and its style sheet, at least.
  expect(files.length).toBeGreaterThanOrEqual(3);
  expect(size, JSON.stringify(files)).toBeGreaterThan(50 * 1024);
  expect(size, JSON.stringify(files)).toBeLessThanOrEqual(BUDGET);
});
