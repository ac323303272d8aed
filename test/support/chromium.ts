import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { onTestFinished } from 'vitest';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--no-zygote',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--hide-scrollbars',
  '--remote-debugging-pipe',
];

export interface Page {
  open(url: string): Promise<void>;
  /** Value of an expression in the page; a promise is waited for. */
  evaluate<T>(expression: string): Promise<T>;
  look(how: {
    readonly width: number;
    readonly height: number;
    readonly scheme: 'light' | 'dark';
  }): Promise<void>;
  /** As if the person went to another tab, or came back. */
  setHidden(hidden: boolean): Promise<void>;
  /** `role name` of everything that a screen reader is told of. */
  roles(): Promise<readonly string[]>;
  /** The whole page, as PNG. */
  screenshot(path: string): Promise<void>;
  /** Exceptions, violations of the content security policy, and whatever else went to the console. */
  readonly complaints: readonly string[];
}

interface Message {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/**
 * A page of a headless Chromium of its own, spoken to by the DevTools protocol over a pipe. Gone when the test is over.
 * @param enter the command line that runs it where it is to run
 */
export async function openChromium(
  enter: (...command: readonly [string, ...string[]]) => [string, ...string[]] = (...command) => [...command],
): Promise<Page> {
  const profile = await mkdtemp(join(tmpdir(), 'chromium-'));
  const [file, ...args] = enter('chromium', ...FLAGS, `--user-data-dir=${profile}`);
  const child = spawn(file, args, {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const complaints: string[] = [];
  const [, , , input, output] = child.stdio as unknown as [null, null, null, Writable, Readable];
  const call = protocol(input, output, ({ method, params }) => {
    if (
      method === 'Runtime.exceptionThrown' ||
      method === 'Log.entryAdded' ||
      method === 'Runtime.consoleAPICalled'
    )
      complaints.push(JSON.stringify(params));
  });

  onTestFinished(async () => {
    // Asked to, it takes its helpers along; killed, it leaves zombies where nobody reaps.
    const late = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), 5_000);
    call('Browser.close', {}).catch(() => {});
    await exited;
    clearTimeout(late);
    await rm(profile, { recursive: true, force: true, maxRetries: 20 });
  });

  const { targetId } = await call('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true });
  const ask = (method: string, params: object = {}) => call(method, params, String(sessionId));
  for (const domain of ['Page', 'Runtime', 'Log']) await ask(`${domain}.enable`);
  const evaluate = async <T>(expression: string): Promise<T> => {
    const { result, exceptionDetails } = await ask('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value: T }).value;
  };
  return {
    complaints,
    evaluate,
    open: async (url) => {
      const { errorText } = await ask('Page.navigate', { url });
      if (errorText !== undefined) throw new Error(`${url}: ${errorText}`);
    },
    look: async ({ width, height, scheme }) => {
      await ask('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
      await ask('Emulation.setEmulatedMedia', {
        features: [{ name: 'prefers-color-scheme', value: scheme }],
      });
    },
    setHidden: async (hidden) => {
      await evaluate(
        `Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${hidden} });
         document.dispatchEvent(new Event('visibilitychange'))`,
      );
    },
    roles: async () => {
      const { nodes } = await ask('Accessibility.getFullAXTree');
      return (nodes as { role?: { value: string }; name?: { value: string } }[]).map(
        ({ role, name }) => `${role?.value} ${name?.value}`,
      );
    },
    screenshot: async (path) => {
      const { data } = await ask('Page.captureScreenshot', { captureBeyondViewport: true });
      await writeFile(path, Buffer.from(String(data), 'base64'));
    },
  };
}

/** Calls by messages that end with a NUL: https://chromedevtools.github.io/devtools-protocol/ */
function protocol(input: Writable, output: Readable, onEvent: (message: Message) => void) {
  const waiting = new Map<number, (message: Message) => void>();
  let rest = '';
  output.setEncoding('utf8').on('data', (chunk: string) => {
    const messages = (rest + chunk).split('\0');
    rest = messages.pop() ?? '';
    for (const text of messages) {
      const message: Message = JSON.parse(text);
      if (message.id === undefined) onEvent(message);
      else waiting.get(message.id)?.(message);
    }
  });
  input.on('error', () => {});
  let id = 0;
  return (method: string, params: object, sessionId?: string): Promise<Record<string, unknown>> => {
    id += 1;
    input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => {
      waiting.set(id, ({ result, error }) =>
        error === undefined ? resolve(result ?? {}) : reject(new Error(`${method}: ${error.message}`)),
      );
    });
  };
}
