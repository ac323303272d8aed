/** The mark that 1.30 gives Envoy's connections to its own pod, with TPROXY. */
export const LOOPED_MARK = 1338;
