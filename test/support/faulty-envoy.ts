import { chmod, copyFile, link, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findEnvoy } from '../../src/envoy/binary.ts';

/**
 * How a start of Envoy goes wrong: it ends with status 1, kills itself, or hangs without ever saying anything. `doomed`
 * runs until `FaultyEnvoy.doom` and then ends with status 1, as Envoy itself only does before it is LIVE.
 */
export type Fault = 'exit' | 'kill' | 'hang' | 'doomed';

/** A program that runs the real Envoy in its own place, unless the next start was told to go wrong. */
export interface FaultyEnvoy {
  readonly path: string;
  /** `once`: the next start that is more than a check of a bootstrap. `always`: each, until `heal`. */
  fail(fault: Fault, how?: 'once' | 'always'): Promise<void>;
  heal(): Promise<void>;
  doom(): Promise<void>;
}

export async function makeFaultyEnvoy(folder: string): Promise<FaultyEnvoy> {
  const envoy = await findEnvoy(process.env);
  if (envoy === undefined) throw new Error('no Envoy: run "npm run envoy"');
  const file = (name: string) => join(folder, name);
  // Where UID 1337 can run it.
  await link(envoy, file('real-envoy')).catch(() => copyFile(envoy, file('real-envoy')));
  await chmod(file('real-envoy'), 0o755);
  await writeFile(file('envoy'), script(folder));
  await chmod(file('envoy'), 0o755);
  const put = async (name: string, text: string) => {
    await writeFile(file(`${name}.new`), text);
    await rename(file(`${name}.new`), file(name));
  };
  return {
    path: file('envoy'),
    fail: (fault, how = 'once') => put(how, fault),
    heal: () => rm(file('always'), { force: true }),
    doom: () => put('doom', ''),
  };
}

const script = (folder: string) => `#!/bin/sh
cd '${folder}'
case " $* " in *' --mode validate '*) exec ./real-envoy "$@" ;; esac
fault=none
if [ -e always ]; then fault=$(cat always)
elif mv once taken 2>/dev/null; then fault=$(cat taken)
fi
case $fault in
  exit) exit 1 ;;
  kill) kill -9 $$ ;;
  hang) exec sleep 600 ;;
  doomed)
    ./real-envoy "$@" &
    while [ ! -e doom ]; do sleep 0.05; done
    kill -9 $!
    wait
    exit 1 ;;
esac
exec ./real-envoy "$@"
`;
