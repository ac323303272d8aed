import { describe, expect, it } from 'vitest';
import { startChild } from '../support/child.ts';
import type { Machine } from '../support/machine.ts';
import { hasTool, isRoot } from '../support/tools.ts';
import { until } from '../support/until.ts';
import { isReady, startScene } from './bookinfo-scene.ts';

const PAGE = 'http://10.91.0.11:9080/productpage';
const NAMESPACES = [
  'bookinfo',
  'bookinfo-details-v1',
  'bookinfo-productpage-v1',
  'bookinfo-ratings-v1',
  'bookinfo-reviews-v1',
  'bookinfo-reviews-v2',
  'bookinfo-reviews-v3',
  'bookinfo-zipkin',
];

describe.runIf(isRoot && hasTool('ip'))('npm run bookinfo, in network namespaces', () => {
  it('serves the page to its machine, and the services one another, until Ctrl-C', async () => {
    const scene = await startScene();
    const runner = scene.start('--without-sidecars');
    await isReady(runner);
    expect(runner.output()).toContain(PAGE);
    expect(await scene.namespaces()).toEqual(NAMESPACES);

    const page = await scene.machine.get(PAGE);
    expect(page.status).toBe(200);
    expect(page.body).toContain('William Shakespeare');
    expect(page.body).toContain('aria-label="5 of 5 stars"');

    const health = 'http://10.91.0.16:9080/health';
    const inside = ['ip', 'netns', 'exec', 'bookinfo-reviews-v1'] as const;
    const script = `fetch('${health}').then(async (answer) => console.log(await answer.text()))`;
    expect(await scene.machine.run(...inside, process.execPath, '-e', script)).toBe('ok\n');

    runner.signal('SIGINT');
    expect(await runner.exited).toBe(130);
    await scene.nothingIsLeft();
  });

  it('ends everything when one of its programs cannot start', async () => {
    const scene = await startScene();
    await scene.machine.run('ip', 'address', 'add', '127.0.91.12/8', 'dev', 'lo');
    const blocker = `require('http').createServer().listen(9080, '127.0.91.12', () => console.log('blocked'))`;
    const other = startChild(scene.machine.enter(process.execPath, '-e', blocker));
    await until('the port is taken', () => other.output().includes('blocked'));
    const runner = scene.start('--without-sidecars', '--mode', 'none');
    expect(await runner.exited).toBe(1);
    expect(runner.output()).toMatch(
      /details-v1 has ended \(exit code 1\):\n.*EADDRINUSE.*127\.0\.91\.12:9080/,
    );
    await scene.nothingIsLeft();
  });

  it('finds what a killed run has left, refuses to start beside it, and removes it when asked to', async () => {
    const scene = await startScene();
    const killed = scene.start('--without-sidecars');
    await isReady(killed);
    killed.signal('SIGKILL');
    await killed.exited;

    const second = scene.start('--without-sidecars');
    expect(await second.exited).toBe(1);
    expect(second.output()).toMatch(/Bookinfo runs already \(processes \d+(, \d+)+\).*-- --remove/);
    expect((await scene.machine.get(PAGE)).status).toBe(200);

    const remover = scene.start('--remove');
    expect(await remover.exited).toBe(0);
    expect(remover.output()).toContain('bookinfo-reviews-v3');
    expect(await scene.namespaces()).toEqual([]);
    const again = scene.start('--remove');
    expect(await again.exited).toBe(0);
    expect(again.output()).toContain('There is nothing to remove.');
    await until('nobody runs', () => scene.pids().length === 0);
  });

  it('says that a service has ended, and serves on without it', async () => {
    const scene = await startScene();
    const runner = scene.start('--without-sidecars');
    await isReady(runner);
    const [pid] = (await scene.machine.run('ip', 'netns', 'pids', 'bookinfo-ratings-v1')).split('\n');
    process.kill(Number(pid), 'SIGKILL');
    await until('it is said', () => runner.output().includes('ratings-v1 has ended (SIGKILL)'));
    expect((await scene.machine.get(PAGE)).body).toContain('Ratings cannot be had now.');
    runner.signal('SIGTERM');
    expect(await runner.exited).toBe(143);
    expect(runner.output().match(/has ended/g)).toHaveLength(1);
    await scene.nothingIsLeft();
  });

  it('takes over names that nobody uses any more', async () => {
    const scene = await startScene();
    await scene.machine.run('ip', 'netns', 'add', 'bookinfo-details-v1');
    const runner = scene.start('--without-sidecars');
    await isReady(runner);
    expect(runner.output()).toContain('Removing what a run before this one has left: bookinfo-details-v1');
    runner.signal('SIGTERM');
    expect(await runner.exited).toBe(143);
    await scene.nothingIsLeft();
  });

  it('says why nothing can be redirected, and runs on loopback', async () => {
    const scene = await startScene();
    await takeSubnet(scene.machine);
    const runner = scene.start('--without-sidecars');
    await isReady(runner);
    expect(runner.output()).toMatch(
      /10\.91\.0\.0\/24 is taken on this machine, by the route 10\.91\.0\.0\/16/,
    );
    expect(await scene.namespaces()).toEqual([]);
    const page = await scene.machine.get('http://127.0.91.11:9080/productpage');
    expect(page.body).toContain('William Shakespeare');
    runner.signal('SIGINT');
    expect(await runner.exited).toBe(130);
    await scene.nothingIsLeft();
  });

  it('does not start when redirection was asked for and cannot be', async () => {
    const scene = await startScene();
    await takeSubnet(scene.machine);
    const runner = scene.start('--without-sidecars', '--mode', 'redirect');
    expect(await runner.exited).toBe(1);
    expect(runner.output()).toMatch(/nothing can be redirected here:\n.*10\.91\.0\.0\/24 is taken/);
    await scene.nothingIsLeft();
  });
});

async function takeSubnet({ run }: Machine): Promise<void> {
  await run('ip', 'link', 'add', 'other', 'type', 'veth', 'peer', 'name', 'end');
  await run('ip', 'link', 'set', 'other', 'up');
  await run('ip', 'route', 'add', '10.91.0.0/16', 'dev', 'other');
}
