import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runValidate } from '../../../src/mesh/validate/validate.ts';
import { parseValidateArgs, type ValidateOptions } from '../../../src/mesh/validate/validate-args.ts';
import { InputError } from '../../../src/platform/errors.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { NO_IPTABLES, SERVICES, UNIX_SOCKET } from '../seed.ts';

const WRONG = `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: a, namespace: b}
spec:
  egress:
  - hosts: [reviews]
  inboundConnectionPool: {}
`;

async function run(options: Partial<ValidateOptions>, input = '') {
  let output = '';
  const code = await runValidate(
    { paths: ['-'], output: 'table', ...options },
    { write: (text) => (output += text), readInput: () => Promise.resolve(input) },
  );
  return { code, output };
}

function problemsOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof InputError) return thrown.problems;
    throw thrown;
  }
  throw new Error('nothing was wrong');
}

describe('arguments', () => {
  it.each([
    [['-f', 'a'], ['a'], 'table'],
    [['-f', 'a', '--filename', 'b', '--output', 'json'], ['a', 'b'], 'json'],
    [['-f=-', '--filename=b', '--output=table'], ['-', 'b'], 'table'],
    [['-fa', 'b', 'a'], ['b', 'a'], 'table'],
    [['-f', '-'], ['-'], 'table'],
  ])('%j', (argv, paths, output) => {
    expect(parseValidateArgs(argv)).toEqual({ kind: 'validate', options: { paths, output } });
  });

  it.each([['-h'], ['--help', '-f', 'a']])('%s asks for help', (...argv) => {
    expect(parseValidateArgs(argv)).toEqual({ kind: 'help' });
  });

  it('that are wrong are named together', () => {
    expect(problemsOf(() => parseValidateArgs(['--file', 'a', '--output', 'xml', '-f']))).toEqual([
      'unknown flag: --file (known: -f, --filename, --output)',
      '-f: a value is missing',
      '--output: expected "table" or "json", got "xml"',
    ]);
    expect(problemsOf(() => parseValidateArgs([]))).toEqual([expect.stringContaining('nothing to check')]);
  });
});

describe('validate', () => {
  it('finds nothing wrong with the seed', async () => {
    expect(await run({}, [SERVICES, UNIX_SOCKET, NO_IPTABLES].join('\n---\n'))).toEqual({
      code: 0,
      output: '1 file, 9 sound resources: nothing wrong\n',
    });
  });

  it('prints a table, and exits with 1', async () => {
    expect(await run({}, WRONG)).toEqual({
      code: 1,
      output: [
        'WHERE  LEVEL    RESOURCE     FIELD                       MESSAGE',
        '-:6    error    Sidecar b/a  spec.egress[0].hosts[0]     "reviews": write namespace/dnsName, such as "./*" or "*/reviews.default.svc.cluster.local"',
        '-:7    warning  Sidecar b/a  spec.inboundConnectionPool  is not supported, ignored',
        '1 file, 0 sound resources: 1 error, 1 warning',
        '',
      ].join('\n'),
    });
  });

  it('exits with 0 for warnings', async () => {
    const { code, output } = await run({}, WRONG.replace('reviews', './*'));
    expect(code).toBe(0);
    expect(output).toContain('1 file, 1 sound resource: 0 errors, 1 warning');
  });

  it('prints JSON', async () => {
    const { output } = await run({ output: 'json' }, WRONG);
    expect(JSON.parse(output)).toMatchObject({
      valid: false,
      files: 1,
      resources: 0,
      errors: 1,
      warnings: 1,
      findings: [
        {
          severity: 'error',
          file: '-',
          document: 1,
          line: 6,
          resource: 'Sidecar b/a',
          field: 'spec.egress[0].hosts[0]',
        },
        { severity: 'warning', line: 7 },
      ],
    });
  });

  it('takes files and folders together, each file once', async () => {
    const folder = await tempFolder();
    const file = join(folder, 'a.yaml');
    await writeFile(file, UNIX_SOCKET);
    await writeFile(join(folder, 'b.yaml'), SERVICES);
    expect((await run({ paths: [file, folder] })).output).toBe('2 files, 8 sound resources: nothing wrong\n');
  });

  it('names every path that it cannot read', async () => {
    const folder = await tempFolder();
    const missing = join(folder, 'missing.yaml');
    await expect(run({ paths: [missing, folder] })).rejects.toMatchObject({
      problems: [
        `-f ${missing}: there is no such file or folder`,
        `-f ${folder}: the folder has no .yaml, .yml or .json file`,
      ],
    });
  });

  it('lets no text steer the terminal', async () => {
    const { output } = await run({}, 'apiVersion: v1\nkind: "a\\e[31m"\nmetadata: {name: b}\n');
    expect(output).toMatch(/^[\x20-\x7e\n]*$/);
  });
});
