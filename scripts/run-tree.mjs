import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { root } from './load-ts.mjs';

/**
 * Runs a Node script, in a session of its own so that a Ctrl-C reaches it from here only, and once.
 * @param {readonly string[]} args the script and its arguments
 * @param {AbortSignal} signal ends it with all that it has started: applications, agents, Envoys, each maybe in a process group
 *   of its own. What has lost its parent by then (an Envoy whose agent a test has killed) is not found.
 * @returns its exit code
 */
export async function runTree(args, signal) {
  const { default: treeKill } = await import('tree-kill');
  const child = spawn(process.execPath, args, {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exited = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, name) => resolve(code ?? 128 + constants.signals[name]));
  });
  const toTree = (name) =>
    hasPs() ? new Promise((resolve) => treeKill(child.pid, name, resolve)) : process.kill(-child.pid, name); // tree-kill asks `ps`, and would end this process where there is none
  let ending;
  const end = async () => {
    // Stopped first, twice for what was started meanwhile: then the tree holds still while it is killed, and nothing in it
    // can lose its parent before it was found.
    for (const name of ['SIGSTOP', 'SIGSTOP', 'SIGKILL']) await toTree(name);
  };
  const onAbort = () => {
    ending = end();
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const code = await exited;
  await ending;
  return code;
}

const hasPs = () => spawnSync('ps', ['-p', '1']).error === undefined;

/** Aborts with the name of the first signal that asks this process to end. */
export function onInterruption() {
  const interruption = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => interruption.abort(name));
  return interruption.signal;
}
