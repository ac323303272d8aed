/** Which way a call to the workload itself takes, and why. */
import type { InboundPlan } from '../envoy/inbound.ts';
import { BLACK_HOLE, INBOUND_PASSTHROUGH, VIRTUAL_INBOUND } from '../envoy/names.ts';
import type { ProxySettings } from '../envoy/proxy-settings.ts';
import type { Plan } from '../envoy/resources.ts';
import type { ProxyView } from '../view/view.ts';
import { type Step, step } from './step.ts';

export interface InboundExplanation {
  readonly direction: 'inbound';
  readonly port: number;
  /** `application`: to where the mesh says that it is. `passed-on`: to the address that was called. `blocked`: nowhere. */
  readonly outcome: 'application' | 'passed-on' | 'blocked';
  /** Each step with the place in the files that is its reason, if there is one. */
  readonly steps: readonly Step[];
}

export interface ExplainInboundInput {
  readonly view: ProxyView;
  readonly plan: Pick<Plan, 'inbound' | 'notes'>;
  readonly settings: Pick<ProxySettings, 'interception' | 'inboundPort' | 'outboundPort'>;
}

const AS_CALLED = 'the address that the client called';

/** @param port that the client called: of the workload, not of a service */
export function explainInbound(port: number, input: ExplainInboundInput): InboundExplanation {
  const { view, plan, settings } = input;
  const { interception, inboundPort, outboundPort } = settings;
  const captured = interception !== 'NONE';
  const virtual = step('listener', `${VIRTUAL_INBOUND} (${inboundPort})`);
  const ending = (outcome: InboundExplanation['outcome'], ...steps: readonly Step[]) =>
    ({ direction: 'inbound', port, outcome, steps }) as const;
  if (captured && (port === inboundPort || port === outboundPort)) {
    return ending(
      'blocked',
      step('policy', `${port} is Envoy's own port`),
      virtual,
      step('cluster', BLACK_HOLE),
    );
  }
  const found = plan.inbound.find((each) => each.port === port);
  const known = reasonOf(port, view);
  if (found !== undefined) {
    const listener =
      found.boundTo === undefined ? virtual : step('listener', `${found.name}, with a socket of its own`);
    return ending(
      'application',
      known,
      found.onlyTo === undefined
        ? listener
        : { ...listener, text: `${listener.text}, to ${found.onlyTo} only` },
      step('cluster', found.cluster),
      step('endpoint', applicationText(found)),
    );
  }
  const why = plan.notes.filter((note) => note.startsWith(`ingress port ${port} `));
  const unknown = [known, ...why.map((note) => step('ingress', note))];
  if (!captured) {
    const none = step('listener', 'none: nothing is captured, and whoever has the port gets the call');
    return ending('passed-on', ...unknown, none);
  }
  return ending(
    'passed-on',
    ...unknown,
    virtual,
    step('cluster', INBOUND_PASSTHROUGH),
    step('endpoint', AS_CALLED),
  );
}

/** What the mesh says of the port. */
function reasonOf(port: number, { inbound, sidecar }: ProxyView): Step {
  if (inbound.kind === 'services') {
    const own = inbound.ports.find(({ targetPort }) => targetPort === port);
    if (own === undefined) {
      const meant = inbound.ports.find((each) => each.port.number === port);
      const hint =
        meant === undefined ? '' : `; ${meant.service.hostname}:${port} arrives on ${meant.targetPort}`;
      return step(
        'service',
        `no service of the mesh has this port of the workload${hint}`,
        meant?.port.origin,
      );
    }
    const { service, port: of } = own;
    return step('service', `${service.hostname}:${of.number}, ${of.protocol}`, of.origin);
  }
  const listed = inbound.listeners.find(({ listener }) => listener.port.number === port);
  if (listed !== undefined) {
    const { listener, hostname } = listed;
    return step('ingress', `${listener.port.protocol}, for ${hostname}`, listener.origin);
  }
  const chosen = sidecar.kind === 'built-in' ? undefined : sidecar.sidecar;
  const whose = chosen === undefined ? '' : ` of Sidecar ${chosen.namespace}/${chosen.name}`;
  return step('ingress', `no ingress listener${whose} is for ${port}`, chosen?.origin);
}

function applicationText({ application }: InboundPlan): string {
  switch (application.kind) {
    case 'address':
      return `${application.address}:${application.port}`;
    case 'unix':
      return `unix://${application.path}`;
    case 'asked':
      return AS_CALLED;
  }
}
