import { describeOrigin, type Origin } from '../model/origin.ts';

/** One step of the way that a call takes. */
export interface Step {
  readonly what: 'service' | 'seen' | 'ingress' | 'listener' | 'route' | 'cluster' | 'endpoint' | 'policy';
  readonly text: string;
  /** `mesh/reviews.yaml:12`; empty: nothing in the files is the reason. */
  readonly where: string;
}

export function step(what: Step['what'], text: string, origin?: Origin): Step {
  return { what, text, where: origin === undefined || origin.file === '' ? '' : describeOrigin(origin) };
}
