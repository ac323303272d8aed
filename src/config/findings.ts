/** What is wrong with an input. Problems end the agent, all of them reported together; warnings are logged. */
export interface Findings {
  readonly problems: string[];
  readonly warnings: string[];
}
