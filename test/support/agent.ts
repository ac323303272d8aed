import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { type LaunchOptions, launchAgent, type RunningAgent } from './launch.ts';

/** The built executable: system tests run what users run. */
export const PILOT_AGENT = fileURLToPath(new URL('../../dist/pilot-agent.cjs', import.meta.url));

export type AgentOptions = Partial<LaunchOptions>;

/** Starts `pilot-agent proxy` on free ports in a folder of its own; ends it, and every Envoy of it, when the test is over. */
export function startAgent(options: AgentOptions = {}): Promise<RunningAgent> {
  return launchAgent(onTestFinished, { executable: PILOT_AGENT, ...options });
}
