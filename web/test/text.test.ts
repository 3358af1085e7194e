// What machines send, on its way to the screen.
import { expect, test } from 'vitest';
import { cleanLine, cleanText } from '../src/clean';

test.each([
  ['\u001b[31mred\u001b[0m', 'red'],
  ['\u001b]0;title\u0007shell', 'shell'],
  ['bell\u0007 null\u0000 del\u007f c1\u009b', 'bell null del c1'],
  ['evil\u202egnp.exe\u2066', 'evilgnp.exe'],
  ['one\r\ntwo\rthree\ttab', 'one\ntwo\nthree\ttab'],
  ['žluťoučký kůň 安装 ✓', 'žluťoučký kůň 安装 ✓'],
])('%j is shown as %j', (sent, shown) => {
  expect(cleanText(sent)).toBe(shown);
});

test('a line is one line', () => {
  expect(cleanLine(' a\n\n b\tc ')).toBe('a b c');
});
