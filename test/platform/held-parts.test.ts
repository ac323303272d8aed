import { rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { holdParts } from '../../src/platform/held-parts.ts';
import { tempFolder } from '../support/temp-folder.ts';

const require = createRequire(import.meta.url);

async function folderWith(text: string): Promise<string> {
  const folder = await tempFolder();
  await writeFile(
    join(folder, 'pilot-agent.extra.cjs'),
    `/*abc*/(function(require,module,__filename,__dirname){var exports=module.exports;${text}\n})`,
  );
  return folder;
}

describe('a part of a program', () => {
  it('is read when it is required, once, though its file is gone by then', async () => {
    const folder = await folderWith(
      'globalThis.loads = (globalThis.loads ?? 0) + 1; exports.sep = require("node:path").sep;',
    );
    const held = holdParts(folder, ['extra'], require);
    await rm(join(folder, 'pilot-agent.extra.cjs'));
    const loads = () => (globalThis as { loads?: number }).loads;
    expect(loads()).toBeUndefined();
    expect(held('pilot-agent:extra')).toEqual({ sep: '/' });
    expect(held('pilot-agent:extra')).toBe(held('pilot-agent:extra'));
    expect(loads()).toBe(1);
  });

  it('may export one thing', async () => {
    const held = holdParts(await folderWith('module.exports = 7;'), ['extra'], require);
    expect(held('pilot-agent:extra')).toBe(7);
  });

  it('that is missing is an error for who requires it only', async () => {
    const held = holdParts(await tempFolder(), ['extra'], require);
    expect(held('node:path')).toBe(require('node:path'));
    expect(() => held('pilot-agent:extra')).toThrow('ENOENT');
    expect(() => held('pilot-agent:other')).toThrow('pilot-agent:other');
  });
});
