// The steps of a workflow as a build is opened with them. The rule it protects: what a workflow does not say of a step is the
// step's own, and the order is that of priority.
import type { Step, Workflow } from '../api/client';

export interface Planned {
  label: string;
  name: string;
  priority: number;
  /** Expected seconds, and how many of silence need a person. */
  weight: number;
  timeout: number;
  optional: boolean;
  entry: boolean;
}

export function planOf(workflow: Pick<Workflow, 'steps'>, steps: readonly Step[]): Planned[] {
  const known = new Map(steps.map((step) => [step.label, step]));
  return workflow.steps
    .map((place) => {
      const step = known.get(place.label);
      return {
        label: place.label,
        name: step?.name ?? place.label,
        priority: place.priority ?? step?.priority ?? 0,
        weight: place.weight_seconds ?? step?.weight_seconds ?? 0,
        timeout: place.timeout_seconds ?? step?.timeout_seconds ?? 0,
        optional: place.optional ?? false,
        entry: place.entry ?? false,
      };
    })
    .sort((a, b) => a.priority - b.priority);
}
