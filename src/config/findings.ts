/** What is wrong with an input. Problems end the agent, all of them reported together; warnings are logged. */
export interface Findings {
  readonly problems: string[];
  readonly warnings: string[];
}

const MAX_SHOWN = 120;

/** A text from outside as messages show it: the start is enough to find it. */
export function shorten(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}...`;
}
