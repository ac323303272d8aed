import { readFileSync } from 'node:fs';
import { type Program, runIptables } from '../src/iptables/run.ts';
import { interfaceAddresses } from '../src/platform/addresses.ts';
import { errorCode, InputError } from '../src/platform/errors.ts';
import { print } from './print.ts';

/** As in the original: whatever an init container cannot do is 1. */
const FAILED = 1;
/** Number of the capability, capabilities(7). */
const NET_ADMIN = 12n;

/** `istio-iptables` and `istio-clean-iptables`: traffic of this network namespace goes through Envoy, or no longer does. */
export async function istioIptables(program: Program, argv: readonly string[]): Promise<number> {
  const machine = {
    env: process.env,
    addresses: () => interfaceAddresses().map(({ address }) => address),
    file: readIfThere,
    netAdmin: hasCapability(NET_ADMIN),
  };
  try {
    return await runIptables(program, argv, machine, {
      out: (text) => void print(1, text),
      error: (text) => void print(2, text),
    });
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown;
    print(2, `Error: ${thrown.message}\n`);
    return FAILED;
  }
}

/** Whether it is in effect for this process. */
function hasCapability(number: bigint): boolean {
  const [, hex = '0'] = /^CapEff:\s*([\da-f]+)/m.exec(readIfThere('/proc/self/status')) ?? [];
  return ((BigInt(`0x${hex}`) >> number) & 1n) === 1n;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (errorCode(thrown) === undefined) throw thrown;
    return '';
  }
}
