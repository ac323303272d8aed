import { endpointsOf, type Service, type ServicePort } from '../model/service.ts';
import { type LoadAssignment, type LocalityEndpoints, pipe, socketAddress } from './api.ts';
import { outboundCluster } from './names.ts';

/** Where the requests of a service's port go, grouped by locality in the order of the endpoints. */
export function loadAssignment(service: Service, port: ServicePort): LoadAssignment {
  const groups = new Map<string, LocalityEndpoints['lb_endpoints'][number][]>();
  for (const { endpoint, port: number } of endpointsOf(service, port)) {
    const { kind, address, locality, weight } = endpoint;
    // Envoy takes no zero; an endpoint without a share has none of the requests.
    if (weight === 0) continue;
    const group = groups.get(locality) ?? [];
    groups.set(locality, group);
    group.push({
      endpoint: { address: kind === 'unix' ? pipe(address) : socketAddress(address, number) },
      load_balancing_weight: weight === 1 ? undefined : weight,
    });
  }
  return {
    cluster_name: outboundCluster(service.hostname, port.number),
    endpoints: [...groups].map(([locality, lb_endpoints]) => ({
      locality: localityOf(locality),
      lb_endpoints,
    })),
  };
}

function localityOf(text: string): LocalityEndpoints['locality'] {
  if (text === '') return undefined;
  const [region = '', zone = '', sub_zone = ''] = text.split('/');
  return { region, zone, sub_zone };
}
