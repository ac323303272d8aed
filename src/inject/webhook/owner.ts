import { listOf } from '../json.ts';
import type { Metadata, Owner } from '../kubernetes.ts';

/**
 * The workload that a Pod in an admission request belongs to: what its controller says, and of a ReplicaSet the Deployment above
 * it, whose name the ReplicaSet carries (injection-iptables-sidecar.md B.8).
 */
export function ownerOf({ name, generateName, labels, ownerReferences }: Metadata, namespace: string): Owner {
  const pod: Owner = { apiVersion: 'v1', kind: 'Pod', name: name || '', namespace };
  if (!generateName) return pod;
  const controller = listOf(ownerReferences).find((reference) => reference.controller === true);
  if (controller === undefined) return { ...pod, name: name || generateName.replace(/-$/, '') };
  const { apiVersion = '', kind = '', name: owner = '' } = controller;
  const suffix = `-${labels?.['pod-template-hash'] ?? ''}`;
  if (kind === 'ReplicaSet' && suffix !== '-' && owner.endsWith(suffix)) {
    return { apiVersion, kind: 'Deployment', name: owner.slice(0, -suffix.length), namespace };
  }
  return { apiVersion, kind, name: owner, namespace };
}
