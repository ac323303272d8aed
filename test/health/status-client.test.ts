import { describe, expect, it } from 'vitest';
import { parseStatusArgs, statusHelp } from '../../src/health/status-args.ts';
import { runStatus, type StatusIo } from '../../src/health/status-client.ts';
import { renderStatus } from '../../src/health/status-table.ts';
import { freePort } from '../support/ports.ts';
import { busySidecar } from '../support/status-report.ts';
import { serveReport } from '../support/status-server.ts';
import { until } from '../support/until.ts';
import { httpApp } from './app-servers.ts';
import { recordingLogger } from './recording-logger.ts';

const report = busySidecar(Date.now());
const once = { output: 'text', watch: false } as const;
const serve = async (port = 0) => serveReport(() => report, recordingLogger(), port);

function output(io: Partial<StatusIo> = {}) {
  const written: string[] = [];
  const end = new AbortController();
  return {
    written,
    end,
    io: {
      write: (text: string) => void written.push(text),
      terminal: () => undefined,
      env: { LANG: 'C.UTF-8' },
      signal: end.signal,
      ...io,
    },
  };
}
const terminal = () => ({ columns: 80, rows: 12 });

describe('parseStatusArgs', () => {
  it.each([
    [[], {}],
    [['--watch'], { watch: true }],
    [['--statusPort', '15030', '--output=json'], { port: 15030, output: 'json' }],
  ])('%j', (argv, changed) => {
    const options = { port: 15020, output: 'text', watch: false, ...changed };
    expect(parseStatusArgs(argv)).toEqual({ kind: 'status', options });
  });

  it('reports every problem at once', () => {
    const argv = ['--statusPort', '99999', '--output', 'yaml', '--watch=no', 'extra'];
    expect(() => parseStatusArgs(argv)).toThrow(
      [
        '4 errors occurred:',
        '\t* unknown flag: --watch (known: --statusPort, --output, --watch)',
        '\t* --statusPort: expected a port, at most 65535, got "99999"',
        '\t* --output: expected "text" or "json", got "yaml"',
        '\t* status takes no argument, got "extra"',
      ].join('\n'),
    );
  });

  it('has help', () => {
    expect(parseStatusArgs(['--help'])).toEqual({ kind: 'help' });
    expect(statusHelp).toContain('pilot-agent status --watch');
  });
});

describe('status', () => {
  it('prints the table', async () => {
    const { port } = await serve();
    const { io, written } = output();
    expect(await runStatus({ ...once, port }, io)).toBe(0);
    expect(written).toEqual([renderStatus(report, { width: 100, unicode: true, colour: false })]);
  });

  it.each([
    [
      'a terminal has colours and a width',
      { LANG: 'de_DE.utf8' },
      { width: 80, unicode: true, colour: true },
    ],
    ['NO_COLOR', { LANG: 'C.UTF-8', NO_COLOR: '1' }, { width: 80, unicode: true, colour: false }],
    ['a dumb terminal', { LANG: 'C.UTF-8', TERM: 'dumb' }, { width: 80, unicode: true, colour: false }],
    ['no locale', {}, { width: 80, unicode: false, colour: true }],
    [
      'a locale that is overridden',
      { LC_ALL: 'C', LANG: 'C.UTF-8' },
      { width: 80, unicode: false, colour: true },
    ],
  ])('%s', async (_, env, look) => {
    const { port } = await serve();
    const { io, written } = output({ terminal, env });
    await runStatus({ ...once, port }, io);
    expect(written).toEqual([renderStatus(report, look)]);
  });

  it('prints JSON', async () => {
    const { port } = await serve();
    const { io, written } = output();
    await runStatus({ ...once, output: 'json', port }, io);
    expect(JSON.parse(written.join(''))).toEqual(report);
  });

  it('says in a sentence that no agent answers', async () => {
    const port = await freePort();
    await expect(runStatus({ ...once, port }, output().io)).rejects.toThrow(
      new RegExp(
        `^no pilot-agent answers on port ${port} of this machine: is it running, and is ${port} its --statusPort\\? ` +
          `\\(GET http://localhost:${port}/status: .*ECONNREFUSED`,
      ),
    );
  });

  it.each([
    [404, '404 page not found\n', 'does not tell its status'],
    [200, 'hello', 'is no pilot-agent'],
    [200, 'null', 'is no pilot-agent'],
    [200, '{"epochs":[]}', 'is no pilot-agent'],
  ])('says that %d with %j is not an answer', async (status, body, text) => {
    const app = await httpApp((_, response) => response.writeHead(status).end(body));
    try {
      await expect(runStatus({ ...once, port: app.port }, output().io)).rejects.toThrow(
        new RegExp(`^what listens on port ${app.port} ${text}`),
      );
    } finally {
      await app.close();
    }
  });
});

describe('status --watch', () => {
  it('draws over what is there, on a screen of its own, as much as fits', async () => {
    const { port } = await serve();
    const { io, written, end } = output({ terminal });
    const watching = runStatus({ port, output: 'text', watch: true }, io);
    await until('it has drawn twice', () => written.length >= 3);
    end.abort();
    expect(await watching).toBe(0);
    expect([written[0], written.at(-1)]).toEqual(['\x1b[?1049h\x1b[?25l', '\x1b[?25h\x1b[?1049l']);
    const [, first = ''] = written;
    expect(first.startsWith('\x1b[H\x1b[32m✓ Ready')).toBe(true);
    expect(first.endsWith('\x1b[K\x1b[J')).toBe(true);
    expect(first.split('\r\n')).toHaveLength(12);
  });

  it('prints again where there is no terminal, and a line each as JSON', async () => {
    const { port } = await serve();
    for (const form of ['text', 'json'] as const) {
      const { io, written, end } = output();
      const watching = runStatus({ port, output: form, watch: true }, io);
      await until('it has printed twice', () => written.length === 2);
      end.abort();
      await watching;
      const text = written.join('');
      expect(text).not.toContain('\x1b');
      if (form === 'json')
        expect(
          text
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line)),
        ).toHaveLength(2);
      else expect(text.match(/^✓ Ready/gm)).toHaveLength(2);
    }
  });

  it('goes on when the agent goes and comes again', async () => {
    const first = await serve();
    const { io, written, end } = output();
    const watching = runStatus({ port: first.port, output: 'text', watch: true }, io);
    await until('it has answered', () => written.length === 1);
    await first.close();
    await until('it does not', () => written.at(-1)?.startsWith('no pilot-agent answers on port'));
    await serve(first.port);
    await until('it has answered again', () => written.at(-1)?.startsWith('✓ Ready'));
    end.abort();
    expect(await watching).toBe(0);
  });

  it('ends at once, though nobody answers', async () => {
    const app = await httpApp(() => {});
    const { io, end } = output({ terminal });
    const watching = runStatus({ port: app.port, output: 'text', watch: true }, io);
    await until('it asks', () => app.connections().open > 0);
    end.abort();
    expect(await watching).toBe(0);
    await app.close();
  });
});
