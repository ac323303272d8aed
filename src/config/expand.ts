import { bracketIp } from './addresses.ts';

/** Stands for the node's address in addresses and in the bootstrap override. */
export const HOST_IP = '$(HOST_IP)';
const REFERENCE = /\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)/g;

/**
 * Replaces `$(NAME)` by the environment variable of that name, where there is one. Kubernetes has done this before the
 * agent starts; under Docker Compose or systemd nobody has.
 */
export function expandVariables(text: string, env: Readonly<Record<string, string | undefined>>): string {
  return text.replace(REFERENCE, (whole, name: string) => env[name] ?? whole);
}

/** Replaces `$(HOST_IP)`, an IPv6 address in brackets. */
export function expandHostIp(text: string, hostIp: string | undefined): string {
  return hostIp === undefined ? text : text.replaceAll(HOST_IP, bracketIp(hostIp));
}
