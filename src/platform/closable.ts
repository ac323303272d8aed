/** One owner per resource: whoever opens a server, a watcher, a timer or a child gets it back as one of these. */
export interface Closable {
  /** Releases the resource. Safe to call more than once; later callers join the first. */
  close(): Promise<void>;
}
