import { describe, expect, it } from 'vitest';
import { controlPlane, controlPlaneSecrets } from '../../src/bootstrap/control-plane.ts';
import type { AgentConfig } from '../../src/config/agent-config.ts';
import { sampleConfig } from './sample-config.ts';

const plane = (change: Partial<AgentConfig>) => controlPlane(sampleConfig(change));
const ISTIOD = 'istiod.istio-system.svc:15012';

describe('plain text or TLS', () => {
  it.each([
    ['15010', { discoveryAddress: 'istio-pilot:15010' }, false],
    ['15010, by policy', { discoveryAddress: 'p:15010', controlPlaneAuthPolicy: 'MUTUAL_TLS' }, true],
    ['15010, whatever certificates', { discoveryAddress: 'p:15010', provisionedCertDir: '/c' }, false],
    ['15012, whatever the policy', { discoveryAddress: 'p:15012', controlPlaneAuthPolicy: 'NONE' }, true],
    ['another port', { discoveryAddress: 'p:15011' }, false],
    ['another port, by policy', { discoveryAddress: 'p:15011', controlPlaneAuthPolicy: 'MUTUAL_TLS' }, true],
    ['another port, by certificates', { discoveryAddress: 'p:15011', provisionedCertDir: '/c' }, true],
  ] as const)('on port %s', (_name, change, secure) => {
    expect(plane(change)?.tls !== undefined).toBe(secure);
  });
  it('is no question with local files', () => {
    expect(plane({ localConfig: '/xds' })).toBeUndefined();
    expect(controlPlaneSecrets(sampleConfig({ localConfig: '/xds', discoveryAddress: ISTIOD }))).toEqual([]);
  });
});

describe('the certificates', () => {
  const root = (change: Partial<AgentConfig>) =>
    plane({ discoveryAddress: ISTIOD, ...change })?.tls?.root.certificates;
  it.each([
    ['of istiod', {}, './var/run/secrets/istio/root-cert.pem'],
    [
      'of Kubernetes',
      { pilotCertProvider: 'kubernetes' },
      './var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
    ],
    ['of somebody else', { pilotCertProvider: 'custom' }, './etc/certs/root-cert.pem'],
    ['provisioned', { provisionedCertDir: '/vm/certs' }, '/vm/certs/root-cert.pem'],
    ['chosen', { xdsRootCa: '/my/ca.pem', provisionedCertDir: '/vm/certs' }, '/my/ca.pem'],
    ['of the system', { xdsRootCa: 'SYSTEM' }, '/etc/ssl/certs/ca-certificates.crt'],
  ])('root %s', (_name, change, expected) => {
    expect(root(change)?.[0]).toBe(expected);
  });
  it('show a client only where there are files for one', () => {
    expect(plane({ discoveryAddress: ISTIOD })?.tls?.client).toBeUndefined();
    expect(plane({ discoveryAddress: ISTIOD, provisionedCertDir: '/vm' })?.tls?.client).toMatchObject({
      certificateChain: '/vm/cert-chain.pem',
      privateKey: '/vm/key.pem',
    });
    const mutual = { discoveryAddress: 'istio-pilot:15011', controlPlaneAuthPolicy: 'MUTUAL_TLS' } as const;
    expect(plane(mutual)?.tls?.client).toMatchObject({ certificateChain: '/etc/certs/cert-chain.pem' });
    expect(plane(mutual)?.tls?.root.certificates).toEqual(['/etc/certs/root-cert.pem']);
  });
});

describe('whom Envoy takes for the control plane', () => {
  const names = (change: Partial<AgentConfig>) =>
    plane(change)?.tls?.subjectAltNames.map(({ value }) => value);
  const mutual = { controlPlaneAuthPolicy: 'MUTUAL_TLS' } as const;
  const account = 'sa/istio-pilot-service-account';
  const cases: [string, Partial<AgentConfig>, readonly string[]][] = [
    ['15012: its host', { discoveryAddress: ISTIOD }, ['istiod.istio-system.svc']],
    ['15012 on localhost', { discoveryAddress: 'localhost:15012' }, ['istiod.istio-system.svc']],
    ['another name for it', { discoveryAddress: ISTIOD, istiodSan: 'istiod.mesh' }, ['istiod.mesh']],
    [
      'policy and host',
      { ...mutual, discoveryAddress: ISTIOD },
      [`spiffe://cluster.local/ns/istio-system/${account}`, 'istiod.istio-system.svc'],
    ],
    [
      'policy, one label',
      { ...mutual, discoveryAddress: 'istio-pilot:15011' },
      [`spiffe://cluster.local/ns/ns1/${account}`],
    ],
    [
      'policy, two labels',
      { ...mutual, discoveryAddress: 'pilot.anything:15011', trustDomain: 'secured' },
      [`spiffe://secured/ns/anything/${account}`],
    ],
    [
      'policy, three labels',
      { ...mutual, discoveryAddress: 'a.b.c:15011', istioNamespace: 'foo', trustDomain: 'td@x' },
      [`spiffe://td.x/ns/foo/${account}`],
    ],
    [
      'an address',
      { ...mutual, discoveryAddress: '[fd00::1]:15011' },
      [`spiffe://cluster.local/ns/istio-system/${account}`],
    ],
    [
      'identity',
      { ...mutual, discoveryAddress: 'p:15011', trustDomain: 'mesh.com', pilotIdentity: 'pilot-identity' },
      ['spiffe://mesh.com/pilot-identity'],
    ],
    [
      'no Kubernetes',
      { ...mutual, discoveryAddress: 'p:15011', serviceRegistry: 'Consul' },
      [`spiffe://cluster.local/istio-pilot-service-account`],
    ],
    [
      'no policy, certificates',
      { discoveryAddress: 'p:15011', provisionedCertDir: '/c' },
      [`spiffe://cluster.local/ns/istio-system/${account}`],
    ],
  ];
  it.each(cases)('%s', (_name, change, expected) => {
    expect(names(change)).toEqual(expected);
  });
  it('names the host in the handshake, unless it is an address', () => {
    expect(plane({ discoveryAddress: ISTIOD })?.tls?.sni).toBe('istiod.istio-system.svc');
    const byAddress = plane({ discoveryAddress: '10.0.0.1:15012' })?.tls;
    expect(byAddress?.sni).toBeUndefined();
    expect(byAddress?.subjectAltNames).toEqual([{ type: 'IP_ADDRESS', value: '10.0.0.1' }]);
  });
});
