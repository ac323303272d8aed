import { access, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

export interface Image {
  /** The root file system of a container made from the image, mounted. */
  readonly rootfs: string;
  readonly config: ImageConfig;
  /** Unmounts it and forgets every container, so that the folder can be removed. */
  remove(): Promise<void>;
}

/** What the image says about how it is run, as OCI has it. */
export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly WorkingDir: string;
}

const HOST_CA = '/etc/ssl/certs/ca-certificates.crt';
const CA_INSIDE = '/run/host-ca.crt';

/**
 * Builds `Dockerfile.proxy` where no container registry can be reached: the base image comes from debootstrap, the build
 * image from that and Node's npm package. How this machine reaches Debian, npm and PyPI (mirror, registry, index,
 * certificates) is mounted into the build, and nothing of it stays in the image.
 * @param folder for everything that this makes, images included
 */
export async function buildImage(folder: string): Promise<Image> {
  const inFolder = (name: string) => join(folder, name);
  await writeFile(inFolder('policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
  const places = { driver: 'vfs', graphroot: inFolder('store'), runroot: inFolder('run') };
  const settings = Object.entries(places).map(([name, value]) => `${name} = "${value}"\n`);
  await writeFile(inFolder('storage.conf'), `[storage]\n${settings.join('')}`);
  const env = { BUILDAH_ISOLATION: 'chroot', CONTAINERS_STORAGE_CONF: inFolder('storage.conf') };
  const buildah = async (...args: string[]) => (await execa('buildah', args, { env })).stdout;
  const policy = ['--signature-policy', inFolder('policy.json')];

  await execa('debootstrap', ['--variant=minbase', 'bookworm', inFolder('base'), ...(await debianMirror())]);
  const base = await buildah('from', 'scratch');
  await execa('tar', ['-C', inFolder('base'), '-cf', inFolder('base.tar'), '.']);
  await rm(inFolder('base'), { recursive: true });
  await buildah('add', '-q', base, inFolder('base.tar'), '/');
  await rm(inFolder('base.tar'));
  await buildah('commit', '-q', ...policy, base, 'localhost/debian:bookworm-slim');

  const node = `node-linux-${process.arch}`;
  await mkdir(inFolder('node'));
  const install = ['install', '--silent', '--no-save', '--ignore-scripts', `${node}@24`, 'npm@11'];
  await execa('npm', [...install, '--prefix', inFolder('node')]);
  const modules = inFolder('node/node_modules');
  await buildah('copy', '-q', base, join(modules, node, 'bin/node'), '/usr/local/bin/node');
  await buildah('copy', '-q', base, join(modules, 'npm'), '/usr/local/lib/node_modules/npm');
  const npm = ['ln', '-s', '../lib/node_modules/npm/bin/npm-cli.js', '/usr/local/bin/npm'];
  await buildah('run', base, '--', ...npm);
  await buildah('commit', '-q', ...policy, base, 'localhost/node:24');
  await buildah('rm', base);

  const arg = (name: string, value: string) => ['--build-arg', `${name}=${value}`];
  const options = [
    ...['--pull-never', '--network', 'host', ...policy, ...(await hostSettings(folder))],
    ...arg('BUILD_IMAGE', 'localhost/node:24'),
    ...arg('BASE_IMAGE', 'localhost/debian:bookworm-slim'),
  ];
  const image = ['--with', 'buildah', '--tag', 'localhost/pilot-agent/proxy'];
  await execa('node', ['scripts/image.mjs', ...image, '--', ...options], { env });
  const container = await buildah('from', '--pull-never', 'localhost/pilot-agent/proxy');
  const inspected = JSON.parse(await buildah('inspect', container));
  return {
    rootfs: await buildah('mount', container),
    config: inspected.OCIv1.config,
    remove: async () => {
      await buildah('umount', '--all');
      await buildah('rm', '--all');
    },
  };
}

/** The mirror from which this machine's own apt takes Debian; none: debootstrap knows one. */
async function debianMirror(): Promise<string[]> {
  const filter = ['--format', '$(REPO_URI)', 'Created-By: Packages', 'Codename: bookworm', 'Component: main'];
  const { stdout } = await execa('apt-get', ['indextargets', ...filter]);
  return stdout
    .split('\n')
    .filter((uri) => uri !== '')
    .slice(0, 1);
}

/** Options that mount settings for npm and pip, with this machine's certificates, into the build. */
async function hostSettings(folder: string): Promise<string[]> {
  const ca = await access(HOST_CA).then(
    () => true,
    () => false,
  );
  const registry = (await execa('npm', ['config', 'get', 'registry'])).stdout;
  const npmrc = [`registry=${registry}`, ...(ca ? [`cafile=${CA_INSIDE}`] : [])];
  const pipSettings = (await execa('python3', ['-m', 'pip', 'config', 'list'], { reject: false })).stdout;
  const index = [...pipSettings.matchAll(/^(?:global|:env:)\.(index-url|extra-index-url|proxy)='(.*)'$/gm)];
  const pip = [
    '[global]',
    ...index.map(([, key, value]) => `${key} = ${value}`),
    ...(ca ? [`cert = ${CA_INSIDE}`] : []),
  ];
  await writeFile(join(folder, 'npmrc'), `${npmrc.join('\n')}\n`);
  await writeFile(join(folder, 'pip.conf'), `${pip.join('\n')}\n`);
  const mounts = [
    `${join(folder, 'npmrc')}:/usr/local/etc/npmrc:ro`,
    `${join(folder, 'pip.conf')}:/etc/pip.conf:ro`,
    ...(ca ? [`${HOST_CA}:${CA_INSIDE}:ro`] : []),
  ];
  return mounts.flatMap((mount) => ['--volume', mount]);
}
