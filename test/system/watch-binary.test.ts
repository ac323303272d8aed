import { readFileSync } from 'node:fs';
import { appendFile, chmod, copyFile, readlink, rename, stat, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findEnvoy } from '../../src/envoy/binary.ts';
import { envoyOfEpoch, startSidecar } from '../support/hot-restart.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

describe('--watchBinary', () => {
  it('hot-restarts when a link is turned to another Envoy, and not when the binary is only touched', async () => {
    const folder = await tempFolder();
    const envoy = (await findEnvoy(process.env)) ?? '';
    for (const version of ['old', 'new']) {
      await copyFile(envoy, join(folder, `envoy-${version}`));
      await chmod(join(folder, `envoy-${version}`), 0o755);
    }
    // Another content, and the same program: what comes after the end of an ELF file does not matter to it.
    await appendFile(join(folder, 'envoy-new'), 'another build');
    const binary = join(folder, 'envoy');
    await symlink('envoy-old', binary);
    const sidecar = await startSidecar({ binary, args: ['--watchBinary'] });
    const { size } = await stat(envoy);
    await until('the binary is known', () => bytesReadBy(sidecar.agent.pid) > size);
    await utimes(join(folder, 'envoy-old'), new Date(), new Date());
    await symlink('envoy-new', `${binary}.new`);
    await rename(`${binary}.new`, binary);
    await sidecar.agent.says('Epoch 1 is LIVE');
    expect(sidecar.agent.output()).toContain(`${binary} was replaced`);
    expect(sidecar.agent.output().match(/Hot restart to epoch/g)).toHaveLength(1);
    const { pid } = await envoyOfEpoch(sidecar, 1);
    expect(await readlink(`/proc/${pid}/exe`)).toBe(join(folder, 'envoy-new'));
  });
});

/** proc(5), /proc/PID/io. */
function bytesReadBy(pid: number): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
}
