import { rename, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type AgentOptions, startAgent } from './agent.ts';
import { type Application, openApplication } from './http-application.ts';
import type { RunningAgent } from './launch.ts';
import { localConfig } from './local-config.ts';
import { freePort } from './ports.ts';
import { type EnvoyFacts, envoysOf } from './processes.ts';
import { tempFolder } from './temp-folder.ts';
import { until } from './until.ts';

/** A sidecar with an application behind it, and with an override of its bootstrap that a test can change. */
export interface Sidecar {
  readonly agent: RunningAgent;
  readonly application: Application;
  /** Port of the listener that leads to the application. */
  readonly inbound: number;
  override(content: unknown): Promise<void>;
  envoys(): EnvoyFacts[];
  /** `POST /restart`. */
  restart(): Promise<{ readonly status: number; readonly body: string }>;
  /** What `/server_info` of the regular admin port says; undefined when nobody answers there. */
  serverInfo(): Promise<{ readonly state: string; readonly epoch: number } | undefined>;
}

export interface SidecarOptions extends AgentOptions {
  readonly drainS?: number;
  readonly parentShutdownS?: number;
  readonly handler?: RequestListener;
}

export async function startSidecar({
  drainS = 1,
  parentShutdownS = 2,
  handler,
  args = [],
  ...options
}: SidecarOptions = {}): Promise<Sidecar> {
  const application = await openApplication(onTestFinished, handler);
  const inbound = await freePort();
  const { folder } = await localConfig(inbound, application.port);
  const file = join(await tempFolder(), 'override.json');
  const override = async (content: unknown) => {
    await writeFile(`${file}.new`, typeof content === 'string' ? content : JSON.stringify(content));
    await rename(`${file}.new`, file);
  };
  await override({});
  const agent = await startAgent({
    ...options,
    args: [
      ...['--localConfig', folder],
      ...['--drainDuration', `${drainS}s`, '--parentShutdownDuration', `${parentShutdownS}s`],
      ...args,
    ],
    env: { ISTIO_BOOTSTRAP_OVERRIDE: file, ...options.env },
  });
  await agent.ready();
  return {
    agent,
    application,
    inbound,
    override,
    envoys: () => envoysOf(agent.pid),
    restart: () => agent.post(agent.ports.status, '/restart', 50_000),
    serverInfo: async () => {
      const answer = await agent.get(agent.ports.admin, '/server_info').catch(() => undefined);
      if (answer?.status !== 200) return undefined;
      const { state, command_line_options: options } = JSON.parse(answer.body);
      return { state, epoch: Number(options.restart_epoch) };
    },
  };
}

/** Asks for readiness and metrics all the time, until the test is over; answers with what was not 200, or without Envoy's. */
export function watchReadiness({ agent }: Sidecar): { readonly lapses: () => readonly string[] } {
  const lapses: string[] = [];
  const ask = async (port: number, path: string) => {
    const asked = Date.now();
    const answer = await agent
      .get(port, path)
      .catch((error: unknown) => ({ status: 0, body: String(error) }));
    const isWhole = path === '/healthz/ready' || answer.body.includes('envoy_server_live');
    if (answer.status !== 200 || !isWhole)
      lapses.push(`${new Date(asked).toISOString()} ${path}: ${answer.body}`);
  };
  const probing = setInterval(() => void ask(agent.ports.status, '/healthz/ready'), 50);
  const scraping = setInterval(() => void ask(agent.ports.metrics, '/stats/prometheus'), 500);
  onTestFinished(() => {
    clearInterval(probing);
    clearInterval(scraping);
  });
  return { lapses: () => lapses };
}

/** The Envoy that has a number, once it is there. */
export function envoyOfEpoch(sidecar: Sidecar, epoch: number): Promise<EnvoyFacts> {
  return until(`epoch ${epoch} runs`, () => sidecar.envoys().find((envoy) => envoy.epoch === epoch));
}

/** Waits until only one Envoy is left: no epoch drains any more. */
export function untilAlone(sidecar: Sidecar): Promise<EnvoyFacts> {
  return until('one Envoy is left', () => {
    const [only, ...more] = sidecar.envoys();
    return more.length === 0 && only;
  });
}
