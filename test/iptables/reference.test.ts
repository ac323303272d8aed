import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { flagsTable } from '../../src/iptables/flags-table.ts';

const PAGE = fileURLToPath(new URL('../../docs/interception.md', import.meta.url));
const GENERATED = /(<!-- generated: .* -->\n)[\s\S]*(<!-- end -->\n)/;

it('docs/interception.md holds the flags that there are', async () => {
  const page = await readFile(PAGE, 'utf8');
  const wanted = page.replace(GENERATED, (_all, start, end) => `${start}\n${flagsTable()}\n\n${end}`);
  if (process.env['UPDATE_DOCS'] === '1') await writeFile(PAGE, wanted);
  else expect(page, 'out of date; the page says how to make it anew').toBe(wanted);
});
