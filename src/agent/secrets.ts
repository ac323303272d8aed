import { controlPlaneSecrets } from '../bootstrap/control-plane.ts';
import { followSecretFiles, writeSecretFiles } from '../bootstrap/secret-files.ts';
import { removeBootstrap as removeFile, writeLightstepToken } from '../bootstrap/write.ts';
import type { AgentConfig } from '../config/agent-config.ts';
import type { Logger } from '../platform/logger.ts';

/**
 * Puts the files with secrets where Envoy looks for them.
 * @returns asks which certificates on the way to the control plane are missing
 */
export async function prepareSecrets(
  config: AgentConfig,
  log: Logger,
  onClose: (close: () => void | Promise<void>) => void,
): Promise<() => readonly string[]> {
  const secrets = controlPlaneSecrets(config);
  let missing = await writeSecretFiles(secrets);
  for (const { path } of secrets) onClose(() => removeFile(path));
  const followed = followSecretFiles({
    secrets,
    onChange: (still) => {
      missing = still;
      log.info('Certificates for the control plane have come');
    },
    onError: (error) => log.warn(error.message),
  });
  onClose(() => followed.close());
  if (config.tracing?.kind === 'lightstep') {
    const token = await writeLightstepToken(config.configPath, config.tracing.accessToken);
    onClose(() => removeFile(token));
  }
  return () => missing;
}
