/** Values of flags: each function gives the value, or adds what is wrong with the text to `problems` and gives a stand-in. */
import { isIPv4 } from 'node:net';
import { normalizeIp } from '../platform/addresses.ts';
import { type Millis, millis, parseGoDuration } from '../platform/duration.ts';
import type { AllOr, Cidr } from './options.ts';

/** Where a value comes from, and its text. */
export interface Source {
  readonly source: string;
  readonly text: string;
}

const MAX_PORT = 65_535;

export function port({ source, text }: Source, problems: string[]): number {
  const value = portNumber(text);
  if (value === undefined) problems.push(`${source}: "${text}" is not a port from 1 to ${MAX_PORT}`);
  return value ?? 1;
}

export function ports({ source, text }: Source, problems: string[]): readonly number[] {
  return entries(text).flatMap((entry) => {
    const value = portNumber(entry);
    if (value !== undefined) return [value];
    problems.push(`${source} "${text}": "${entry}" is not a port from 1 to ${MAX_PORT}`);
    return [];
  });
}

export function allOrPorts(given: Source, problems: string[]): AllOr<number> {
  return given.text.trim() === '*' ? '*' : ports(given, problems);
}

export function cidrs({ source, text }: Source, problems: string[]): readonly Cidr[] {
  const found = entries(text).flatMap((entry) => {
    const value = parseCidr(entry);
    if (typeof value !== 'string') return [value];
    problems.push(`${source} "${text}": ${value}`);
    return [];
  });
  return found.filter(({ text: one }, at) => found.findIndex((other) => other.text === one) === at);
}

export function allOrCidrs(given: Source, problems: string[]): AllOr<Cidr> {
  return given.text.trim() === '*' ? '*' : cidrs(given, problems);
}

/** As the kernel has them, interface(5): `+` at the end stands for the rest of the name. */
export function interfaces({ source, text }: Source, problems: string[]): readonly string[] {
  return entries(text).filter((entry) => {
    if (/^[^\s/!"'\\-][^\s/!"'\\]{0,14}$/.test(entry) && entry !== '.' && entry !== '..') return true;
    problems.push(`${source} "${text}": "${entry}" is not the name of an interface (15 characters at most)`);
    return false;
  });
}

/**
 * Users or groups, by number or by name.
 * @param file `/etc/passwd` or `/etc/group`, for names
 */
export function owners(
  { source, text }: Source,
  kind: 'user' | 'group',
  file: string,
  problems: string[],
): readonly string[] {
  const found = entries(text).flatMap((entry) => {
    const id = /^\d+$/.test(entry) ? String(Number(entry)) : lookUp(entry, file);
    if (id !== undefined && Number(id) < 2 ** 32 - 1) return [id];
    problems.push(`${source} "${text}": there is no ${kind} "${entry}"; a number works too`);
    return [];
  });
  return [...new Set(found)];
}

/** The number of a user in a text such as `/etc/passwd`, or of a group in one such as `/etc/group`. */
export function lookUp(name: string, file: string): string | undefined {
  const line = file.split('\n').find((each) => each.startsWith(`${name}:`));
  return /^[^:]*:[^:]*:(\d+):/.exec(line ?? '')?.[1];
}

/** Decimal or, with `0x`, hexadecimal. */
export function wholeNumber({ source, text }: Source, what: string, problems: string[]): number {
  const value = /^(\d+|0[xX][\da-fA-F]+)$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value < 2 ** 32) return value;
  problems.push(`${source}: "${text}" is not a ${what} from 1 to ${2 ** 32 - 1}`);
  return 1;
}

export function boolean({ source, text }: Source, problems: string[]): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (!/^(0|f|F|FALSE|false|False)$/.test(text)) problems.push(`${source}: "${text}" is not true or false`);
  return false;
}

export function duration({ source, text }: Source, problems: string[]): Millis {
  const value = parseGoDuration(text);
  if (value !== undefined && value > 0 && value < 2 ** 31) return value;
  problems.push(`${source}: "${text}" is not a duration such as 5s or 1m30s`);
  return millis(1);
}

export function oneOf<T extends string>(
  { source, text }: Source,
  choices: readonly T[],
  problems: string[],
): T | undefined {
  const choice = choices.find((each) => each === text);
  const known = choices.map((each) => `"${each}"`).join(' or ');
  if (choice === undefined && text !== '') problems.push(`${source}: "${text}" is unknown; use ${known}`);
  return choice;
}

/** An address with its prefix, masked; a text says what is wrong. */
export function parseCidr(text: string): Cidr | string {
  const [address = '', prefix, more] = text.split('/');
  const canonical = normalizeIp(address);
  if (text === '*')
    return '"*" goes with no other address, and only with -i; to take nothing that is sent, leave -i empty';
  if (canonical === undefined) return `"${text}" is not an address with a prefix, such as 10.0.0.0/8`;
  // An IPv4 address mapped into IPv6 has no rule that would match it.
  const family = isIPv4(address) ? 'ipv4' : isIPv4(canonical) ? undefined : 'ipv6';
  if (family === undefined) return `"${text}" is IPv4 inside IPv6; write ${canonical}`;
  const bits = family === 'ipv4' ? 32 : 128;
  if (prefix === undefined)
    return `"${text}" has no prefix; write ${canonical}/${bits} for this address alone`;
  if (more !== undefined || !/^\d{1,3}$/.test(prefix) || Number(prefix) > bits) {
    return `"${text}": the prefix is a number from 0 to ${bits}`;
  }
  return { family, text: `${masked(canonical, Number(prefix))}/${Number(prefix)}` };
}

function masked(address: string, prefix: number): string {
  if (isIPv4(address)) {
    const bytes = address.split('.').map(Number);
    return bytes.map((byte, at) => byte & mask(prefix - 8 * at, 8)).join('.');
  }
  const words = expand(address).map((word, at) => word & mask(prefix - 16 * at, 16));
  return normalizeIp(words.map((word) => word.toString(16)).join(':')) ?? address;
}

/** The `kept` high bits of a number of `width` bits. */
function mask(kept: number, width: number): number {
  const ones = Math.min(Math.max(kept, 0), width);
  return (2 ** width - 1) ^ (2 ** (width - ones) - 1);
}

/** The eight words of an IPv6 address in canonical spelling. */
function expand(address: string): readonly number[] {
  const [head = '', tail] = address.split('::');
  const words = (part: string) =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16));
  const [first, last] = [words(head), words(tail ?? '')];
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}

/** The original's 1.5 keeps empty entries and makes rules with an empty port of them; 1.30 drops them. */
function entries(text: string): readonly string[] {
  const all = text.split(',').map((entry) => entry.trim());
  return [...new Set(all.filter((entry) => entry !== ''))];
}

function portNumber(text: string): number | undefined {
  const value = Number(text);
  return /^\d{1,5}$/.test(text) && value >= 1 && value <= MAX_PORT ? value : undefined;
}
