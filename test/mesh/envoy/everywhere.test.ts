import { expect, it } from 'vitest';
import { everywhere, familiesOf } from '../../../src/mesh/envoy/everywhere.ts';
import { planFor, resourcesOf } from '../../../src/mesh/envoy/resources.ts';
import { proxyView } from '../../../src/mesh/view/proxy-view.ts';
import { modelOf } from '../load-text.ts';
import { SERVICES } from '../seed.ts';
import { workload } from '../some-mesh.ts';
import { proxySettings } from './proxy-settings.ts';

it.each([
  [['10.0.0.1'], 'ipv4'],
  [['fd00::1'], 'ipv6'],
  [['10.0.0.1', 'fd00::1'], 'dual'],
  [[], 'ipv4'],
])('a workload at %j has %s', (addresses, families) => {
  const localhost = families === 'ipv6' ? '::1' : '127.0.0.1';
  expect(familiesOf({ workload: workload({ addresses }), localhost })).toBe(families);
});

it('listens on each family that there is', () => {
  const four = { socket_address: { address: '0.0.0.0', port_value: 80 } };
  const six = { socket_address: { address: '::', port_value: 80 } };
  expect(everywhere('ipv4', 80)).toEqual({ address: four });
  expect(everywhere('ipv6', 80)).toEqual({ address: six });
  expect(everywhere('dual', 80)).toEqual({ address: four, additional_addresses: [{ address: six }] });
});

it('has both families on what takes all addresses, and one on a listener of one address', async () => {
  const settings = proxySettings();
  const view = proxyView(
    await modelOf(SERVICES),
    settings,
    workload({ addresses: ['172.16.1.32', 'fd00::32'], namespace: 'prod-us1' }),
  );
  const { listeners } = resourcesOf(planFor(view, settings), view, settings);
  const both = listeners.filter(({ additional_addresses }) => additional_addresses !== undefined);
  expect(both.map(({ name }) => name)).toEqual([
    ...listeners.map(({ name }) => name).filter((name) => name.startsWith('0.0.0.0_')),
    'virtualOutbound',
    'virtualInbound',
  ]);
  expect(listeners.map(({ name }) => name)).toContain('10.96.0.2_7000');
});
