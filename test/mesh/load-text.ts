import { createMeshLoader, type LoadedMesh } from '../../src/mesh/load/load.ts';
import { DEFAULT_SETTINGS } from '../../src/mesh/model/defaults.ts';
import { describeFinding, type Finding } from '../../src/mesh/model/finding.ts';
import type { MeshModel } from '../../src/mesh/model/mesh.ts';

/** Loads files that are given as text, in the order in which they are given. */
export function loadText(files: Readonly<Record<string, string>>): Promise<LoadedMesh> {
  const list = Object.entries(files).map(([path, text]) => ({ path, text }));
  return createMeshLoader().load({ files: list, findings: [] }, DEFAULT_SETTINGS);
}

/** A model of one text that has nothing wrong with it. */
export async function modelOf(...texts: readonly string[]): Promise<MeshModel> {
  const { model, findings } = await loadText({ 'mesh.yaml': texts.join('\n---\n') });
  if (findings.length > 0) throw new Error(lines(findings).join('\n'));
  return model;
}

export function lines(findings: readonly Finding[]): readonly string[] {
  return findings.map((finding) => `${finding.severity}: ${describeFinding(finding)}`);
}
