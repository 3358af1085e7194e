// Text that a machine sent, made fit for a screen. The rule it protects: nothing that was sent moves a cursor, hides text or
// turns its direction around. Escaping is React's.

// Escape sequences of terminals: CSI, OSC up to its end, and single characters.
// eslint-disable-next-line no-control-regex
const SEQUENCES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\^_])/g;
// Controls but for tab and line feed; and what overrides the direction of text or cannot be seen.
// eslint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Many lines: tabs and line feeds stay. */
export const cleanText = (text: string): string =>
  text.replace(SEQUENCES, '').replace(/\r\n?/g, '\n').replace(UNSEEN, '');

/** One line. */
export const cleanLine = (text: string): string => cleanText(text).replace(/\s+/g, ' ').trim();
