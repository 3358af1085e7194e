// To the service's own page for signing in, and back to where one was. The rule it protects: the page never sees a token.
const WHERE = 'milepost.where';

export function toSignIn(): void {
  sessionStorage.setItem(WHERE, location.hash);
  // Relative: it lies beside this page, wherever that is.
  location.assign('sign-in');
}

/** Goes on where one was before signing in. */
export function goOn(): void {
  const where = sessionStorage.getItem(WHERE);
  sessionStorage.removeItem(WHERE);
  if (where && location.hash.length < 2) location.replace(where);
}
