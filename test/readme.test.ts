import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { rootHelp } from '../cmd/help.ts';
import { SETTINGS } from '../src/config/schema.ts';
import { requestHelp } from '../src/health/request-args.ts';
import { restartHelp } from '../src/health/restart.ts';
import { statusHelp } from '../src/health/status-args.ts';
import { waitHelp } from '../src/health/wait-args.ts';
import { kubeInjectHelp } from '../src/inject/kube-inject-args.ts';
import { injectorHelp } from '../src/inject/webhook/injector-args.ts';
import { iptablesHelp } from '../src/iptables/help.ts';
import { showHelp } from '../src/mesh/show/show-args.ts';
import { validateHelp } from '../src/mesh/validate/validate-args.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFile(join(root, path), 'utf8');

const folder = await readdir(join(root, 'docs'));
const pages = await Promise.all(
  ['README.md', ...folder.filter(isPage).map((name) => `docs/${name}`)].map(async (path) => ({
    path,
    text: await read(path),
  })),
);
const readme = pages[0]?.text ?? '';
const { scripts } = JSON.parse(await read('package.json')) as { scripts: Record<string, string> };

describe('the first screen of the README', () => {
  const screen = readme.split('\n').slice(0, 24).join('\n');

  it.each(['start', 'test'])('has "npm ci && npm %s", which is a script of package.json', (script) => {
    expect(screen).toMatch(new RegExp(`^npm ci && npm ${script}\\b`, 'm'));
    expect(scripts).toHaveProperty(script);
  });
});

describe('links', () => {
  const links = pages.flatMap(({ path, text }) =>
    [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => ({ path, target }))
      .filter(({ target }) => !/^[a-z]+:/.test(target)),
  );

  it.each(links)('of $path: $target', async ({ path, target }) => {
    const [file = '', anchor] = target.split('#');
    const linked = file === '' ? path : relative(root, join(root, dirname(path), file));
    expect(existsSync(join(root, linked)), `${linked} is there`).toBe(true);
    if (anchor !== undefined) expect(anchors(await read(linked))).toContain(anchor);
  });

  it('lead from the README to every page', () => {
    const reached = links.filter(({ path }) => path === 'README.md').map(({ target }) => target);
    expect(reached).toEqual(expect.arrayContaining(folder.filter(isPage).map((name) => `docs/${name}`)));
  });
});

it('the map in docs/architecture.md has each file of src/agent, and no other', async () => {
  const page = pages.find(({ path }) => path === 'docs/architecture.md')?.text ?? '';
  const [, map = ''] = /^## The files of src\/agent$(.*?)^## /ms.exec(page) ?? [];
  const named = [...map.matchAll(/^\| `([^`]+)`/gm)].map(([, file = '']) => file);
  const files = await readdir(join(root, 'src/agent'), { recursive: true });
  expect(named.sort()).toEqual(files.filter((name) => name.endsWith('.ts')).sort());
});

describe('commands', () => {
  const commands = pages.flatMap(({ path, text }) => commandsOf(text).map((line) => ({ path, line })));
  const calls = commands.flatMap(({ path, line }) =>
    [...line.matchAll(/\bpilot-agent(?:\.cjs)? ([a-z]+(?:-[a-z]+)*)([^|;&]*)/g)].map(
      ([call, command = '', rest = '']) => ({
        path,
        call,
        command,
        flags: [...rest.matchAll(/(?<=\s)--([A-Za-z][\w-]*)/g)].map(([, flag = '']) => flag),
      }),
    ),
  );

  it('are found', () => expect(calls.length).toBeGreaterThan(10));

  it.each(calls)('$path: $call', ({ command, flags }) => {
    expect(rootHelp).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    expect(flagsOf(command)).toEqual(expect.arrayContaining(flags));
  });

  const runs = commands.flatMap(({ path, line }) =>
    [...line.matchAll(/\bnpm run (?:-s )?([a-z-]+)/g)].map(([call, script = '']) => ({ path, call, script })),
  );
  it.each(runs)('$path: $call', ({ script }) => expect(scripts).toHaveProperty(script));
});

function isPage(name: string): boolean {
  return name.endsWith('.md');
}

/** A page without its blocks of code. */
function prose(text: string): string {
  return text.replaceAll(/^```.*?^```/gms, '');
}

/** What somebody would type: the lines of blocks in `sh`, and those of transcripts that begin with a prompt. */
function commandsOf(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```(sh|console)\n(.*?)^```/gms)];
  return blocks.flatMap(([, kind, block = '']) =>
    block
      .split('\n')
      .filter((line) => kind === 'sh' || line.startsWith('$ '))
      .map((line) => line.replace(/\s#.*$/, '')),
  );
}

/** The anchors that a forge gives the headings of a page. */
function anchors(text: string): readonly string[] {
  return [...prose(text).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function flagsOf(command: string): readonly string[] {
  if (command === 'proxy') {
    return SETTINGS.flatMap(([, { flag, aliases = [] }]) => (flag === undefined ? [] : [flag, ...aliases]));
  }
  const helps: Readonly<Record<string, string>> = {
    mesh: showHelp,
    'kube-inject': kubeInjectHelp,
    injector: injectorHelp,
    request: requestHelp,
    restart: restartHelp,
    status: statusHelp,
    validate: validateHelp,
    wait: waitHelp,
    'istio-iptables': iptablesHelp,
  };
  return [...(helps[command] ?? '').matchAll(/--([A-Za-z][\w-]*)/g)].map(([, flag = '']) => flag);
}
