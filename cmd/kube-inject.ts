import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { injectStream } from '../src/inject/kube-inject.ts';
import { kubeInjectHelp, parseKubeInjectArgs } from '../src/inject/kube-inject-args.ts';
import { readSettings } from '../src/inject/settings.ts';
import { unifiedDiff } from '../src/inject/text-diff.ts';
import { writeFileAtomic } from '../src/platform/atomic-file.ts';
import { InputError, toError } from '../src/platform/errors.ts';
import { print } from './print.ts';

const OUTPUT_MODE = 0o644;

/** `pilot-agent kube-inject -f <file>`: writes the file with sidecars in it, or what that changes. */
export async function kubeInject(argv: readonly string[]): Promise<number> {
  const parsed = parseKubeInjectArgs(argv);
  if (parsed.kind === 'help') {
    print(1, kubeInjectHelp);
    return 0;
  }
  const { filename, output, files, compat, nativeSidecars, diff } = parsed.options;
  const [stream, mesh, values, inject] = await Promise.all([
    filename === '-' ? readAll(process.stdin) : read('--filename', filename),
    read('--meshConfigFile', files.mesh),
    read('--valuesFile', files.values),
    read('--injectConfigFile', files.inject),
  ]);
  const settings = readSettings({ mesh, values, inject }, compat, nativeSidecars);
  const { documents, messages } = injectStream(stream ?? '', settings);
  for (const message of messages) print(2, `${message}\n`);
  const result = documents
    .map(({ before, after }) => (diff ? unifiedDiff(before, after, titleOf(before, filename)) : after))
    .join('');
  if (output !== undefined) await writeFileAtomic(output, result, OUTPUT_MODE);
  else if (!print(1, result)) throw new Error('standard output: nobody reads the result');
  return 0;
}

/** @throws InputError that names the flag */
async function read(flag: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    throw new InputError([`${flag}: cannot be read: ${toError(thrown).message}`]);
  }
}

/** What a document is about, for the head of a difference. */
function titleOf(text: string, filename: string): string {
  const kind = /^kind: *(\S+)/m.exec(text)?.[1];
  const name = /^metadata:\s*\n(?:[ \t]+.*\n)*?[ \t]+name: *(\S+)/m.exec(text)?.[1];
  return [filename, kind, name].filter((part) => part !== undefined).join(' ');
}
