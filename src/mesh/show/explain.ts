/** Which way a call of the workload takes, and why. */
import { hostForms } from '../envoy/host-forms.ts';
import { BLACK_HOLE, outboundCluster, VIRTUAL_OUTBOUND } from '../envoy/names.ts';
import type { PlannedListener, Target } from '../envoy/outbound-plan.ts';
import type { ProxySettings } from '../envoy/proxy-settings.ts';
import type { Plan } from '../envoy/resources.ts';
import type { MeshModel } from '../model/mesh.ts';
import { endpointsOf, type Service } from '../model/service.ts';
import { isExportedTo } from '../view/hosts.ts';
import type { ProxyView } from '../view/view.ts';
import { type Step, step } from './step.ts';

export interface Explanation {
  readonly direction: 'outbound';
  readonly host: string;
  readonly port: number;
  /** `service`: it goes to a service. `passed-on`: to the address that was asked for. `blocked`: nowhere. */
  readonly outcome: 'service' | 'passed-on' | 'blocked';
  /** Each step with the place in the files that is its reason, if there is one. */
  readonly steps: readonly Step[];
}

export interface ExplainInput {
  readonly model: MeshModel;
  readonly view: ProxyView;
  readonly plan: Plan;
  readonly settings: Pick<ProxySettings, 'domain' | 'interception' | 'outboundPort'>;
}

/** @param host as a client writes it: a name in any of its forms, or an address */
export function explain(
  { host, port }: { readonly host: string; readonly port: number },
  input: ExplainInput,
): Explanation {
  const { view, plan, settings } = input;
  const call = { direction: 'outbound', host, port } as const;
  const named = (service: Service) =>
    hostForms(service, view.workload.namespace, settings.domain).some((form) => matches(form, host));
  const exposed = view.services.find(
    ({ service, ports }) => named(service) && ports.some(({ number }) => number === port),
  );
  const target = exposed && { service: exposed.service, port: portOf(exposed.service, port) };
  if (exposed === undefined || target?.port === undefined) {
    return { ...call, ...unknown(whyUnknown(host, port, named, input), port, input) };
  }
  const { service } = exposed;
  const found: Target = { service, port: target.port };
  const listener = plan.outbound.listeners.find((each) => leadsTo(each, found));
  const steps: Step[] = [
    step('service', `${service.hostname}:${port}, ${found.port.protocol}`, found.port.origin),
    ...exposed.reasons.map(({ pattern }) =>
      step(
        'seen',
        pattern.origin === undefined ? 'no Sidecar limits it' : `egress host "${pattern.text}"`,
        pattern.origin,
      ),
    ),
  ];
  if (listener === undefined) {
    const owner = plan.outbound.listeners.find(({ at }) => at.kind === 'ip' && at.port === port);
    const why =
      owner === undefined ? 'no listener carries it' : `${owner.name} has the port, and does not lead there`;
    const { outcome, steps: rest } = unknown([...steps, step('listener', why, owner?.origin)], port, input);
    return { ...call, outcome, steps: rest };
  }
  const byHttp = listener.http?.route.targets.some((each) => same(each, found));
  return {
    ...call,
    outcome: 'service',
    steps: [
      ...steps,
      step('listener', listenerText(listener), listener.origin),
      ...(byHttp === true
        ? [step('route', `${listener.http?.route.name}, virtual host ${service.hostname}:${port}`)]
        : []),
      step('cluster', outboundCluster(service.hostname, port)),
      ...endpointSteps(found),
    ],
  };
}

function endpointSteps({ service, port }: Target): readonly Step[] {
  if (service.resolution === 'none') return [step('endpoint', 'the address that the client asked for')];
  const endpoints = endpointsOf(service, port);
  if (endpoints.length === 0) return [step('endpoint', 'none: a call is answered with 503', service.origin)];
  return endpoints.map(({ endpoint, port: number }) => {
    const { kind, address, workload, origin } = endpoint;
    const at = kind === 'unix' ? `unix://${address}` : `${address}:${number}`;
    return step('endpoint', workload === '' ? at : `${at}, ${workload}`, origin);
  });
}

/** Why no service that the sidecar sees is meant. */
function whyUnknown(
  host: string,
  port: number,
  named: (service: Service) => boolean,
  { model, view }: ExplainInput,
): readonly Step[] {
  const hidden = model.services
    .filter(named)
    .map((service) => step('seen', whyNot(service, port, view), service.origin));
  return hidden.length > 0 ? hidden : [step('service', `no service of the mesh is called ${host}`)];
}

/** What becomes of a call that is for no service. */
function unknown(
  reasons: readonly Step[],
  port: number,
  { view, plan, settings }: ExplainInput,
): Pick<Explanation, 'outcome' | 'steps'> {
  const steps = [...reasons];
  const onPort = plan.outbound.listeners.find(
    ({ at, wildcard, bound }) => at.kind === 'ip' && at.port === port && (wildcard || bound),
  );
  if (onPort === undefined && settings.interception === 'NONE') {
    steps.push(step('listener', `none: nothing is captured, and the call goes where the client sends it`));
    return { outcome: 'passed-on', steps };
  }
  if (onPort?.bound === true) {
    // Only a redirected connection knows where it was going.
    steps.push(
      step('listener', listenerText(onPort), onPort.origin),
      step('policy', 'nothing says where the call was going: HTTP is answered with 502 or 503'),
    );
    return { outcome: 'blocked', steps };
  }
  const blocked = plan.unknownTo === BLACK_HOLE;
  steps.push(
    onPort === undefined
      ? step('listener', `${VIRTUAL_OUTBOUND} (${settings.outboundPort})`)
      : step('listener', listenerText(onPort), onPort.origin),
    ...(onPort?.http === undefined
      ? []
      : [
          step(
            'route',
            `${onPort.http.route.name}, virtual host ${blocked ? 'block_all: 502' : 'allow_any'}`,
          ),
        ]),
    step('cluster', plan.unknownTo),
    step('policy', view.outboundTrafficPolicy.mode, view.outboundTrafficPolicy.origin),
  );
  return { outcome: blocked ? 'blocked' : 'passed-on', steps };
}

function whyNot(service: Service, port: number, { workload, services, sidecar, notes }: ProxyView): string {
  const { hostname, namespace, ports } = service;
  if (!ports.some(({ number }) => number === port)) {
    return `${hostname} has no port ${port}, but ${ports.map(({ number }) => number).join(', ')}`;
  }
  if (!isExportedTo(service, workload.namespace)) {
    return `${hostname} is exported to ${service.exportTo.join(', ')}, not to ${workload.namespace}`;
  }
  const seen = services.find(({ service: each }) => each.hostname === hostname);
  const note = notes.find((each) => each.startsWith(`${namespace}/${hostname} `));
  if (note !== undefined) return note;
  if (seen !== undefined) return `no egress listener exposes port ${port} of ${hostname}`;
  const by =
    sidecar.kind === 'built-in' ? '' : ` of Sidecar ${sidecar.sidecar.namespace}/${sidecar.sidecar.name}`;
  return `no egress host${by} lets ${namespace}/${hostname} in`;
}

function listenerText({ name, bound, http }: PlannedListener): string {
  return `${name}${bound ? ', with a socket of its own' : ''}${http === undefined ? ', TCP' : ''}`;
}

function leadsTo({ http, tcp }: PlannedListener, target: Target): boolean {
  return [...(http?.route.targets ?? []), ...tcp].some((each) => same(each, target));
}

function same(a: Target, b: Target): boolean {
  return a.service === b.service && a.port === b.port;
}

function portOf(service: Service, number: number) {
  return service.ports.find((port) => port.number === number);
}

/** @param form a name that may begin with `*` */
function matches(form: string, host: string): boolean {
  const wanted = host.toLowerCase();
  return form.startsWith('*')
    ? wanted.endsWith(form.slice(1)) && wanted.length >= form.length
    : form === wanted;
}
