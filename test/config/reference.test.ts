import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { flagsReference } from '../../src/config/flags-reference.ts';
import { proxyHelp } from '../../src/config/proxy-help.ts';
import { SETTINGS } from '../../src/config/schema.ts';

const PAGE = fileURLToPath(new URL('../../docs/reference.md', import.meta.url));
const GENERATED = /(<!-- generated from .* -->\n)[\s\S]*(<!-- end -->\n)/;

describe('docs/reference.md', () => {
  it('holds what the schema generates', async () => {
    const page = await readFile(PAGE, 'utf8');
    const wanted = page.replace(GENERATED, (_all, start, end) => `${start}\n${flagsReference()}\n${end}`);
    if (process.env['UPDATE_DOCS'] === '1') await writeFile(PAGE, wanted);
    else {
      const command = 'UPDATE_DOCS=1 npx vitest run --project unit test/config/reference.test.ts';
      expect(page, `out of date; run ${command}`).toBe(wanted);
    }
  });
});

describe('the help text', () => {
  const text = proxyHelp();

  it('fits 100 columns', () => {
    expect(text.split('\n').filter((line) => line.length > 100)).toEqual([]);
  });

  it.each(SETTINGS.flatMap(([, { flag }]) => flag ?? []))('names --%s', (flag) => {
    expect(text).toMatch(new RegExp(`--${flag}\\b`));
  });

  it('has no Markdown in it', () => expect(text).not.toContain('`'));
});
