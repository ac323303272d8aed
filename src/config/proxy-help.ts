import { SETTINGS } from './schema.ts';
import { GROUPS, type Setting } from './settings/setting.ts';

const WIDTH = 100;
const INDENT = 6;

const HEAD = `Starts Envoy as a sidecar (or as a gateway, "router"), supervises it, and answers for both.

Usage:
  pilot-agent proxy [sidecar|router] [flags]

Examples:
  # Without a control plane, from the xDS files in a folder
  pilot-agent proxy sidecar --localConfig ./xds --configPath /tmp/proxy

  # With a control plane
  pilot-agent proxy sidecar --discoveryAddress istiod.istio-system.svc:15012

  # What is in effect, and where each value came from
  PROXY_CONFIG='{"concurrency":2}' pilot-agent proxy --drainDuration 30s --print-config

  # A second one on the same machine
  pilot-agent proxy --statusPort 16020 --prometheusPort 16090 --proxyAdminPort 16000 --baseId 7

Strongest first: flag, annotation proxy.istio.io/config, PROXY_CONFIG, mesh configuration,
environment variable, default. $(NAME) in the value of a flag is replaced by the variable NAME.
`;

/** The text of `pilot-agent proxy --help`. */
export function proxyHelp(): string {
  const sections = GROUPS.map((group) => {
    const flags = SETTINGS.map(([, setting]) => setting).filter(
      (setting) => setting.group === group && setting.flag !== undefined,
    );
    if (flags.length === 0) return '';
    return `\n${group}:\n${group === 'Accepted, without effect' ? names(flags) : flags.map(describe).join('')}`;
  });
  return HEAD + sections.join('');
}

function describe(setting: Setting): string {
  const { flag, aliases = [], value } = setting;
  const heading = [flag, ...aliases].map((name) => `--${name}`).join(', ');
  const text = `${setting.doc} ${defaultText(setting)}`.trim().replaceAll('`', '');
  return `  ${heading}${value === undefined ? '' : ` ${value}`}\n${wrap(text, INDENT)}`;
}

function defaultText({ default: value, defaultDoc, format }: Setting): string {
  if (defaultDoc !== undefined) return `(default: ${defaultDoc})`;
  const unset = value === null || value === '' || (format === 'boolean' && value === 'false');
  return unset ? '' : `(default: ${value})`;
}

function names(flags: readonly Setting[]): string {
  return wrap(flags.map(({ flag }) => `--${flag}`).join(' '), 2);
}

function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one) => `${' '.repeat(indent)}${one}\n`).join('');
}
