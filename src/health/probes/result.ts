/** What the status server answers to a probe. */
export interface ProbeResult {
  readonly status: number;
  readonly body: string | Uint8Array;
  /** Why it failed, in one line, when the application gave no answer that says so itself. */
  readonly reason?: string;
}

/** A failure of the probe itself: 500, as in Istio, with the reason, which kubelet shows in the pod's events. */
export function failed(reason: string): ProbeResult {
  const line = reason.replace(/\s+/g, ' ').trim();
  return { status: 500, body: `${line}\n`, reason: line };
}
