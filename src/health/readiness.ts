/** Whether the sidecar serves, and if not, the one line that a person needs. */
export type Readiness =
  | { readonly ready: true; readonly note?: string | undefined }
  | { readonly ready: false; readonly reason: string };
