/** What tells one of this agent's Envoys from all other processes: its command line, as `envoyArguments` makes it. */
export interface EnvoyArgv {
  /** As it stands there: it may be relative to the folder that Envoy was started in. */
  readonly bootstrapFile: string;
  readonly epoch: number;
  readonly baseId: number;
}

/** Reads back what `envoyArguments` wrote; undefined for the command line of anything else. */
export function readEnvoyArgv(args: readonly string[]): EnvoyArgv | undefined {
  // The first two come before every argument whose value is somebody's choice, the last one after them.
  const bootstrapFile = after(args, args.indexOf('-c'));
  const epoch = wholeNumber(after(args, args.indexOf('--restart-epoch')));
  const baseIdAt = args.lastIndexOf('--base-id');
  const baseId = baseIdAt < 0 ? 0 : wholeNumber(after(args, baseIdAt));
  if (bootstrapFile === undefined || epoch === undefined || baseId === undefined) return undefined;
  return { bootstrapFile, epoch, baseId };
}

function after(args: readonly string[], index: number): string | undefined {
  return index < 0 ? undefined : args[index + 1];
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
