/** From files to resources. What has not changed since the last time is not parsed again. */
import { createHash } from 'node:crypto';
import { type Decoded, decodeDocument } from '../decode/resource.ts';
import type { Finding } from '../model/finding.ts';
import { parseChunk } from '../read/document.ts';
import { type Chunk, splitDocuments } from '../read/split.ts';
import { takeBreaths } from './breath.ts';
import type { MeshFile } from './files.ts';

export interface ResourceReader {
  /** Reads all files. One after the other: a second call waits for nothing and shares nothing but what it remembers. */
  readonly read: (files: readonly MeshFile[]) => Promise<Decoded>;
}

/** A reader that remembers the documents of the last `read`, as resources, which the model has anyway. */
export function createResourceReader(): ResourceReader {
  let remembered: ReadonlyMap<string, Decoded> = new Map();
  return {
    async read(files) {
      const before = remembered;
      const now = new Map<string, Decoded>();
      const all: Decoded[] = [];
      const breath = takeBreaths();
      for (const { path, text } of files) {
        for (const chunk of splitDocuments(text)) {
          await breath();
          const key = keyOf(path, chunk);
          const decoded = before.get(key) ?? (await decodeChunk(path, chunk));
          now.set(key, decoded);
          all.push(decoded);
        }
      }
      remembered = now;
      return {
        resources: all.flatMap(({ resources }) => resources),
        findings: all.flatMap(({ findings }) => findings),
      };
    },
  };
}

/** Resources know their lines, so the place is a part of what they are. */
function keyOf(path: string, { text, document, line }: Chunk): string {
  return `${createHash('sha1').update(text).digest('base64')} ${document} ${line} ${path}`;
}

async function decodeChunk(file: string, chunk: Chunk): Promise<Decoded> {
  const { documents, problems } = await parseChunk(chunk);
  const syntax = problems.map(({ document, line, message }): Finding => {
    return {
      severity: 'error',
      origin: { file, document, line },
      resource: '',
      field: '',
      message: `not YAML: ${message}`,
    };
  });
  const decoded = documents.map((document) => decodeDocument(file, document));
  return {
    resources: decoded.flatMap(({ resources }) => resources),
    findings: [...syntax, ...decoded.flatMap(({ findings }) => findings)],
  };
}
