// Types, format, lint rules, and the doors between the rooms. All of them run, so that one run shows every problem.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const checks = [
  ['types', ['node_modules/.bin/tsc', '-p', '.']],
  ['types of the page', ['node_modules/.bin/tsc', '-p', 'src/health/page']],
  ['format and rules', ['node_modules/.bin/biome', 'check', '--error-on-warnings', '.']],
  ['doors and cycles', [process.execPath, 'scripts/check-doors.mjs']],
];
let failed = 0;
for (const [name, [command, ...args]] of checks) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error) console.error(`${command} cannot be run: ${error.message}; run "npm ci" first`);
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name}`);
  if (status !== 0) failed += 1;
}
process.exitCode = failed === 0 ? 0 : 1;
