import { readFileSync } from 'node:fs';

const SETTING = '/proc/sys/net/ipv4/ip_unprivileged_port_start';
/** Linux's own default. */
const DEFAULT_LOWEST = 1_024;

/** The lowest port that this user may listen on: 0 for root, as the kernel has it for others. */
export function lowestPort(): number {
  if (process.getuid?.() === 0) return 0;
  try {
    const port = Number(readFileSync(SETTING, 'utf8'));
    return Number.isInteger(port) ? port : DEFAULT_LOWEST;
  } catch {
    return DEFAULT_LOWEST;
  }
}
