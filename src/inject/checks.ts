/** Checks of what an annotation may say. Each answers with what is wrong, or undefined. */
import { isIP } from 'node:net';
import { parse as parsePath } from 'node:path';
import { isObject } from './json.ts';
import { parseQuantity } from './quantity.ts';

export type ValueCheck = (value: string) => string | undefined;

const MAX_PORT = 65535;

/** `80,443`; blanks around the items do not count. */
export const ports =
  (name: string): ValueCheck =>
  (value) =>
    firstProblem(itemsOf(value), (item) => {
      const why = port(item);
      return why === undefined ? undefined : `${name} invalid: ${why}`;
    });

export const portsOrStar =
  (name: string): ValueCheck =>
  (value) =>
    value.trim() === '*' ? undefined : ports(name)(value);

export const port: ValueCheck = (value) => {
  const why = !/^\d+$/.test(value)
    ? 'not a number'
    : Number(value) > MAX_PORT
      ? `not between 0 and ${MAX_PORT}`
      : undefined;
  return why === undefined ? undefined : `failed parsing port '${value}': ${why}`;
};

export const ranges =
  (name: string): ValueCheck =>
  (value) =>
    firstProblem(itemsOf(value), (item) => {
      const [, address = '', bits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(item) ?? [];
      const most = isIP(address) === 4 ? 32 : isIP(address) === 6 ? 128 : -1;
      return bits !== '' && Number(bits) <= most
        ? undefined
        : `${name} invalid: failed parsing cidr '${item}': expected an address and the length of its prefix, such as 10.0.0.0/8`;
    });

export const rangesOrStar =
  (name: string): ValueCheck =>
  (value) =>
    value.trim() === '*' ? undefined : ranges(name)(value);

/** Names of network interfaces, as Linux allows them. */
export const interfaces: ValueCheck = (value) =>
  firstProblem(itemsOf(value), (item) =>
    /^[^\s/,:"']{1,15}$/.test(item) ? undefined : `'${item}' cannot be the name of a network interface`,
  );

export const oneOf =
  (name: string, allowed: readonly string[]): ValueCheck =>
  (value) =>
    allowed.includes(value) ? undefined : `${name} invalid, use ${allowed.join(',')}: ${value}`;

export const truth: ValueCheck = (value) =>
  parseTruth(value) === undefined ? 'expected true or false' : undefined;

/** As Go's ParseBool. */
export function parseTruth(value: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value)) return true;
  return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value) ? false : undefined;
}

export const wholeNumber: ValueCheck = (value) =>
  /^\d+$/.test(value) && Number(value) < 2 ** 32 ? undefined : 'expected a whole number below 2^32';

export const quantity: ValueCheck = (value) =>
  parseQuantity(value) === undefined ? 'expected a quantity such as 100m, 0.5 or 128Mi' : undefined;

export const image: ValueCheck = (value) =>
  /^[\w][\w.\-/:@]*$/.test(value) ? undefined : 'expected an image such as registry/name:tag';

export const hostAndPort: ValueCheck = (value) => {
  const [, number] = /^(?:\[[^\]\s]+\]|[^\s:/]+):(\d+)$/.exec(value) ?? [];
  return number !== undefined && port(number) === undefined ? undefined : 'expected host:port';
};

const ENVOY_LEVELS = ['trace', 'debug', 'info', 'warning', 'warn', 'error', 'critical', 'off'];
const AGENT_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'none'];

export const envoyLevel: ValueCheck = (value) =>
  ENVOY_LEVELS.includes(value) ? undefined : `expected one of ${ENVOY_LEVELS.join(', ')}`;

/** `misc:error,upstream:debug` */
export const componentLevels: ValueCheck = (value) =>
  firstProblem(itemsOf(value), (item) => {
    const [, level] = /^\w+:(\w+)$/.exec(item) ?? [];
    return level !== undefined && ENVOY_LEVELS.includes(level)
      ? undefined
      : `'${item}': expected component:level, with level one of ${ENVOY_LEVELS.join(', ')}`;
  });

/** `default:info,xdsproxy:debug` */
export const agentLevels: ValueCheck = (value) =>
  firstProblem(itemsOf(value), (item) => {
    const level = item.slice(item.lastIndexOf(':') + 1);
    return AGENT_LEVELS.includes(level)
      ? undefined
      : `'${item}': expected scope:level, with level one of ${AGENT_LEVELS.join(', ')}`;
  });

/** A name that a Kubernetes object may have. */
export const objectName: ValueCheck = (value) =>
  /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(value)
    ? undefined
    : 'expected the name of a Kubernetes object: small letters, digits, "-" and "."';

/** `{"volume-name": {...}}`; a mount also needs an absolute `mountPath`. */
export const volumes =
  (mounts: boolean): ValueCheck =>
  (value) => {
    const tree = parseJson(value);
    if (!isObject(tree)) return 'expected a JSON object: a name for each, and what it is';
    return firstProblem(Object.entries(tree), ([name, item]) => {
      if (!isObject(item)) return `"${name}": expected an object`;
      const path = item['mountPath'];
      if (mounts && (typeof path !== 'string' || parsePath(path).root !== '/')) {
        return `"${name}": expected an absolute mountPath`;
      }
      return objectName(name) === undefined ? undefined : `"${name}" cannot be the name of a volume`;
    });
  };

/** The value of names and texts in JSON. */
export const jsonTexts: ValueCheck = (value) => {
  const tree = parseJson(value);
  return isObject(tree) && Object.values(tree).every((item) => typeof item === 'string')
    ? undefined
    : 'expected a JSON object of texts';
};

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The items of a list in an annotation. Empty ones are left out. */
export function itemsOf(value: string): readonly string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function firstProblem<T>(items: readonly T[], check: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const problem = check(item);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
