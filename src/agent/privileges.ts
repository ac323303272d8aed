import type { AgentConfig } from '../config/agent-config.ts';
import type { Closable } from '../platform/closable.ts';
import { prepareFolder } from '../platform/folders.ts';
import type { Logger } from '../platform/logger.ts';
import { type Staged, stageForUser } from '../platform/staging.ts';
import { becomeUser, currentUser, fixStdio, hasNetAdmin } from '../platform/users.ts';

export interface Workplace extends Closable {
  /** Paths that the user who runs Envoy can reach. */
  readonly binary: string;
  readonly localConfig: string | undefined;
}

/**
 * Started as root, the agent prepares its folders and becomes `--proxy-uid`, whose traffic iptables rules let pass; started as
 * somebody else it stays who it is. Afterwards nothing can be done that needs root. Only for TPROXY it stays root, with the group of
 * that user, whose traffic the rules let pass as well: no capability outlives the change of the user, and Envoy needs NET_ADMIN for
 * transparent sockets.
 * @throws EnvironmentError when a folder cannot be prepared or the user not be changed; nothing is left behind
 */
export async function giveUpRoot(
  config: Pick<AgentConfig, 'configPath' | 'proxyUid' | 'localConfig' | 'interceptionMode'>,
  binary: string,
  env: NodeJS.ProcessEnv,
  log: Logger,
): Promise<Workplace> {
  const { configPath, proxyUid, localConfig, interceptionMode } = config;
  const me = currentUser();
  if (me.uid !== 0) {
    await prepareFolder(configPath, me, '--configPath');
    if (me.uid !== proxyUid) {
      log.warn(
        `Running as user ${me.uid}, not ${proxyUid} (--proxy-uid): where iptables redirects traffic, Envoy's own would be ` +
          `redirected to itself for ever; start as user ${proxyUid} or root, or redirect with --proxy-uid ${me.uid}`,
      );
    }
    return { binary, localConfig, close: async () => {} };
  }
  const stays = interceptionMode === 'TPROXY' && hasNetAdmin();
  if (stays) log.info(`TPROXY needs NET_ADMIN: Envoy runs as user 0, group ${proxyUid}`);
  const user = { uid: stays ? 0 : proxyUid, gid: proxyUid };
  await prepareFolder(configPath, user, '--configPath');
  const staged: Staged = await stageForUser({ binary, localConfig, user });
  for (const warning of staged.warnings) log.warn(warning);
  try {
    fixStdio(user);
    becomeUser(user, env);
  } catch (thrown) {
    await staged.close();
    throw thrown;
  }
  return staged;
}
