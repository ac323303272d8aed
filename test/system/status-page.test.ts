import { mkdir, stat } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { StatusReport } from '../../src/health/status-report.ts';
import { recordingLogger } from '../health/recording-logger.ts';
import { openChromium, type Page } from '../support/chromium.ts';
import { busySidecar } from '../support/status-report.ts';
import { serveReport } from '../support/status-server.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { hasTool } from '../support/tools.ts';
import { until } from '../support/until.ts';

const DOCS = new URL('../../docs/images/', import.meta.url).pathname;

/** The page of a server whose report the test may change. */
async function open(report = busySidecar(Date.now())) {
  const served = { report: report as StatusReport | Error, asked: 0 };
  const answer = async () => {
    served.asked += 1;
    if (served.report instanceof Error) throw served.report;
    return served.report;
  };
  const server = await serveReport(answer, recordingLogger());
  const page = await openChromium();
  await page.open(`http://localhost:${server.port}/`);
  const texts = (selector: string) =>
    page.evaluate<string[]>(
      `[...document.querySelectorAll(${JSON.stringify(selector)})].filter((e) => e.checkVisibility()).map((e) => e.innerText)`,
    );
  await until('it has drawn', async () => /^(Not r|R)eady$/.test((await texts('#ready'))[0] ?? ''));
  return { server, served, page, texts };
}

describe.runIf(hasTool('chromium'))('the page', () => {
  it('shows readiness, a lane per process, the living ones, and the last restarts', async () => {
    const { page, texts, served } = await open();
    expect(await texts('#ready, #why')).toEqual([
      'Ready',
      'the last configuration was rejected: cluster "reviews": connect_timeout must be positive',
    ]);
    expect(await bars(page)).toEqual([
      'Epoch 0 pid 812: serving, gone',
      'Epoch 0 pid 1907: initializing, serving, draining, drained, gone',
      'Epoch 1 pid 2044: initializing, serving, draining',
      'Epoch 2 pid 2231: initializing, serving',
    ]);
    expect(await texts('.unseen')).toContain(
      'Epoch 0: initializing for 210 ms, then serving for 8 h 55 m, then gone for 4 m 20 s (signal SIGSEGV)',
    );
    expect(await texts('.legend li')).toEqual([
      'initializing',
      'serving',
      'draining',
      'drained',
      'leaving',
      'gone',
    ]);
    expect(await texts('#processes tr')).toEqual([
      '2\tserving\t32 s\t2231\t33 s\tc27d81e90f54\t231\t61.9 MiB',
      '1\tdraining\t32 s\t2044\t2 m 43 s\t9a4e07f3b6c8\t14\t58.3 MiB',
    ]);
    const { restarts } = served.report as StatusReport;
    expect(await texts('#restarts tr')).toHaveLength(restarts.length);
    expect((await texts('#restarts tr'))[1]).toMatch(
      /\d\d:\d\d:\d\d\tPOST \/restart, pod labels changed\tlive\t2\t1.5 s/,
    );
    expect(page.complaints).toEqual([]);
  });

  it('keeps itself current, and what a person has selected', async () => {
    const { page, texts, served } = await open();
    await page.evaluate(
      `getSelection().selectAllChildren(document.querySelector('#processes .Configuration'))`,
    );
    const before = served.report as StatusReport;
    const [restart] = before.restarts;
    if (restart === undefined) throw new Error('there is no restart');
    served.report = {
      ...before,
      readiness: { ready: false, reason: 'draining: SIGTERM' },
      attempt: { at: before.now - 300, triggers: ['SIGHUP'], epoch: 3, step: 'starting' },
      epochs: [
        ...before.epochs.slice(2),
        {
          key: 9,
          epoch: 3,
          pid: 2400,
          phase: 'initializing',
          since: { initializing: before.now - 300 },
          config: 'new',
        },
      ],
      restarts: [{ ...restart, at: before.now, triggers: ['a new one'] }, ...before.restarts],
    };
    await until('the new report is there', async () => (await texts('#ready'))[0] === 'Not ready');
    expect(await texts('#why, #attempt')).toEqual([
      'draining: SIGTERM',
      'Epoch 3 is starting, 300 ms (SIGHUP)',
    ]);
    expect(await bars(page)).toEqual([
      'Epoch 1 pid 2044: initializing, serving, draining',
      'Epoch 2 pid 2231: initializing, serving',
      'Epoch 3 pid 2400: initializing',
    ]);
    expect(await texts('#processes .Epoch')).toEqual(['3', '2', '1']);
    expect((await texts('#restarts .Trigger')).slice(0, 2)).toEqual(['a new one', restart.triggers[0]]);
    expect(await page.evaluate('getSelection().toString().trim()')).toBe('c27d81e90f54');
    expect(await page.evaluate('document.title')).toBe('✕ Not ready – pilot-agent');
  });

  it('asks nothing while nobody sees it', async () => {
    const { page, served, texts } = await open();
    await page.setHidden(true);
    await page.evaluate('new Promise((done) => setTimeout(done, 50))'); // an answer may be under way
    const { asked } = served;
    await page.evaluate('new Promise((done) => setTimeout(done, 2500))');
    expect(served.asked).toBe(asked);
    served.report = { ...(served.report as StatusReport), readiness: { ready: false, reason: 'x' } };
    await page.setHidden(false);
    await until('it asks again', async () => (await texts('#ready'))[0] === 'Not ready');
  });

  it('says that the agent does not answer, and goes on asking', async () => {
    const { page, served, texts, server } = await open();
    const { report } = served;
    served.report = new Error('out of paper');
    const silence = async () => (await texts('#silence'))[0] ?? '';
    const since = 'The agent has not answered since \\d\\d:\\d\\d:\\d\\d: ';
    await until('it says so', async () =>
      new RegExp(`^${since}it answers with status 500. What is shown is what it said then.$`).test(
        await silence(),
      ),
    );
    served.report = report;
    await until('it answers again', async () => (await silence()) === '');
    await server.close();
    await until('it says so', async () =>
      new RegExp(`^${since}its port cannot be reached.`).test(await silence()),
    );
    expect(await page.evaluate('document.body.dataset.stale')).toBe('true');
    expect(await bars(page)).toHaveLength(4);
  });

  it('takes text for text', async () => {
    const text = '<img src=x onerror="document.title=1"><b>bold</b>';
    const report = busySidecar(Date.now());
    const { page, texts } = await open({
      ...report,
      nodeId: text,
      readiness: { ready: true, note: text },
      epochs: report.epochs.map((epoch) => ({ ...epoch, config: text, exit: text })),
      restarts: report.restarts.map((restart) => ({ ...restart, triggers: [text], reason: text })),
    });
    for (const selector of [
      '#node',
      '#why',
      '#processes .Configuration',
      '#restarts .Trigger',
      '#restarts .Reason',
    ])
      expect([selector, (await texts(selector))[0]]).toEqual([selector, text]);
    expect(await page.evaluate(`document.querySelectorAll('img, b').length`)).toBe(0);
    expect(page.complaints).toEqual([]);
  });

  it('says so when nothing runs and nothing was restarted', async () => {
    const { texts } = await open({ ...busySidecar(Date.now()), epochs: [], restarts: [] });
    expect(await texts('.none')).toEqual(['No Envoy runs.', 'None so far.']);
    expect(await texts('#timeline, #restarts-table')).toEqual([]);
  });

  it.each([360, 800, 1400])('fits into %d pixels', async (width) => {
    const { page } = await open();
    for (const scheme of ['light', 'dark'] as const) {
      await page.look({ width, height: 800, scheme });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    }
  });

  it.each(['light', 'dark'] as const)(
    'can be read in %s: 4.5 to 1 at least (WCAG 2.2, 1.4.3)',
    async (scheme) => {
      const { page } = await open();
      await page.look({ width: 1400, height: 800, scheme });
      const poor = await page.evaluate<string[]>(`(${contrasts})()`);
      expect(poor).toEqual([]);
    },
  );

  it('is a table and a list to who cannot see it, however narrow it is', async () => {
    const { page } = await open();
    await page.look({ width: 360, height: 800, scheme: 'light' });
    const names = await page.roles();
    for (const name of [
      'table Processes',
      'table Last restarts',
      'list Processes, oldest first',
      'columnheader PID',
    ])
      expect(names).toContain(name);
    expect(names).toContain('cell 2231');
  });

  it('has its picture in the docs', async () => {
    const { page } = await open();
    await page.look({ width: 1200, height: 100, scheme: 'light' });
    const folder = process.env['UPDATE_DOCS'] === '1' ? DOCS : `${await tempFolder()}/`;
    await mkdir(folder, { recursive: true });
    await page.screenshot(`${folder}status.png`);
    expect((await stat(`${folder}status.png`)).size).toBeLessThan(150_000);
  });
});

/** `Epoch 2 pid 2231: initializing, serving` for each lane, from the bars that are drawn in it. */
function bars(page: Page): Promise<string[]> {
  return page.evaluate(`[...document.querySelectorAll('.lane')].map((lane) => {
    const drawn = [...lane.querySelectorAll('.bar')].filter((bar) => bar.getBoundingClientRect().width >= 4);
    const [name, pid] = lane.querySelectorAll('.label > *');
    return name.textContent + ' ' + pid.textContent + ': ' + drawn.map((bar) => bar.dataset.phase).join(', ');
  })`);
}

/** Runs in the page: texts whose contrast with the nearest background colour under them is too little. */
const contrasts = `() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = rgb(colour).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const grounds = (node) => {
    const { backgroundColor, backgroundImage } = getComputedStyle(node);
    if (backgroundImage !== 'none') return backgroundImage.match(/rgba?\\([^)]*\\)/g).filter((c) => rgb(c)[3] !== 0);
    if (rgb(backgroundColor)[3] !== 0) return [backgroundColor];
    return grounds(node.parentElement);
  };
  const texts = [...document.body.querySelectorAll('*')].filter((node) =>
    node.checkVisibility() && [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim() !== ''));
  return texts.flatMap((node) => grounds(node).map((ground) => {
    const [a, b] = [light(getComputedStyle(node).color), light(ground)].sort((x, y) => y - x);
    return [node.textContent, (a + 0.05) / (b + 0.05)];
  })).filter(([, ratio]) => ratio < 4.5).map(([text, ratio]) => text + ' ' + ratio.toFixed(2));
}`;
