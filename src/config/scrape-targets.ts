/** One place where the application serves metrics of its own (`ISTIO_PROMETHEUS_ANNOTATIONS`). */
export interface ScrapeTarget {
  readonly scheme: 'http' | 'https';
  readonly port: number;
  /** With leading slash, query kept. */
  readonly path: string;
}
