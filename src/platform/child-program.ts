import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Closable } from './closable.ts';
import type { Millis } from './duration.ts';
import { toError } from './errors.ts';

/** A bundle that is run as a child, for work that should leave no memory behind in the agent. */
export interface ChildProgram extends Closable {
  /**
   * Runs it once.
   * @param input what it reads from its standard input
   * @returns what it wrote to its standard output
   * @throws Error when it cannot be started, does not end in time, or ends with another code than 0
   */
  run(input: string, deadline: Millis): Promise<string>;
}

/**
 * Runs the bundle from descriptor 3. Not by its path, nor Node by its own: the agent gives up root, and both may be where the other
 * user cannot go. What `process.argv` has is as if the path had been run.
 */
const LOADER = `
const { fstatSync, readSync } = require('node:fs');
const { constants, Script } = require('node:vm');
const [file, folder] = process.argv.splice(1, 2);
const bytes = Buffer.alloc(fstatSync(3).size);
for (let at = 0, read = 1; read > 0 && at < bytes.length; at += read) read = readSync(3, bytes, at, bytes.length - at, at);
process.argv.splice(1, 0, file);
new Script(bytes.toString('latin1'), { filename: file, importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER })
  .runInThisContext()(require, { exports: {} }, file, folder);
`;
const SELF = '/proc/self/exe';
/** More than anybody reads, and less than would hurt. */
const MAX_OUTPUT = 16 * 2 ** 20;
const MAX_ERROR = 4_096;

/**
 * Opens a bundle while it can still be read.
 * @throws Error when it is not there
 */
export function openChildProgram(file: string): ChildProgram {
  const descriptor = openSync(file, 'r');
  let open = true;
  const children = new Set<ChildProcess>();
  const ended = new Set<Promise<unknown>>();
  return {
    run: async (input, deadline) => {
      if (!open) throw new Error('the program is closed');
      const args = ['-e', LOADER, '--', file, dirname(file)];
      const child = spawn(existsSync(SELF) ? SELF : process.execPath, args, {
        argv0: process.execPath,
        stdio: ['pipe', 'pipe', 'pipe', descriptor],
      });
      children.add(child);
      const result = finish(child, input, deadline);
      const settled = result.catch(() => {}).then(() => void children.delete(child));
      ended.add(settled);
      void settled.then(() => ended.delete(settled));
      return result;
    },
    close: async () => {
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(ended);
      if (open) closeSync(descriptor);
      open = false;
    },
  };
}

function finish(child: ChildProcess, input: string, deadline: Millis): Promise<string> {
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error('a child without pipes');
  let [output, errors] = ['', ''];
  stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    if (output.length > MAX_OUTPUT) child.kill('SIGKILL');
  });
  stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors = `${errors}${chunk}`.slice(-MAX_ERROR);
  });
  // It may end before it has read everything; its exit code says why.
  stdin.on('error', () => {}).end(input);
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, deadline);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(toError(error));
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(output);
      else if (late) reject(new Error(`no answer within ${deadline} ms`));
      else reject(new Error(errors.trim() === '' ? `it ended with ${signal ?? code}` : errors.trim()));
    });
  });
}
