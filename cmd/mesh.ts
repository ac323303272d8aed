import { showMesh } from '../src/mesh/show/show.ts';
import { parseShowArgs, showHelp } from '../src/mesh/show/show-args.ts';
import { print } from './print.ts';

/** `pilot-agent mesh`: what a sidecar would get of a folder of YAML. */
export async function mesh(argv: readonly string[]): Promise<number> {
  const parsed = parseShowArgs(argv);
  print(1, parsed.kind === 'help' ? showHelp : await showMesh(parsed.options));
  return 0;
}
