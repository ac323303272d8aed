/** What `pilot-agent mesh` prints for people. */
import { discoveredPorts } from '../envoy/clusters.ts';
import type { PlannedListener } from '../envoy/outbound-plan.ts';
import type { ProxySettings } from '../envoy/proxy-settings.ts';
import type { Plan } from '../envoy/resources.ts';
import { describeOrigin, type Origin } from '../model/origin.ts';
import { endpointsOf } from '../model/service.ts';
import type { ProxyView } from '../view/view.ts';
import type { Explanation } from './explain.ts';
import type { InboundExplanation } from './explain-inbound.ts';

type Row = readonly string[];

/** @param warnings what else there is to know, one line each */
export function renderMesh(
  view: ProxyView,
  plan: Plan,
  settings: Pick<ProxySettings, 'interception'>,
  warnings: readonly string[],
): string {
  const { interception } = settings;
  const { workload, sidecar: choice, outboundTrafficPolicy, localhost } = view;
  const sidecar =
    choice.kind === 'built-in'
      ? 'no Sidecar: it sees all that is exported to its namespace'
      : `Sidecar ${choice.sidecar.namespace}/${choice.sidecar.name} ${place(choice.sidecar.origin)}`;
  const unknown =
    interception === 'NONE'
      ? 'nothing is captured: applications call listeners on loopback'
      : `${interception}; unknown traffic goes to ${plan.unknownTo} (${outboundTrafficPolicy.mode})`;
  return [
    `${workload.name}.${workload.namespace} ${place(workload.origin)}`,
    sidecar,
    unknown,
    '',
    ...table(['OUTBOUND', 'PROTOCOL', 'LEADS TO', 'WHERE'], plan.outbound.listeners.flatMap(outboundRows)),
    '',
    ...table(
      ['INBOUND', 'PROTOCOL', 'LEADS TO', 'WHERE'],
      plan.inbound.map(({ name, protocol, application, boundTo, origin }) => [
        boundTo === undefined ? name : `${name} (own socket)`,
        protocol,
        application.kind === 'address'
          ? `${application.address}:${application.port}`
          : application.kind === 'unix'
            ? `unix://${application.path}`
            : `the address asked for, not ${localhost}`,
        place(origin),
      ]),
    ),
    '',
    ...table(['SERVICE', 'PORTS', 'ENDPOINTS', 'WHERE', 'LET IN BY'], serviceRows(view, settings)),
    ...(warnings.length === 0 ? [] : ['', ...warnings.map((warning) => `! ${printable(warning)}`)]),
  ]
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

function outboundRows({ name, bound, http, tcp, origin }: PlannedListener): readonly Row[] {
  const shown = bound ? `${name} (own socket)` : name;
  const where = origin === undefined ? '' : place(origin);
  const rows: Row[] = tcp.map(({ cluster, port, match }) => [
    shown,
    port.protocol,
    match === undefined
      ? cluster
      : `${cluster} for ${match.kind === 'prefixes' ? match.prefixes.join(', ') : match.names.join(', ')}`,
    where,
  ]);
  if (http === undefined) return rows;
  const { targets, name: route } = http.route;
  const hosts = targets.map(({ service }) => service.hostname);
  const to = hosts.length > MOST_HOSTS ? `${hosts.length} services` : hosts.join(', ');
  return [...rows, [shown, http.protocol, `route ${route}: ${to}`, where]];
}

const MOST_HOSTS = 3;

function serviceRows(view: ProxyView, settings: Pick<ProxySettings, 'interception'>): readonly Row[] {
  const listed = new Set(discoveredPorts(view, settings).map(({ service }) => service));
  return view.services.map(({ service, ports, reasons }) => {
    const [first] = ports;
    const count = first === undefined ? 0 : endpointsOf(service, first).length;
    const endpoints =
      service.resolution === 'none' ? 'as asked for' : `${count}${listed.has(service) ? '' : ' by DNS'}`;
    return [
      service.hostname,
      ports.map(({ number, protocol }) => `${number} ${protocol}`).join(', '),
      endpoints,
      place(service.origin),
      reasons
        .map(({ pattern }) =>
          pattern.origin === undefined ? 'no Sidecar limits it' : `${pattern.text} ${place(pattern.origin)}`,
        )
        .join(', '),
    ];
  });
}

const VERDICTS = {
  service: 'goes to a service',
  application: 'goes to its application',
  'passed-on': 'is passed on',
  blocked: 'is blocked',
};

export function renderExplanation(told: Explanation | InboundExplanation, workload: string): string {
  const { port, outcome, steps } = told;
  const call = told.direction === 'inbound' ? `to ${workload}` : `from ${workload} to ${told.host}`;
  return [
    `A call ${call}:${port} ${VERDICTS[outcome]}.`,
    ...table(
      [],
      steps.map(({ what, text, where }) => [what, text, where]),
    ),
  ]
    .map((line) => `${printable(line).trimEnd()}\n`)
    .join('');
}

function place(origin: Origin): string {
  return origin.file === '' ? '' : describeOrigin(origin);
}

/** Columns as wide as their widest cell; a line that says so when there is no row. */
function table(titles: Row, rows: readonly Row[]): readonly string[] {
  if (rows.length === 0) return titles[0] === undefined ? [] : [`${titles[0]}  none`];
  const all = (titles.length === 0 ? rows : [titles, ...rows]).map((row) => row.map(printable));
  const widths = (all[0] ?? []).map((_, i) =>
    all.reduce((most, row) => Math.max(most, (row[i] ?? '').length), 0),
  );
  return all.map((row) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  '),
  );
}

/** A text from a file must not steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ');
}
