// Proof that the check of the widgets can fail (npm run check): each of these is newer than React 16.9, which Foreman has.
// The rule it protects: what does not exist there does not compile here.
import * as React from 'react';

export const newer = [
  // @ts-expect-error: React 18
  React.useId,
  // @ts-expect-error: React 18
  React.useSyncExternalStore,
  // @ts-expect-error: React 18
  React.startTransition,
];
// What is there, is found.
export const known = [React.useState, React.useMemo, React.memo];
