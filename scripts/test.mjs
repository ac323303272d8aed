// `npm test`: builds, gets Envoy if it is not there, runs every suite, and ends with the line `N passed, N failed`.
// Arguments go on to vitest: `npm test -- test/metrics`, `npm test -- --project unit`. Without a project named: all but
// `image`, which builds the container image and takes minutes (`npm test -- --project image`). A signal ends the suites with
// all that they have started.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from './build.mjs';
import { loadTs } from './load-ts.mjs';
import { onInterruption, runTree } from './run-tree.mjs';

/** Program -> the Debian package it comes from. Suites that need one describe nothing without it. */
const TOOLS = {
  chromium: 'chromium',
  curl: 'curl',
  promtool: 'prometheus',
  prometheus: 'prometheus',
  wrk: 'wrk',
  ip: 'iproute2',
  'iptables-restore': 'iptables',
  unshare: 'util-linux',
  ps: 'procps',
};
const inCi = Boolean(process.env.CI);

const signal = onInterruption();
process.exitCode = await main().catch((error) => {
  if (!signal.aborted) console.error(`Error: ${error.message}`);
  return 1;
});
if (signal.aborted) process.exitCode = 128 + constants.signals[signal.reason];

async function main() {
  const { hasTool } = await loadTs('test/support/tools.ts');
  const missing = Object.keys(TOOLS).filter((tool) => !hasTool(tool));
  const packages = [...new Set(missing.map((tool) => TOOLS[tool]))].join(' ');
  if (missing.length > 0 && inCi) {
    throw new Error(`the tests need ${missing.join(', ')}: apt-get install ${packages}`);
  }
  const { ensureEnvoy } = await loadTs('src/envoy/ensure.ts');
  await ensureEnvoy({ env: process.env, stream: process.stdout, signal, anywhere: true });
  await build();

  const folder = await mkdtemp(join(tmpdir(), 'pilot-agent-test-'));
  try {
    const report = join(folder, 'report.json');
    const status = await vitest(report);
    if (signal.aborted) return status;
    const { passed, failed, notRun } = await summarize(report, status);
    if (notRun > 0) {
      const needs = [
        ...(process.getuid() === 0 ? [] : ['root']),
        ...(missing.length === 0 ? [] : [`${missing.join(', ')} (apt-get install ${packages})`]),
        ...(inCi ? [] : ['CI=1 (they download)']),
      ];
      console.log(`${notRun} tests were not run: they need ${needs.join(', or ')}`);
    }
    console.log(`${passed} passed, ${failed} failed`);
    return failed === 0 ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function vitest(report) {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const wanted = process.argv.slice(2);
  const projects = wanted.some((arg) => arg.startsWith('--project'))
    ? []
    : ['--project=unit', '--project=system'];
  return runTree(['node_modules/vitest/vitest.mjs', 'run', ...reporters, ...projects, ...wanted], signal);
}

/** Counts tests, and each file that could not be loaded, and whatever else made vitest fail, as one more failure. */
async function summarize(report, status) {
  const text = await readFile(report, 'utf8').catch(() => undefined);
  if (text === undefined) return { passed: 0, failed: 1, notRun: 0 };
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(text);
  const broken = testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((result) => result.status === 'failed'),
  ).length;
  const failed = numFailedTests + broken;
  return { passed: numPassedTests, failed: failed || Number(status !== 0), notRun: numPendingTests };
}
