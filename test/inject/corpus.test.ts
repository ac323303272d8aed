import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { injectStream } from '../../src/inject/kube-inject.ts';
import { readSettings } from '../../src/inject/settings.ts';
import { COMPATS, type Compat } from '../../src/inject/values.ts';

/**
 * `<case>.yaml` is injected with `<case>.values.yaml`, if there is one, to `<case>.1.5.yaml` and `<case>.1.30.yaml`. UPDATE_CORPUS=1
 * writes the results anew: read the difference before you believe it.
 */
const folder = fileURLToPath(new URL('corpus', import.meta.url));
const files = readdirSync(folder);
const inputs = files.filter((name) => /^[a-z0-9-]+\.yaml$/.test(name)).map((name) => name.slice(0, -5));
const read = (name: string) => readFile(join(folder, name), 'utf8');

describe.each(COMPATS as readonly Compat[])('the corpus, %s', (compat) => {
  it.each(inputs)('%s', async (name) => {
    const values = files.includes(`${name}.values.yaml`) ? await read(`${name}.values.yaml`) : undefined;
    const settings = readSettings({ values }, compat, undefined);
    const { documents, messages } = injectStream(await read(`${name}.yaml`), settings);
    // The hash of the settings changes with every default.
    const text = documents.map(({ after }) => after.replace(/"version":"[0-9a-f]{64}"/g, '"version":"..."'));
    const result = [...messages.map((message) => `# ${message}\n`), ...text].join('');
    const expected = `${name}.${compat}.yaml`;
    if (process.env['UPDATE_CORPUS'] === '1') await writeFile(join(folder, expected), result);
    expect(result).toBe(await read(expected));
  });
});
