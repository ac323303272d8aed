import { readFileSync, readlinkSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildImage, type Image } from '../support/image.ts';
import { type NetNamespace, netNamespace } from '../support/net-namespace.ts';
import { childrenOf, programsOf } from '../support/processes.ts';
import { hasTool, isRoot } from '../support/tools.ts';
import { until } from '../support/until.ts';

/** What the injected container of Istio 1.5 passes, $(POD_NAMESPACE) replaced as Kubernetes does. */
const INJECTED = `proxy sidecar --domain default.svc.cluster.local --configPath /etc/istio/proxy
  --binaryPath /usr/local/bin/envoy --serviceCluster productpage.default --drainDuration 45s
  --parentShutdownDuration 1m0s --discoveryAddress istiod.istio-system.svc:15012
  --zipkinAddress zipkin.istio-system:9411 --proxyLogLevel=warning --proxyComponentLogLevel=misc:error
  --connectTimeout 10s --proxyAdminPort 15000 --concurrency 2 --controlPlaneAuthPolicy NONE --dnsRefreshRate 300s
  --statusPort 15020 --trust-domain=cluster.local --controlPlaneBootstrap=false`.split(/\s+/);
const POD = ['POD_NAME=productpage-v1-0', 'POD_NAMESPACE=default', 'INSTANCE_IP=127.0.0.1'];

interface Confinement {
  /** UID:GID. */
  readonly user: string;
  readonly capabilities: readonly string[];
}

describe.runIf(isRoot && hasTool('buildah') && hasTool('debootstrap'))('the image', () => {
  let folder: string;
  let image: Image | undefined;
  let network: NetNamespace;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'image-'));
    image = await buildImage(folder);
  });
  const built = () => {
    if (image === undefined) throw new Error('there is no image');
    return image;
  };
  afterAll(async () => {
    await image?.remove();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    network = await netNamespace('image');
  });
  afterEach(async () => {
    for (const pid of await network.pids()) process.kill(pid, 'SIGKILL');
    await network.remove();
  });

  /**
   * Runs the image as its configuration says, as a container runtime would: its own process, mount and network namespaces, and
   * the entry point as PID 1. (crun and runc want a cgroup that CI machines do not always have.)
   */
  function run(...args: string[]) {
    const { config } = built();
    const setUp = `set -e
      mount -t proc proc "$0/proc"
      mount --rbind /dev "$0/dev"
      mount -t tmpfs -o mode=1777 tmpfs "$0/dev/shm"
      mount -t tmpfs -o mode=1777 tmpfs "$0/tmp"
      exec chroot --userspec="$1" "$0" env -i "\${@:2}"`;
    return start(setUp, config.User, ...config.Env, ...POD, ...config.Entrypoint, ...args);
  }

  /**
   * As a container whose securityContext drops every capability but those, allows no privilege to be gained, and makes the root
   * file system read-only; writable are the folders that the injected Pod mounts, here as tmpfs.
   */
  function runConfined({ user, capabilities }: Confinement, ...main: string[]) {
    const { config } = built();
    const [uid, gid] = user.split(':');
    const dropped = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
    const setUp = `set -e
      mount --bind "$0" "$0"
      mount -o remount,bind,ro "$0"
      mount -t proc proc "$0/proc"
      mount --rbind /dev "$0/dev"
      mount -t tmpfs -o mode=1777 tmpfs "$0/dev/shm"
      mount -t tmpfs -o mode=755,uid=1337,gid=1337 tmpfs "$0/etc/istio/proxy"
      exec chroot "$0" setpriv --reuid=${uid} --regid=${gid} --clear-groups --no-new-privs \
        --inh-caps=${dropped} --bounding-set=${dropped} env -i "\${@:2}"`;
    return start(setUp, user, ...config.Env, ...POD, ...main);
  }

  function start(setUp: string, user: string, ...main: string[]) {
    const { rootfs } = built();
    const isolate = ['unshare', '--mount', '--pid', '--fork', '--kill-child', 'bash', '-c', setUp];
    const [file, ...rest] = network.enter(...isolate, rootfs, user, ...main);
    const running = execa(file, rest, { all: true, reject: false });
    let output = '';
    running.all.on('data', (data) => {
      output += data;
    });
    const init = () => childrenOf(running.pid ?? 0)[0];
    return { running, init, output: () => output };
  }

  const get = async (url: string) => {
    const [file, ...args] = network.enter('curl', '-s', '-w', '\n%{http_code}', url);
    const { stdout } = await execa(file, args, { reject: false });
    const lines = stdout.split('\n');
    return { status: Number(lines.pop()), body: lines.join('\n') };
  };
  const program = (pid: number) => readlinkSync(`/proc/${pid}/exe`).split('/').pop();
  const ids = (pid: number) =>
    /^Uid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]?.split('\t');

  it('is set up to run as user 1337, with the agent behind an init, and takes the arguments as they are', async () => {
    expect(built().config.User).toBe('1337:1337');
    expect(built().config.WorkingDir).toBe('/');
    const { running } = run('version');
    const { exitCode, all } = await running;
    expect(all).toContain('node_version:"v24.');
    expect(exitCode).toBe(0);
  });

  it('runs the injected command line: tini, agent and Envoy as 1337, not ready and saying why', async () => {
    const { running, init, output } = run(...INJECTED);
    const answer = await until(`it answers; it said:\n${output()}`, async () => {
      const { status, body } = await get('http://127.0.0.1:15020/healthz/ready');
      return status !== 0 && output().includes('Epoch 0 starting') && { status, body };
    });
    expect(answer.status).toBe(503);
    expect(answer.body).not.toBe('');

    const tini = init() ?? 0;
    const [agent = 0] = childrenOf(tini);
    const envoy = await until('Envoy runs', () => programsOf(agent).find((pid) => program(pid) === 'envoy'));
    expect([tini, agent, envoy].map(program)).toEqual(['tini', 'node', 'envoy']);
    for (const pid of [tini, agent, envoy]) expect(ids(pid)).toEqual(['1337', '1337', '1337', '1337']);

    process.kill(tini, 'SIGTERM');
    expect((await running).exitCode).toBe(0);
    expect(await network.pids()).toEqual([]);
  });

  it('becomes ready with a configuration of its own, and reaps what others leave behind', async () => {
    await cp('examples/productpage', join(built().rootfs, 'etc/istio/local'), { recursive: true });
    const { running, init, output } = run('proxy', 'sidecar', '--localConfig', '/etc/istio/local');
    await until(`it is ready; it said:\n${output()}`, async () => {
      return (await get('http://127.0.0.1:15021/healthz/ready')).status === 200;
    });
    const tini = init() ?? 0;
    // `kubectl exec` whose shell goes away before what it has started.
    const inside = (script: string) => execa('nsenter', ['-t', `${tini}`, '-a', '-r', 'sh', '-c', script]);
    await inside('sleep 0.2 & true');
    await until('the orphan has ended and is nobody left to wait for', async () => {
      const { stdout } = await inside('cat /proc/[0-9]*/stat 2>/dev/null; true');
      return !/\((sleep|sh)\) Z|\(sleep\)/.test(stdout);
    });
    process.kill(tini, 'SIGTERM');
    expect((await running).exitCode).toBe(0);
  });

  it('needs no capability, and of its root file system nothing but /etc/istio/proxy to write to', async () => {
    await cp('examples/productpage', join(built().rootfs, 'etc/istio/local'), { recursive: true });
    const sidecar = ['proxy', 'sidecar', '--localConfig', '/etc/istio/local'];
    const confined = { user: '1337:1337', capabilities: [] };
    const { running, init, output } = runConfined(confined, ...built().config.Entrypoint, ...sidecar);
    await until(`it is ready; it said:\n${output()}`, async () => {
      return (await get('http://127.0.0.1:15021/healthz/ready')).status === 200;
    });
    const tini = init() ?? 0;
    expect(readFileSync(`/proc/${tini}/status`, 'utf8')).toMatch(/CapBnd:\t0+\n/);
    const inside = (script: string) =>
      execa('nsenter', ['-t', `${tini}`, '-a', '-r', 'sh', '-c', script], { reject: false });
    expect((await inside('touch /usr/local/bin/x /tmp/x')).stderr).toContain('Read-only file system');
    const restart = await inside('setpriv --reuid=1337 --regid=1337 --clear-groups pilot-agent restart');
    expect(restart.exitCode, restart.stderr).toBe(0);
    process.kill(tini, 'SIGTERM');
    expect((await running).exitCode, output()).toBe(0);
  });

  it('serves both containers of an injected pod: rules by istio-iptables, then the sidecar that they lead to', async () => {
    await cp('examples/productpage', join(built().rootfs, 'etc/istio/local'), { recursive: true });
    const pod = [
      ...['link add eth0 type veth peer name far', 'addr add 10.1.2.3/24 dev eth0', 'link set lo up'],
      ...['link set far up', 'link set eth0 up', 'route add default via 10.1.2.1'],
    ];
    for (const line of pod) {
      const [file, ...args] = network.enter('ip', ...line.split(' '));
      await execa(file, args);
    }
    const initContainer = { user: '0:0', capabilities: ['net_admin', 'net_raw'] };
    const rules = 'istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i * -b * -d 15090,15020'.split(' ');
    const init = await runConfined(initContainer, ...rules, '-x', '').running;
    expect(init.exitCode, init.all).toBe(0);

    // Nobody has that address: an answer can only be Envoy's, to which the rules have led the call.
    const call = () => get('http://192.0.2.1:9080/details/0');
    expect((await call()).status).toBe(0);
    const { running, init: sidecar, output } = run('proxy', 'sidecar', '--localConfig', '/etc/istio/local');
    await until(`Envoy answers; it said:\n${output()}`, async () => (await call()).status >= 400);
    process.kill(sidecar() ?? 0, 'SIGTERM');
    expect((await running).exitCode).toBe(0);

    const cleaned = await runConfined(initContainer, 'istio-clean-iptables').running;
    expect(cleaned.exitCode, cleaned.all).toBe(0);
    const [file, ...args] = network.enter('iptables', '-t', 'nat', '-S');
    expect((await execa(file, args)).stdout).not.toContain('ISTIO');
  });
});
