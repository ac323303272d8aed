/**
 * A loader whose memory is on disk. Each change is derived in a process of its own, and most of its time would go into parsing what
 * has not changed: with a thousand services a quarter of a second.
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import type { Decoded } from '../decode/resource.ts';
import { assemble } from '../load/assemble.ts';
import type { MeshLoader } from '../load/load.ts';
import { createResourceReader } from '../load/reader.ts';
import { sortFindings } from '../model/finding.ts';

export interface RememberingLoader extends MeshLoader {
  /** Writes down what was read, for the next process. Whether it succeeds changes nothing but the time that takes. */
  save(): void;
}

interface Memory {
  /** Which program wrote it: another one may read the same file otherwise. */
  readonly build: string;
  /** Of a file's path and text -> what is in it. */
  readonly files: ReadonlyMap<string, Decoded>;
}

/**
 * @param path of the memory, in a folder that only this user can write
 * @param build names the program; undefined: nothing is remembered
 */
export function createRememberingLoader(path: string, build: string | undefined): RememberingLoader {
  const before = build === undefined ? new Map<string, Decoded>() : recall(path, build);
  let now: ReadonlyMap<string, Decoded> = before;
  return {
    load: async ({ files, findings: unreadable }, settings) => {
      const reader = createResourceReader();
      const read = new Map<string, Decoded>();
      for (const file of files) {
        const key = createHash('sha1').update(`${file.path}\0${file.text}`).digest('base64');
        read.set(key, before.get(key) ?? (await reader.read([file])));
      }
      now = read;
      const all = [...read.values()];
      const resources = all.flatMap((each) => each.resources);
      const assembled = assemble(resources, settings);
      const findings = sortFindings([
        ...unreadable,
        ...all.flatMap((each) => each.findings),
        ...assembled.findings,
      ]);
      return {
        model: assembled.model,
        findings,
        broken: findings.some(({ severity }) => severity === 'error'),
        resources: resources.length,
      };
    },
    save: () => {
      const same = now.size === before.size && [...now.keys()].every((key) => before.has(key));
      if (build === undefined || same) return;
      try {
        const memory: Memory = { build, files: now };
        writeFileSync(`${path}.new`, serialize(memory), { mode: 0o600 });
        renameSync(`${path}.new`, path);
      } catch {
        // The next process parses everything again.
      }
    },
  };
}

function recall(path: string, build: string): ReadonlyMap<string, Decoded> {
  try {
    const memory = deserialize(readFileSync(path)) as Memory;
    return memory.build === build ? memory.files : new Map();
  } catch {
    return new Map();
  }
}
