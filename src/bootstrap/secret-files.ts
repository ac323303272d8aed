import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Closable } from '../platform/closable.ts';
import { type Millis, millis } from '../platform/duration.ts';
import { toError } from '../platform/errors.ts';
import type { FileSecret } from './control-plane.ts';
import { type JsonObject, typeUrl } from './envoy-api.ts';
import { writeConfigFile } from './write.ts';

const MODE = 0o644;
const POLL = millis(1_000);

/**
 * Writes the secrets that the bootstrap names, as Envoy reads them (a DiscoveryResponse in a file); call it before Envoy
 * starts, for a missing file of these would stop it. A secret whose certificates do not exist yet is written empty.
 *
 * What Envoy 1.40 does with them: it follows a certificate that is renamed into place by itself (the kubelet's way). But a
 * secret that names a missing file is rejected and, worse, taken for known when the same secret comes again; so a secret is
 * only ever written with files that exist.
 * @returns the certificate files that are missing, for readiness to name
 * @throws EnvironmentError when a file cannot be written
 */
export async function writeSecretFiles(secrets: readonly FileSecret[]): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const secret of secrets) missing.push(...(await writeSecretFile(secret)));
  return missing;
}

export interface FollowSecretsOptions {
  readonly secrets: readonly FileSecret[];
  /** Called when certificates have come, with those that are still missing. */
  readonly onChange: (missing: readonly string[]) => void;
  readonly onError: (error: Error) => void;
  readonly interval?: Millis;
}

/** Looks for missing certificates and hands each to Envoy when it comes. Stops by itself when all are there. */
export function followSecretFiles(options: FollowSecretsOptions): Closable {
  const { secrets, onChange, onError, interval = POLL } = options;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let waiting = new Set(secrets);
  let running = Promise.resolve();

  const look = async () => {
    const still = new Set<FileSecret>();
    const missing: string[] = [];
    for (const secret of waiting) {
      const lacking = (await state(secret)).missing;
      if (lacking.length === 0) await writeSecretFile(secret);
      else still.add(secret);
      missing.push(...lacking);
    }
    const arrived = still.size < waiting.size;
    waiting = still;
    if (arrived && !closed) onChange(missing);
  };
  const next = () => {
    if (closed || waiting.size === 0) return;
    timer = setTimeout(() => {
      running = look()
        .catch((error: unknown) => onError(toError(error)))
        .then(next);
    }, interval).unref();
  };
  next();
  return {
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}

async function writeSecretFile(secret: FileSecret): Promise<readonly string[]> {
  const { resource, missing } = await state(secret);
  const response = { resources: resource === undefined ? [] : [resource] };
  await writeConfigFile(secret.path, dirname(secret.path), `${JSON.stringify(response, null, 2)}\n`, MODE);
  return missing;
}

interface SecretState {
  readonly resource: JsonObject | undefined;
  readonly missing: readonly string[];
}

async function state(secret: FileSecret): Promise<SecretState> {
  const message = {
    '@type': typeUrl('envoy.extensions.transport_sockets.tls.v3.Secret'),
    name: secret.name,
  };
  if (secret.kind === 'root') {
    const [root] = await readable(secret.certificates);
    return root === undefined
      ? { resource: undefined, missing: secret.certificates.slice(0, 1) }
      : {
          resource: { ...message, validation_context: { trusted_ca: { filename: root } } },
          missing: [],
        };
  }
  const pair = [secret.certificateChain, secret.privateKey];
  const there = await readable(pair);
  if (there.length < pair.length)
    return { resource: undefined, missing: pair.filter((path) => !there.includes(path)) };
  return {
    resource: {
      ...message,
      tls_certificate: {
        certificate_chain: { filename: secret.certificateChain },
        private_key: { filename: secret.privateKey },
      },
    },
    missing: [],
  };
}

async function readable(paths: readonly string[]): Promise<readonly string[]> {
  const there = await Promise.all(
    paths.map((path) =>
      access(path, constants.R_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return paths.filter((_path, index) => there[index]);
}
