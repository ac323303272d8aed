/** The `pilot-agent` executable: finds the command, runs it, sets the exit code. */
import { basename } from 'node:path';
import { InputError } from '../src/platform/errors.ts';
import { rootHelp } from './help.ts';
import { endWith } from './outcome.ts';
import { print } from './print.ts';

/** Names of links to this executable that stand for a command. */
const COMMANDS_BY_NAME = ['istio-iptables', 'istio-clean-iptables'];

const [command, ...argv] = commandLine(process.argv);

endWith(run(command, argv));

/** The command and its arguments. Called by a link with the name of a command, the executable is that command. */
function commandLine([, executable = '', ...words]: readonly string[]): readonly string[] {
  const name = basename(executable);
  return COMMANDS_BY_NAME.includes(name) ? [name, ...words] : words;
}

/** Each command is loaded when it is asked for. */
async function run(name: string | undefined, args: readonly string[]): Promise<number> {
  switch (name) {
    case 'proxy':
      return (await import('./proxy.ts')).proxy(args);
    case 'wait':
      return (await import('./wait.ts')).wait(args);
    case 'request':
      return (await import('./request.ts')).request(args);
    case 'restart':
      return (await import('./restart.ts')).restart(args);
    case 'status':
      return (await import('./status.ts')).status(args);
    case 'istio-iptables':
    case 'istio-clean-iptables':
      return (await import('./istio-iptables.ts')).istioIptables(name, args);
    case 'validate':
      return (await import('./validate.ts')).validate(args);
    case 'kube-inject':
      return (await import('./kube-inject.ts')).kubeInject(args);
    case 'injector':
      return (await import('./injector.ts')).injector(args);
    case 'version':
      return (await import('./version.ts')).version(args);
    case 'mesh':
      return (await import('./mesh.ts')).mesh(args);
    case undefined:
    case '-h':
    case '--help':
      print(1, rootHelp);
      return 0;
    case 'help':
      return help(args[0]);
    default:
      throw new InputError([
        `unknown command "${name}" for "pilot-agent"; "pilot-agent help" lists the commands`,
      ]);
  }
}

function help(topic: string | undefined): Promise<number> {
  return topic === undefined || topic === 'help' ? run(undefined, []) : run(topic, ['--help']);
}
