import type { StatusReport } from '../../status-report.ts';
import { formatAge, formatBytes, formatDuration, formatTime, known } from '../../view/format.ts';
import { agesOf, livingEpochs } from '../../view/words.ts';
import { byId, keepRows } from './dom.ts';

/** The living processes, and the last restarts. */
export function fillTables(report: StatusReport): void {
  const { now, restarts } = report;
  keepRows(
    byId('processes'),
    livingEpochs(report).map((epoch) => {
      const ages = agesOf(epoch, now);
      return {
        key: String(epoch.key),
        data: { phase: epoch.phase },
        cells: [
          { name: 'Epoch', text: String(epoch.epoch) },
          { name: 'State', text: epoch.phase },
          { name: 'For', text: formatAge(ages.inPhase) },
          { name: 'PID', text: known(epoch.pid) },
          { name: 'Age', text: formatAge(ages.process) },
          { name: 'Configuration', text: epoch.config },
          { name: 'Connections', text: known(epoch.connections) },
          { name: 'Memory', text: known(epoch.residentBytes, formatBytes) },
        ],
      };
    }),
  );
  keepRows(
    byId('restarts'),
    restarts.map(({ at, triggers, outcome, epoch, durationMs, reason }, index) => ({
      // Rows come in at the top and go at the bottom: counted from there, each keeps its key.
      key: `${at} ${restarts.slice(index).filter((other) => other.at === at).length}`,
      data: { outcome },
      cells: [
        { name: 'When', text: formatTime(at, now) },
        { name: 'Trigger', text: triggers.join(', ') },
        { name: 'Outcome', text: outcome },
        { name: 'Epoch', text: known(epoch) },
        { name: 'Duration', text: formatDuration(durationMs) },
        { name: 'Reason', text: reason },
      ],
    })),
  );
  byId('restarts-table').hidden = restarts.length === 0;
  byId('no-restarts').hidden = restarts.length > 0;
}
