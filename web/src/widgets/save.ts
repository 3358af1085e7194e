// Texts on their way out: into the clipboard, into a file. The rule it protects: it works without HTTPS as well, where a
// browser has no clipboard for a page.

/** Whether it is in the clipboard now. */
export async function copy(text: string): Promise<boolean> {
  // Absent without a secure context, whatever the types say.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard) {
    await clipboard.writeText(text);
    return true;
  }
  // What is selected can be copied anywhere.
  const before = document.activeElement;
  const field = document.createElement('textarea');
  field.className = 'mp-unseen';
  field.value = text;
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand('copy');
  field.remove();
  if (before instanceof HTMLElement) before.focus();
  return isCopied;
}

export function save(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text, '\n'], { type: 'text/plain' }));
  const link = document.createElement('a');
  Object.assign(link, { href: url, download: name });
  link.click();
  // The browser reads it after this turn.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
