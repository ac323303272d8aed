import { fileURLToPath } from 'node:url';
import ts from 'typescript';

interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
}

/** What is asked of the judge: an object, and what to call it in an answer. */
export interface Named {
  readonly name: string;
  readonly object: KubernetesObject;
}

/** A file that is not there, beside files from which the package of the types is found. */
const FILE = fileURLToPath(new URL('kubernetes-objects.ts', import.meta.url));
/** What the package leaves out: "Rule" of the API, of which RuleWithOperations has all fields. */
const LEFT_OUT = `import type {} from 'kubernetes-types/admissionregistration/v1';
declare module 'kubernetes-types/admissionregistration/v1' {
interface RuleWithOperations { resources?: string[]; scope?: 'Cluster' | 'Namespaced' | '*' }
}
`;
const OPTIONS: ts.CompilerOptions = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  types: [],
};

/**
 * Checks objects against the types that stand for a release of Kubernetes, as literals of TypeScript: a field that is unknown, missing or of
 * another type is a problem.
 * @returns what is wrong, each with the name of its object and the line of its JSON
 */
export function kubernetesProblems(objects: readonly Named[]): readonly string[] {
  const literals = objects.map(
    ({ object }, index) =>
      `export const object${index}: ${typeOf(object)} = ${JSON.stringify(object, null, 1)};\n`,
  );
  const text = [LEFT_OUT, ...literals].join('');
  const host = ts.createCompilerHost(OPTIONS);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === FILE || fileExists.call(host, name);
  host.getSourceFile = (name, version, ...rest) =>
    name === FILE
      ? ts.createSourceFile(name, text, version)
      : getSourceFile.call(host, name, version, ...rest);
  const program = ts.createProgram([FILE], OPTIONS, host);
  const lines = text.split('\n');
  return ts.getPreEmitDiagnostics(program).map(({ messageText, file, start = 0 }) => {
    const message = ts.flattenDiagnosticMessageText(messageText, ' ');
    if (file?.fileName !== FILE) return message;
    const { line } = file.getLineAndCharacterOfPosition(start);
    const at = lines.slice(0, line + 1).findLast((each) => each.startsWith('export const'));
    const index = Number(/object(\d+)/.exec(at ?? '')?.[1]);
    return `${objects[index]?.name}: ${lines[line]?.trim()}: ${message}`;
  });
}

/** `apps/v1` Deployment -> its type in `kubernetes-types/apps/v1`. */
function typeOf({ apiVersion, kind }: KubernetesObject): string {
  const [group = '', version = group] = apiVersion.split('/');
  const folder = apiVersion.includes('/') ? (group.split('.')[0] ?? '') : 'core';
  return `import('kubernetes-types/${folder}/${version}').${kind}`;
}
