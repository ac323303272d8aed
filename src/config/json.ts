/** Text from outside as plain data. */

/** No document of ours is deeper; recursion over one that is could end the process. */
const MAX_DEPTH = 64;

/**
 * Parses JSON.
 * @throws Error with the parser's message, or when the value is nested too deeply
 */
export function parseJson(text: string): unknown {
  return checkDepth(JSON.parse(text));
}

/**
 * Parses YAML or JSON that must be an object; empty text is an empty one. The YAML library is loaded only for text that
 * is not JSON.
 * @throws Error with the parser's message
 */
export async function parseObject(text: string): Promise<Readonly<Record<string, unknown>>> {
  const value = checkDepth(await parseYaml(text));
  if (value === null || value === undefined) return {};
  if (!isObject(value)) throw new Error('expected an object with fields');
  return value;
}

async function parseYaml(text: string): Promise<unknown> {
  if (text.trim() === '') return null;
  if (text.trimStart().startsWith('{')) {
    try {
      return JSON.parse(text);
    } catch {
      // YAML's flow style looks like JSON.
    }
  }
  const { parse } = await import('yaml');
  // Plain data only: without these, a tag or a %YAML directive brings in dates, sets and byte arrays.
  return parse(text, {
    schema: 'core',
    resolveKnownTags: false,
    merge: true,
    prettyErrors: false,
    logLevel: 'error',
  });
}

function checkDepth(value: unknown): unknown {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) throw new Error(`nested more than ${MAX_DEPTH} levels deep`);
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
  }
  return value;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
