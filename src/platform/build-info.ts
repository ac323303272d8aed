declare const __VERSION__: string | undefined;
declare const __REVISION__: string | undefined;

/** Put in by the build (`scripts/build.mjs`); the defaults are for sources that run unbuilt, in tests. */
export const buildInfo = {
  version: typeof __VERSION__ === 'string' ? __VERSION__ : '0.0.0-dev',
  revision: typeof __REVISION__ === 'string' ? __REVISION__ : 'unknown',
  node_version: process.version,
};
