import { expect, it } from 'vitest';
import { certificateFiles } from '../../src/bootstrap/certificates.ts';
import { controlPlaneSecrets } from '../../src/bootstrap/control-plane.ts';
import { buildSample } from './build-sample.ts';
import { sampleConfig } from './sample-config.ts';

it('the certificate files are those of services and of the control plane, each once', () => {
  const config = sampleConfig({
    discoveryAddress: 'istio-pilot:15011',
    controlPlaneAuthPolicy: 'MUTUAL_TLS',
    tracing: {
      kind: 'lightstep',
      address: 'l:443',
      accessToken: 't',
      tls: { mode: 'SIMPLE', caCertificates: '/ls/ca.pem', subjectAltNames: [] },
    },
    envoyMetricsService: {
      address: 'm:1',
      tls: {
        mode: 'MUTUAL',
        clientCertificate: '/ms/client.pem',
        privateKey: '/ms/key.pem',
        caCertificates: '/ls/ca.pem',
        subjectAltNames: [],
      },
      tcpKeepalive: undefined,
    },
  });
  const bootstrap = buildSample(config);
  expect(certificateFiles(bootstrap)).toEqual(['/ls/ca.pem', '/ms/client.pem', '/ms/key.pem']);
  expect(certificateFiles(bootstrap, controlPlaneSecrets(config))).toEqual([
    '/etc/certs/cert-chain.pem',
    '/etc/certs/key.pem',
    '/etc/certs/root-cert.pem',
    '/ls/ca.pem',
    '/ms/client.pem',
    '/ms/key.pem',
  ]);
});
