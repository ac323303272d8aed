import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { banner } from '../../../scripts/bookinfo/banner.ts';
import { type Documents, type File, readDocuments } from '../../../scripts/bookinfo/documents.ts';
import { type Member, type Mode, planBookinfo, type Wanted } from '../../../scripts/bookinfo/plan.ts';

const example = fileURLToPath(new URL('../../../examples/bookinfo/', import.meta.url));
const kubernetes = await readFolder('kubernetes');
const documents = {
  redirect: readDocuments(kubernetes, await readFolder('mesh')),
  none: readDocuments(kubernetes, await readFolder('loopback')),
};

const PATHS = {
  node: '/bin/node',
  agent: '/dist/pilot-agent.cjs',
  envoy: '/bin/envoy',
  services: '/services/main.mjs',
  mesh: '/tmp/x/mesh',
  folder: '/tmp/x',
};
const plan = (mode: Mode, changed: Partial<Wanted> = {}, from: Documents = documents[mode]) =>
  planBookinfo(from, { mode, sidecars: true, name: 'bookinfo', isRoot: true, paths: PATHS, ...changed });
const memberOf = (members: readonly Member[], name: string) => {
  const member = members.find((each) => each.name === name);
  if (member === undefined) throw new Error(`no ${name}`);
  return member;
};

const agentOf = ({ name, agent }: Member) => {
  if (agent === undefined) throw new Error(`${name} has no agent`);
  return agent;
};

const WITH_SIDECAR = ['productpage-v1', 'details-v1', 'reviews-v1', 'reviews-v2', 'reviews-v3', 'ratings-v1'];

describe.each(['redirect', 'none'] as const)('the plan in mode %s', (mode) => {
  const { members } = plan(mode);

  it('has every pod, with a sidecar for each but the collector', () => {
    expect(members.map(({ name }) => name)).toEqual([...WITH_SIDECAR, 'zipkin']);
    expect(members.filter(({ agent }) => agent !== undefined).map(({ name }) => name)).toEqual(WITH_SIDECAR);
  });

  it('starts what the Deployments say, as who they say', () => {
    const { argv, env } = memberOf(members, 'reviews-v2').application;
    expect(argv.slice(-3)).toEqual(['/bin/node', '/services/main.mjs', 'reviews']);
    expect(env).toMatchObject({ VERSION: 'v2', RUN_AS: '65534' });
  });

  it('leaves the user as it is for whoever is not root', () => {
    const { env } = memberOf(plan(mode, { isRoot: false }).members, 'reviews-v2').application;
    expect(env).not.toHaveProperty('RUN_AS');
  });

  it('tells each agent who it is', () => {
    const { argv, env } = agentOf(memberOf(members, 'reviews-v2'));
    const command = argv.slice(argv.indexOf('/dist/pilot-agent.cjs'));
    expect(command.slice(1, 3)).toEqual(['proxy', 'sidecar']);
    expect(flagsOf(command)).toMatchObject({
      domain: 'default.svc.cluster.local',
      serviceCluster: 'reviews.default',
      configPath: '/tmp/x/reviews-v2',
      meshDir: '/tmp/x/mesh',
    });
    expect(env).toMatchObject({
      POD_NAME: 'reviews-v2',
      POD_NAMESPACE: 'default',
      SERVICE_ACCOUNT: 'bookinfo-reviews',
    });
  });

  it('gives no two things one address and port', () => {
    const listening = members.flatMap(({ address, agent, application, namespace }) => {
      const { env } = application;
      const flags = flagsOf(agent?.argv ?? []);
      const ports = [flags['proxyAdminPort'], flags['statusPort'], flags['prometheusPort']];
      const own = [...ports, agent?.env['ENVOY_STATUS_PORT']].filter((port) => port !== undefined);
      return [
        `${namespace} ${env['HOST'] ?? address}:${env['PORT']}`,
        ...own.map((port) => `${namespace} ${port}`),
      ];
    });
    expect(new Set(listening).size).toBe(listening.length);
  });

  it('has Prometheus ask each of them', () => {
    const { scrape_configs: jobs } = plan(mode).prometheus as {
      scrape_configs: { job_name: string; metrics_path: string; static_configs: { targets: string[] }[] }[];
    };
    expect(jobs.map(({ job_name: name }) => name)).toEqual([...WITH_SIDECAR, 'zipkin']);
    for (const { static_configs: targets } of jobs) expect(targets[0]?.targets).toHaveLength(1);
    expect(jobs[0]?.metrics_path).toBe('/stats/prometheus');
    expect(jobs.at(-1)?.metrics_path).toBe('/metrics');
  });

  it('names page and members when it is ready', () => {
    const whole = plan(mode);
    const text = banner(whole, '/tmp/x/log', undefined);
    expect(text).toContain(whole.page);
    for (const name of WITH_SIDECAR) expect(text).toContain(name);
    expect(text).not.toContain('undefined');
  });

  it('says everything that does not fit', () => {
    const { deployments, pods, services, sidecars } = documents[mode];
    const from = {
      deployments: deployments.filter(({ name }) => name !== 'ratings-v1'),
      pods: pods.filter(({ name }) => name !== 'productpage-v1'),
      services,
      sidecars,
    };
    expect(() => plan(mode, {}, from)).toThrow(
      'pod ratings-v1: no Deployment has its labels\nno pod has the label app: productpage',
    );
  });
});

describe('with redirection', () => {
  const { members, hosts, network, page } = plan('redirect');
  const { application, agent, redirect, namespace } = memberOf(members, 'details-v1');

  it('every pod has a namespace', () => {
    expect(namespace).toBe('bookinfo-details-v1');
    expect(network?.subnet.cidr).toBe('10.91.0.0/24');
    for (const { argv } of [application, agent, redirect].flatMap((each) => each ?? [])) {
      expect(argv.slice(0, 4)).toEqual(['ip', 'netns', 'exec', 'bookinfo-details-v1']);
    }
  });

  it('its traffic is redirected as the injector would', () => {
    expect(redirect?.argv.slice(-16).join(' ')).toBe(
      'istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x  -b * -d 15090,15020'
        .split(' ')
        .slice(1)
        .join(' '),
    );
    expect(redirect?.argv.includes('istio-iptables')).toBe(true);
    expect(agent?.env['PROXY_CONFIG']).toContain('"interceptionMode":"REDIRECT"');
  });

  it('applications are where the Deployments say, and call services by name', () => {
    expect(application.env).not.toHaveProperty('HOST');
    expect(application.env).toMatchObject({ PORT: '9080' });
    expect(application.env).not.toHaveProperty('RATINGS_URL');
    expect(hosts).toContain(
      '10.96.91.3 reviews reviews.default reviews.default.svc reviews.default.svc.cluster.local\n',
    );
  });

  it('page and readiness are at the addresses of the pods', () => {
    expect(page).toBe('http://10.91.0.11:9080/productpage');
    expect(memberOf(members, 'details-v1').ready).toBe('http://10.91.0.12:15020/healthz/ready');
    expect(memberOf(members, 'zipkin').ready).toBe('http://10.91.0.20:9411/health');
  });

  it('every service needs an address of its own', () => {
    expect(() => plan('redirect', {}, { ...documents.redirect, services: documents.none.services })).toThrow(
      'service productpage: no clusterIP\nservice details: no clusterIP',
    );
  });
});

describe('on loopback', () => {
  const { members, network, page } = plan('none');

  it('there is no network and no redirection', () => {
    expect(network).toBeUndefined();
    expect(
      members.every(({ namespace, redirect }) => namespace === undefined && redirect === undefined),
    ).toBe(true);
    expect(page).toBe('http://127.0.91.11:9080/productpage');
  });

  it('an application listens and calls where its Sidecar says', () => {
    const { application, agent } = memberOf(members, 'productpage-v1');
    expect(application.env).toMatchObject({ HOST: '127.0.0.1', PORT: '19011', OUTBOUND: '127.0.92.11:9080' });
    expect(agent?.env['PROXY_CONFIG']).toContain('"interceptionMode":"NONE"');
    expect(agent?.env['PROXY_CONFIG']).toContain(
      '"tracing":{"zipkin":{"address":"127.0.91.20:9411"},"sampling":100}',
    );
    expect(agent?.env['ISTIO_PROMETHEUS_ANNOTATIONS']).toContain('"port":"19011"');
  });

  it('one that calls nobody is told of no way out', () => {
    expect(memberOf(members, 'details-v1').application.env).not.toHaveProperty('OUTBOUND');
  });

  it('a pod without a Sidecar has no place', () => {
    expect(() => plan('none', {}, { ...documents.none, sidecars: [] })).toThrow(
      'pod productpage-v1: no Sidecar has a defaultEndpoint 127.0.0.1:PORT for it',
    );
  });
});

describe('without sidecars', () => {
  it.each([
    ['redirect', '10.91.0.'],
    ['none', '127.0.91.'],
  ] as const)('in mode %s the applications call one another by address', (mode, prefix) => {
    const { members } = plan(mode, { sidecars: false });
    expect(members.every(({ agent, redirect }) => agent === undefined && redirect === undefined)).toBe(true);
    expect(memberOf(members, 'productpage-v1').application.env).toMatchObject({
      PORT: '9080',
      DETAILS_URL: `http://${prefix}12:9080`,
      REVIEWS_URL: `http://${prefix}15:9080`,
    });
    expect(memberOf(members, 'productpage-v1').ready).toBe(`http://${prefix}11:9080/health`);
  });
});

describe('a file that is no YAML', () => {
  it('is named', () => {
    expect(() => readDocuments([], [{ path: 'mesh/pods.yaml', text: 'a: [' }])).toThrow(
      /^mesh\/pods\.yaml: /,
    );
  });
});

async function readFolder(name: string): Promise<readonly File[]> {
  const names = await readdir(join(example, name));
  return Promise.all(
    names.map(async (each) => ({ path: each, text: await readFile(join(example, name, each), 'utf8') })),
  );
}

function flagsOf(argv: readonly string[]): Readonly<Record<string, string | undefined>> {
  const flags: Record<string, string | undefined> = {};
  for (const [index, word] of argv.entries()) {
    if (word.startsWith('--')) flags[word.slice(2)] = argv[index + 1];
  }
  return flags;
}
