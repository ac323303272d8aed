import { type Fields, isObject } from './json.ts';
import type { StringMap } from './kubernetes.ts';

/** A label selector of Kubernetes, as somebody wrote it. */
export type LabelSelector = Fields;

/**
 * Whether labels match.
 * @returns undefined when the selector itself is wrong; an empty one matches nothing, for here it would match every pod
 */
export function matches(selector: LabelSelector, labels: StringMap): boolean | undefined {
  const { matchLabels, matchExpressions } = selector;
  const equal = isObject(matchLabels) ? Object.entries(matchLabels) : [];
  const expressions = Array.isArray(matchExpressions) ? matchExpressions : [];
  if (equal.length === 0 && expressions.length === 0) return false;
  const results = expressions.map((expression) => matchesExpression(expression, labels));
  if (results.includes(undefined)) return undefined;
  return equal.every(([key, value]) => labels[key] === value) && results.every((result) => result === true);
}

function matchesExpression(expression: unknown, labels: StringMap): boolean | undefined {
  if (!isObject(expression)) return undefined;
  const { key, operator } = expression;
  const values = expression['values'] ?? [];
  if (typeof key !== 'string' || key === '' || !Array.isArray(values)) return undefined;
  const has = Object.hasOwn(labels, key);
  switch (operator) {
    case 'In':
      return values.length === 0 ? undefined : has && values.includes(labels[key]);
    case 'NotIn':
      return values.length === 0 ? undefined : !(has && values.includes(labels[key]));
    case 'Exists':
      return values.length === 0 ? has : undefined;
    case 'DoesNotExist':
      return values.length === 0 ? !has : undefined;
    default:
      return undefined;
  }
}
