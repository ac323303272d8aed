import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { openChromium, type Page } from '../support/chromium.ts';
import { hasTool, isRoot } from '../support/tools.ts';
import { until } from '../support/until.ts';
import { isReady, startScene } from './bookinfo-scene.ts';

const AGENT = fileURLToPath(new URL('../../dist/pilot-agent.cjs', import.meta.url));
const WITH_SIDECAR = ['productpage-v1', 'details-v1', 'reviews-v1', 'reviews-v2', 'reviews-v3', 'ratings-v1'];
const VERSIONS = ['v1', 'v2', 'v3'];
describe('the folders of Bookinfo', () => {
  it.each(['mesh', 'loopback'])('%s has nothing wrong', async (folder) => {
    const path = fileURLToPath(new URL(`../../examples/bookinfo/${folder}`, import.meta.url));
    const { stdout, exitCode } = await execa(process.execPath, [AGENT, 'validate', '-f', path]);
    expect([stdout, exitCode]).toEqual([expect.stringContaining('nothing wrong'), 0]);
  });
});

describe.runIf(isRoot && hasTool('ip') && hasTool('chromium'))('Bookinfo in a mesh', () => {
  it('shows all versions of reviews over reloads, and still during a hot restart of each sidecar', async () => {
    const scene = await startScene();
    const runner = scene.start();
    await isReady(runner);
    expect(runner.output()).toContain('Bookinfo is ready, with 6 sidecars');
    const page = await openChromium(scene.machine.enter);
    await showsAll(page, 'http://10.91.0.11:9080/productpage');
    for (const name of WITH_SIDECAR) {
      const restart = scene.machine.run(
        'ip',
        'netns',
        'exec',
        `bookinfo-${name}`,
        process.execPath,
        AGENT,
        'restart',
      );
      await showsAll(page, 'http://10.91.0.11:9080/productpage');
      expect(await restart).toContain('Epoch 1 is LIVE');
    }
    expect(page.complaints).toEqual([]);
    runner.signal('SIGINT');
    expect(await runner.exited).toBe(130);
    await scene.nothingIsLeft();
  }, 180_000);

  it('traces a request through every service, is scraped by Prometheus, and keeps to the Sidecars', async () => {
    const scene = await startScene();
    const runner = scene.start();
    await isReady(runner);
    await until('a trace has everybody who took part', async () => {
      await scene.machine.get('http://10.91.0.11:9080/productpage');
      const { body } = await scene.machine.get('http://10.91.0.20:9411/api/v2/traces');
      const traces = JSON.parse(body) as { localEndpoint: { serviceName: string } }[][];
      const all = ['details.default', 'productpage.default', 'ratings.default', 'reviews.default'];
      return traces.some((spans) => {
        const took = new Set(spans.map(({ localEndpoint }) => localEndpoint.serviceName));
        return all.every((name) => took.has(name));
      });
    });
    if (hasTool('prometheus')) {
      await until('Prometheus has asked everybody', async () => {
        const { body } = await scene.machine.get('http://10.91.0.2:9090/api/v1/query?query=up==1');
        const { data } = JSON.parse(body) as { data: { result: { metric: { job: string } }[] } };
        const up = data.result.map(({ metric }) => metric.job).sort();
        return JSON.stringify(up) === JSON.stringify([...WITH_SIDECAR, 'zipkin'].sort());
      });
    }
    // To the cluster IP of ratings; envoy's own user would not be redirected, so it is asked as somebody else.
    const askAsApplication = (from: string) => {
      const script = `process.setuid(65534);
        require('node:http').get('http://10.96.91.4:9080/ratings/0', ({ statusCode }) => console.log(statusCode) ?? process.exit())
          .on('error', () => console.log('refused'))`;
      return scene.machine.run('ip', 'netns', 'exec', `bookinfo-${from}`, process.execPath, '-e', script);
    };
    expect(await askAsApplication('reviews-v2')).toBe('200');
    expect(await askAsApplication('productpage-v1')).toBe('502');
    expect(await askAsApplication('details-v1')).toBe('refused');
    runner.signal('SIGTERM');
    expect(await runner.exited).toBe(143);
    await scene.nothingIsLeft();
  }, 120_000);

  it('does the same on loopback, where nothing is redirected', async () => {
    const scene = await startScene();
    const runner = scene.start('--mode', 'none');
    await isReady(runner);
    expect(runner.output()).toContain('Bookinfo is ready, with 6 sidecars on loopback');
    const page = await openChromium(scene.machine.enter);
    await showsAll(page, 'http://127.0.91.11:9080/productpage');
    runner.signal('SIGINT');
    expect(await runner.exited).toBe(130);
    await scene.nothingIsLeft();
  }, 120_000);
});

const LEAST_LOADS = 10;
const MOST_LOADS = 200;

/** Loads the page until each version was there. None of the pages may lack anything. */
async function showsAll(page: Page, url: string): Promise<void> {
  const seen = new Set<string>();
  for (let loads = 1; loads <= LEAST_LOADS || seen.size < VERSIONS.length; loads += 1) {
    expect(loads, `loads in which only ${[...seen].join(' and ')} came`).toBeLessThanOrEqual(MOST_LOADS);
    await page.open(url);
    const { version, missing } = await page.evaluate<{ version: string; missing: string }>(LOOK);
    expect(missing).toBe('');
    expect(VERSIONS).toContain(version);
    seen.add(version);
  }
}

/** What the page shows, once it is there: the version of reviews, and what it says that it lacks. */
const LOOK = `new Promise((resolve) => {
  const look = () => resolve({
    version: document.querySelector('[data-version]')?.dataset.version ?? 'none',
    missing: [...document.querySelectorAll('.bad')].map((each) => each.textContent).join(),
  });
  if (document.readyState === 'complete') look();
  else addEventListener('load', look);
})`;
