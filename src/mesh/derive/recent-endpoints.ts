/** Which clusters get files of endpoints where there cannot be one for each: those whose endpoints have changed last. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from '../envoy/api.ts';
import type { CarriedPort } from '../envoy/clusters.ts';
import { loadAssignment } from '../envoy/endpoints.ts';
import { fileName, outboundCluster } from '../envoy/names.ts';
import { CDS_FILE, ENDPOINTS_FOLDER } from './delivery.ts';

/**
 * What changes once will change again: from its first change on a cluster has a file, which a further one touches alone, until
 * others have changed more recently.
 * @param ports whose endpoints may have a file
 * @param room how many may
 * @returns names of clusters
 */
export function recentEndpoints(
  xdsDir: string,
  ports: readonly CarriedPort[],
  room: number,
): ReadonlySet<string> {
  if (room <= 0) return new Set();
  const before = writtenInline(join(xdsDir, CDS_FILE));
  const times = writtenFiles(join(xdsDir, ENDPOINTS_FOLDER));
  const named = ports.map((each) => ({
    ...each,
    name: outboundCluster(each.service.hostname, each.port.number),
  }));
  const changed = named.filter(({ name, service, port }) => {
    const inline = before.get(name);
    return inline !== undefined && inline !== JSON.stringify(loadAssignment(service, port));
  });
  const withFile = named
    .flatMap(({ name }) => {
      const time = times.get(fileName(name));
      return time === undefined ? [] : [{ name, time }];
    })
    .sort((a, b) => b.time - a.time);
  return new Set([...changed, ...withFile].slice(0, room).map(({ name }) => name));
}

/** The endpoints that the file of clusters has itself. */
function writtenInline(path: string): ReadonlyMap<string, string> {
  try {
    const { resources } = JSON.parse(readFileSync(path, 'utf8')) as {
      readonly resources: readonly Cluster[];
    };
    return new Map(
      resources.flatMap(({ name, load_assignment }) =>
        load_assignment === undefined ? [] : [[name, JSON.stringify(load_assignment)] as const],
      ),
    );
  } catch {
    return new Map(); // It is written for the first time.
  }
}

/** Names of files -> when they were written. */
function writtenFiles(folder: string): ReadonlyMap<string, number> {
  try {
    return new Map(readdirSync(folder).map((name) => [name, statSync(join(folder, name)).mtimeMs]));
  } catch {
    return new Map();
  }
}
