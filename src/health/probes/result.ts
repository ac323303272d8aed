/** What the status server answers to a probe. */
export interface ProbeResult {
  readonly status: number;
  readonly body: string | Uint8Array;
}
