/** `--meshDir`: the files that Envoy reads follow the folder of YAML. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { MeshReport } from '../../health/status-report.ts';
import type { DeriveReport, DeriveRequest } from '../../mesh/derive/request.ts';
import type { MeshMetrics } from '../../metrics/mesh-metrics.ts';
import type { Closable } from '../../platform/closable.ts';
import { watchContents } from '../../platform/content-watch.ts';
import { type Millis, millis } from '../../platform/duration.ts';
import { InputError, toError } from '../../platform/errors.ts';
import { watchFolder } from '../../platform/folder-watch.ts';
import type { Logger } from '../../platform/logger.ts';

export interface MeshOptions {
  /** What to derive, as things are now; asked for each time. */
  readonly request: () => Promise<DeriveRequest>;
  /** Derives in a process of its own, which leaves no memory behind. */
  readonly derive: (request: DeriveRequest) => Promise<DeriveReport>;
  /** Other files that the result depends on. */
  readonly inputs: readonly string[];
  readonly metrics: MeshMetrics;
  readonly log: Logger;
}

export interface Mesh extends Closable {
  report(): MeshReport;
}

/** Saving takes an editor several steps; Envoy is to have a change within half a second. */
const DEBOUNCE: Millis = millis(50);
/** The log has the beginning; `pilot-agent validate` has all of it. */
const MOST_LINES = 20;

/**
 * Derives once, then again with each change. Where the files are broken, what was written last stays in force.
 * @throws InputError with all that is wrong, when nothing was written before
 */
export async function startMesh(options: MeshOptions): Promise<Mesh> {
  const { request, derive, inputs, metrics, log } = options;
  const first = await request();
  let state: MeshReport | undefined;
  let maxFiles: number | undefined;
  let said = '';

  const take = (report: DeriveReport): void => {
    const now = Date.now();
    const warnings = report.warnings;
    // A warning is worth a line once, not with each change.
    const news = warnings.filter((warning) => state?.warnings.includes(warning) !== true);
    for (const warning of news.slice(0, MOST_LINES)) log.warn(warning);
    if (news.length > MOST_LINES) log.warn(`and ${news.length - MOST_LINES} warnings more`);
    if (report.kind === 'broken') {
      metrics.count('broken');
      metrics.setBroken(true);
      const text = report.errors.join('\n');
      if (text !== said) sayErrors(report.errors, first.meshDir, log);
      said = text;
      state = {
        ...(state ?? { folder: first.meshDir, since: now, sidecar: '', counts: undefined }),
        state: 'broken',
        errors: report.errors,
        warnings,
      };
      return;
    }
    const { changed, counts, sidecar } = report;
    metrics.count(changed.length === 0 ? 'unchanged' : 'written');
    metrics.setBroken(false);
    metrics.setCounts(counts);
    if (said !== '') log.info(`The mesh in ${first.meshDir} is sound again`);
    said = '';
    maxFiles = report.maxFiles;
    if (changed.length > 0) {
      const files = changed.length === 1 ? changed[0] : `${changed.length} files`;
      log.info(
        `Mesh: ${counts.services} services, ${counts.listeners} listeners, ${counts.clusters} clusters` +
          `${sidecar === '' ? '' : `, Sidecar ${sidecar}`}; ${files} changed for Envoy`,
      );
    }
    state = {
      state: 'in force',
      folder: first.meshDir,
      since: changed.length > 0 || state === undefined ? now : state.since,
      sidecar,
      counts,
      errors: [],
      warnings,
    };
  };

  let running = Promise.resolve();
  let asked = false;
  let closed = false;
  const again = (): void => {
    if (asked || closed) return;
    asked = true;
    running = running.then(async () => {
      asked = false;
      if (closed) return;
      try {
        take(await derive({ ...(await request()), maxFiles }));
      } catch (thrown) {
        if (closed) return;
        metrics.count('failed');
        log.error(`the mesh in ${first.meshDir} could not be derived again: ${toError(thrown).message}`);
      }
    });
  };
  const onError = (error: Error) => log.warn(error.message);
  // Watched before it is read for the first time, so that no change falls between the two.
  const folder = watchFolder({ folder: first.meshDir, onChange: again, onError, debounce: DEBOUNCE });
  const files = watchContents({ files: () => inputs, onChange: again, onError, debounce: DEBOUNCE });
  const close = async () => {
    closed = true;
    await folder.close();
    await files.close();
    await running;
  };
  const begin = async () => {
    const report = await derive(first);
    if (report.kind === 'broken' && !isWritten(first.xdsDir)) throw new InputError(report.errors);
    take(report);
  };
  // What changes meanwhile is derived afterwards.
  const begun = begin();
  running = begun.catch(() => {});
  try {
    await begun;
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return {
    report: () => {
      if (state === undefined) throw new Error('the mesh was never derived');
      return state;
    },
    close,
  };
}

/** Whether an agent before this one has left something that can stay in force. */
function isWritten(xdsDir: string): boolean {
  return ['lds.json', 'cds.json'].every((name) => existsSync(join(xdsDir, name)));
}

function sayErrors(errors: readonly string[], folder: string, log: Logger): void {
  log.error(
    `The mesh in ${folder} has ${errors.length === 1 ? 'an error' : `${errors.length} errors`}; what was in force before stays:`,
  );
  for (const error of errors.slice(0, MOST_LINES)) log.error(error);
  if (errors.length > MOST_LINES) log.error(`and ${errors.length - MOST_LINES} more`);
}
