import type { FileSecret } from './control-plane.ts';
import type { Bootstrap, Json } from './envoy-api.ts';
import { isJsonObject } from './strict-json.ts';

const HOLDERS = ['trusted_ca', 'certificate_chain', 'private_key'];

/**
 * The certificate and key files that Envoy reads: those named in the bootstrap, of which it notices no change while it runs,
 * and those of its secret files. Each once, sorted.
 */
export function certificateFiles(
  bootstrap: Bootstrap,
  secrets: readonly FileSecret[] = [],
): readonly string[] {
  const files = new Set(named(bootstrap.static_resources));
  for (const secret of secrets) {
    const paths = secret.kind === 'root' ? secret.certificates : [secret.certificateChain, secret.privateKey];
    for (const path of paths) files.add(path);
  }
  return [...files].sort();
}

function named(value: Json | undefined): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(named);
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const file = HOLDERS.includes(name) && isJsonObject(member) ? member['filename'] : undefined;
    return typeof file === 'string' ? [file] : named(member);
  });
}
