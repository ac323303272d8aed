import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCodeCache, packCodeCache } from '../../src/platform/code-cache.ts';
import { loadProgram } from '../../src/platform/load-program.ts';
import { tempFolder } from '../support/temp-folder.ts';

const require = createRequire(import.meta.url);
const MADE = { build: 'abc', node: process.version, arch: process.arch };

describe('a code cache', () => {
  it('is opened for what it was made for', () => {
    expect(openCodeCache(packCodeCache(MADE, Buffer.from('code')), MADE)).toEqual(Buffer.from('code'));
  });

  it.each([
    ['another build', { ...MADE, build: 'abd' }],
    ['another Node', { ...MADE, node: 'v1.2.3' }],
    ['another processor', { ...MADE, arch: 'mips' }],
  ])('is refused for %s', (_, wanted) => {
    expect(openCodeCache(packCodeCache(MADE, Buffer.from('code')), wanted)).toBeUndefined();
  });

  it.each([0, 10, -1])('is refused when it is cut at %d', (length) => {
    const whole = packCodeCache(MADE, Buffer.from('code'));
    expect(openCodeCache(whole.subarray(0, length), MADE)).toBeUndefined();
  });
});

describe('a program', () => {
  async function program(text: string): Promise<{ readonly file: string; readonly cache: string }> {
    const folder = await tempFolder();
    const [file, cache] = [join(folder, 'main.cjs'), join(folder, 'main.cache')];
    await writeFile(file, `/*abc*/(function(require,module,__filename,__dirname){${text}\n})`);
    return { file, cache };
  }
  const ran = () => (globalThis as { ran?: unknown }).ran;

  it('runs from its cache', async () => {
    const { file, cache } = await program('globalThis.ran = "cached";');
    const first = loadProgram(file, undefined, require);
    first.run();
    await writeFile(cache, packCodeCache(MADE, first.script.createCachedData()));
    const second = loadProgram(file, cache, require);
    expect(second.script.cachedDataRejected).toBe(false);
    second.run();
    expect(ran()).toBe('cached');
  });

  it.each([
    ['there is no cache', undefined],
    ['the cache is no cache', Buffer.from('nonsense')],
    ['V8 refuses it', packCodeCache(MADE, Buffer.alloc(1_000))],
  ])('runs where %s', async (name, bytes) => {
    const { file, cache } = await program(`globalThis.ran = ${JSON.stringify(name)};`);
    if (bytes !== undefined) await writeFile(cache, bytes);
    loadProgram(file, cache, require).run();
    expect(ran()).toBe(name);
  });

  it('tells where in its file an error happened', async () => {
    const { file } = await program('\n\nthrow new Error("here");');
    const run = () => loadProgram(file, undefined, require).run();
    expect(run).toThrow(expect.objectContaining({ stack: expect.stringContaining(`${file}:3:`) }));
  });

  it('requires modules of Node', async () => {
    const { file } = await program('globalThis.ran = require("node:path").join("a", "b");');
    loadProgram(file, undefined, require).run();
    expect(ran()).toBe('a/b');
  });
});
