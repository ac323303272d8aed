// `npm run image`: builds Dockerfile.proxy with docker, podman or buildah, whichever works here. What follows `--` goes to its
// build command: `npm run image -- --tag registry/name:1.0 -- --build-arg BASE_IMAGE=debian@sha256:...`.
import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { root } from './load-ts.mjs';

const USAGE = `Usage: npm run image -- [--tag NAME[:TAG]] [--with docker|podman|buildah] [-- OPTION OF THE BUILD ...]

Examples:
  npm run image
  npm run image -- --tag example.org/pilot-agent/proxy:0.1.0 --with podman
  npm run image -- -- --build-arg BASE_IMAGE=debian:bookworm-slim`;

/** How to ask each whether it works (docker may be there without its daemon), and its build command. */
const BUILDERS = {
  docker: { works: ['version', '--format', '{{.Server.Version}}'], build: ['build'] },
  podman: { works: ['version'], build: ['build'] },
  buildah: { works: ['version'], build: ['build'] },
};

const fail = (message) => {
  console.error(`Error: ${message}\n\n${USAGE}`);
  process.exit(1);
};

function parse(argv) {
  const at = argv.indexOf('--');
  const own = at < 0 ? argv : argv.slice(0, at);
  const { values } = parseArgs({
    args: own,
    options: {
      tag: { type: 'string', default: 'pilot-agent/proxy:latest' },
      with: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  return { ...values, rest: at < 0 ? [] : argv.slice(at + 1) };
}

const works = (name) =>
  spawnSync(name, BUILDERS[name].works, { stdio: 'ignore', timeout: 10_000 }).status === 0;

let options;
try {
  options = parse(process.argv.slice(2));
} catch (thrown) {
  fail(thrown.message);
}
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}
const names = Object.keys(BUILDERS);
if (options.with !== undefined && !names.includes(options.with)) {
  fail(`--with ${options.with}: expected one of ${names.join(', ')}`);
}
const builder = (options.with === undefined ? names : [options.with]).find(works);
if (builder === undefined) {
  fail(
    `${options.with ?? 'none of docker, podman and buildah'} does not work here: install it, or start its daemon`,
  );
}
console.log(`Building ${options.tag} from Dockerfile.proxy with ${builder} ...`);
const args = [...BUILDERS[builder].build, ...options.rest, '-f', 'Dockerfile.proxy', '-t', options.tag, '.'];
const { status, signal } = spawnSync(builder, args, { cwd: root, stdio: 'inherit' });
if (status === 0) console.log(`Built ${options.tag}`);
process.exitCode = status ?? 128 + (constants.signals[signal] ?? 0);
