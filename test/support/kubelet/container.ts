import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { execa } from 'execa';
import type { Container } from '../../../src/inject/kubernetes.ts';
import type { OnClose } from '../on-close.ts';
import type { Place } from '../pod-network.ts';
import { argumentsOf, childrenOf } from '../processes.ts';
import { until } from '../until.ts';
import { expand } from './environment.ts';

/** What an image brings along. */
export interface ContainerImage {
  readonly entrypoint: readonly string[];
  /** Paths of the image -> what of this machine is to be there, by a link or, for what not everybody can reach, itself. */
  readonly links: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  /** Who runs it when the pod says nothing. */
  readonly uid: number;
}

export interface RunningContainer {
  /** What it has printed so far, on both streams. */
  output(): string;
  signal(signal: NodeJS.Signals): void;
  /** Exit code, or 128 + signal number. */
  readonly exited: Promise<number>;
  /** Runs a command in it, as kubelet runs hooks. @throws when it fails */
  exec(command: readonly string[]): Promise<string>;
}

export interface ContainerOptions {
  readonly container: Container;
  readonly image: ContainerImage;
  readonly network: Place;
  readonly env: Readonly<Record<string, string>>;
  /** Name of a volume -> folder. */
  readonly volumes: Readonly<Record<string, string>>;
  /** A folder of this container's own, and the shared memory of its pod. */
  readonly folder: string;
  readonly shm: string;
  /** Contents of `/etc/resolv.conf`. */
  readonly dns: string;
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** As container runtimes set it for a user without a home. */
const HOME = '/';
/** Folders of the machine that a container may have files in without the machine noticing. */
const SHADOWED = ['/etc', '/usr/local/bin', '/var/lib'];
const EXEC_DEADLINE_MS = 20_000;

interface SecurityContext {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly capabilities?: { readonly add?: readonly string[] };
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
}

/**
 * Runs a container in the network of its pod: with mounts and processes of its own, as the user and with the capabilities that
 * its security context names (all others dropped), on a file system that is read-only where it says so. Needs root.
 */
export function startContainer(onClose: OnClose, options: ContainerOptions): RunningContainer {
  const { container, image, network, env } = options;
  const security = (container.securityContext ?? {}) as SecurityContext;
  const words = [...(container.command ?? image.entrypoint), ...(container.args ?? [])];
  const command = [...asUser(security, image.uid), ...words.map((word) => expand(word, env))];
  const apart = ['--mount', '--pid', '--fork', '--mount-proc'];
  const [file, ...args] = network.enter('unshare', ...apart, 'sh', '-c', script(options, security), 'sh');
  const child = spawn(file, [...args, ...command], {
    env: { PATH, HOME, HOSTNAME: network.name, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const exited = new Promise<number>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
  });
  // With the first process of its own all others go. (What changes its user is not killed with its parent.)
  onClose(async () => {
    for (const pid of [...childrenOf(child.pid ?? 0), child.pid ?? 0]) kill(pid);
    await exited;
  });
  // It is the script that makes the file system, and then the program.
  const init = () => childrenOf(child.pid ?? 0).find((pid) => argumentsOf(pid)[0] !== '-c');
  return {
    output: () => output,
    exited,
    signal: (signal) => {
      const pid = init();
      if (pid !== undefined) process.kill(pid, signal);
    },
    exec: async (words) => {
      const pid = await until(`${container.name} runs`, init);
      const enter = ['--target', String(pid), '--mount', '--pid', '--net', '--wd=/'];
      const whole = [...enter, ...asUser(security, image.uid), ...words];
      const { stdout } = await execa('nsenter', whole, {
        env: { PATH, HOME, ...env },
        extendEnv: false,
        timeout: EXEC_DEADLINE_MS,
      });
      return stdout;
    },
  };
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone.
  }
}

function asUser(security: SecurityContext, uid: number): readonly string[] {
  const { runAsUser = uid, runAsGroup = runAsUser, capabilities, allowPrivilegeEscalation } = security;
  const kept = (capabilities?.add ?? []).map((name) => `+${name.toLowerCase()}`);
  const ids = ['--reuid', `${runAsUser}`, '--regid', `${runAsGroup}`, '--clear-groups'];
  const bounds = ['--bounding-set', ['-all', ...kept].join(',')];
  const inherited = ['--inh-caps', ['-all', ...kept].join(',')];
  const escalation = allowPrivilegeEscalation === false ? ['--no-new-privs'] : [];
  return ['setpriv', ...ids, ...bounds, ...inherited, ...escalation];
}

/** Makes the file system, and then becomes the arguments. */
function script(
  { container, image, volumes, folder, shm, dns }: ContainerOptions,
  security: SecurityContext,
) {
  const mounts = (container.volumeMounts ?? []).map(({ name, mountPath, readOnly, subPath }) => {
    const from = volumes[name];
    if (from === undefined || subPath)
      throw new Error(`${container.name}: there is no volume for ${mountPath}`);
    return { from, to: mountPath, readOnly: readOnly === true };
  });
  const isWritten = new Set(mounts.map(({ to }) => to));
  const readOnly = security.readOnlyRootFilesystem
    ? ['/', ...SHADOWED, '/run'].filter((path) => !isWritten.has(path))
    : [];
  return [
    'set -e',
    `mount -t tmpfs tmpfs ${folder}`,
    ...SHADOWED.flatMap((path, index) => {
      const [upper, work] = [`${folder}/upper${index}`, `${folder}/work${index}`];
      const layers = `lowerdir=${path},upperdir=${upper},workdir=${work}`;
      return [`mkdir ${upper} ${work}`, `mount -t overlay overlay -o ${layers} ${path}`];
    }),
    'mount -t tmpfs tmpfs /run',
    `printf '${dns}' > /etc/resolv.conf`,
    `mount --bind ${shm} /dev/shm`,
    ...Object.entries(image.links).map(([path, target]) => `ln -sfn ${target} ${path}`),
    ...Object.entries(image.files).map(([path, file]) => `touch ${path}; mount --bind ${file} ${path}`),
    ...mounts.flatMap(({ from, to, readOnly }) => [
      `mkdir -p ${to}`,
      `mount --bind ${from} ${to}`,
      ...(readOnly ? [`mount -o remount,bind,ro ${to}`] : []),
    ]),
    ...readOnly.map((path) => `mount -o remount,bind,ro ${path}`),
    'cd /',
    'exec "$@"',
  ].join('\n');
}
