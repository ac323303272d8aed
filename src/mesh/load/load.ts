/** A folder of YAML as a model, with everything that is wrong with it. */
import { type Finding, sortFindings } from '../model/finding.ts';
import type { MeshModel } from '../model/mesh.ts';
import { assemble } from './assemble.ts';
import type { MeshFiles } from './files.ts';
import { createResourceReader } from './reader.ts';
import type { AssemblySettings } from './services.ts';

export interface LoadedMesh {
  /** Of what is sound; where there are errors, something may be missing from it. */
  readonly model: MeshModel;
  /** Errors and warnings, in the order of files and lines. */
  readonly findings: readonly Finding[];
  /** Whether one of the findings is an error: then what was in force before should stay. */
  readonly broken: boolean;
  /** How many resources were read. */
  readonly resources: number;
}

export interface MeshLoader {
  readonly load: (files: MeshFiles, settings: AssemblySettings) => Promise<LoadedMesh>;
}

/** A loader that parses again only the documents that have changed since it was used last. */
export function createMeshLoader(): MeshLoader {
  const reader = createResourceReader();
  return {
    async load({ files, findings: unreadable }, settings) {
      const { resources, findings } = await reader.read(files);
      const assembled = assemble(resources, settings);
      const all = sortFindings([...unreadable, ...findings, ...assembled.findings]);
      return {
        model: assembled.model,
        findings: all,
        broken: all.some(({ severity }) => severity === 'error'),
        resources: resources.length,
      };
    },
  };
}
