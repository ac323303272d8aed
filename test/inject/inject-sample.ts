import { injectPod } from '../../src/inject/inject.ts';
import { listOf } from '../../src/inject/json.ts';
import { type Container, type Pod, PROXY } from '../../src/inject/kubernetes.ts';
import { readSettings } from '../../src/inject/settings.ts';
import type { Compat } from '../../src/inject/values.ts';
import { owner } from './pods.ts';

export interface Sample {
  readonly compat?: Compat;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: Pod['spec'];
  readonly values?: string;
  readonly mesh?: string;
  readonly inject?: string;
  readonly native?: boolean;
  readonly via?: 'file' | 'webhook';
}

export interface Injected {
  readonly pod: Pod;
  readonly proxy: Container;
  readonly init: Container | undefined;
  readonly warnings: readonly string[];
  /** The value after an option of the proxy. */
  arg(flag: string): string | undefined;
  /** The value after an option of istio-iptables. */
  rule(flag: string): string | undefined;
  env(name: string): string | undefined;
}

/** A pod with one container and port 8080, injected. */
export function inject(sample: Sample = {}): Injected {
  const { compat = '1.5', annotations, labels, spec, values, mesh, inject: config, native = false } = sample;
  const settings = readSettings({ values, mesh, inject: config }, compat, native);
  const containers = [{ name: 'cart', image: 'cart:1', ports: [{ name: 'http', containerPort: 8080 }] }];
  const before: Pod = {
    metadata: { ...(annotations ? { annotations } : {}), ...(labels ? { labels } : {}) },
    spec: spec ?? { containers },
  };
  const result = injectPod({ pod: before, owner, settings, via: sample.via ?? 'file' });
  if (result.kind === 'skipped') throw new Error(`skipped: ${result.why}`);
  const { pod, warnings } = result;
  const all = [...listOf(pod.spec.initContainers), ...listOf(pod.spec.containers)];
  const proxy = all.find(({ name }) => name === PROXY);
  if (proxy === undefined) throw new Error('there is no proxy');
  const init = all.find(({ name }) => name === 'istio-init' || name === 'istio-validation');
  const after = (list: readonly string[], flag: string) => {
    const joined = list.find((each) => each.startsWith(`${flag}=`));
    return joined?.slice(flag.length + 1) ?? (list.includes(flag) ? list[list.indexOf(flag) + 1] : undefined);
  };
  return {
    pod,
    proxy,
    init,
    warnings,
    arg: (flag) => after(listOf(proxy.args), flag),
    rule: (flag) => after([...listOf(init?.command), ...listOf(init?.args)], flag),
    env: (name) => listOf(proxy.env).find((each) => each.name === name)?.value ?? undefined,
  };
}
