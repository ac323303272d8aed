// The environment of a service -> its settings. Every problem is told at once, with what to write instead.

const PORT = 9080;
/** Service -> what it may be told besides PORT, HOST and RUN_AS. */
const SERVICES = {
  productpage: { calls: ['details', 'reviews'] },
  details: { calls: [] },
  reviews: { calls: ['ratings'], versions: ['v1', 'v2', 'v3'] },
  ratings: { calls: [] },
  zipkin: { calls: [], port: 9411 },
};

/**
 * @param {string | undefined} service the first argument
 * @param {NodeJS.ProcessEnv} env
 * @returns the settings, or `{ problems }`: sentences
 */
export function readSettings(service, env) {
  const known = SERVICES[service];
  if (known === undefined) {
    return { problems: [`expected one of ${Object.keys(SERVICES).join(', ')}, got "${service ?? ''}"`] };
  }
  const problems = [];
  const read = (name, fallback, parse, expected) => {
    const text = env[name] ?? '';
    const value = text === '' ? fallback : parse(text);
    if (value === undefined) problems.push(`${name}: expected ${expected}, got "${text}"`);
    return value;
  };
  const [first = 'v1'] = known.versions ?? [];
  const settings = {
    service,
    version: read(
      'VERSION',
      first,
      (text) => (known.versions?.includes(text) === false ? undefined : text),
      `one of ${known.versions?.join(', ')}`,
    ),
    port: read('PORT', known.port ?? PORT, asPort, 'a port from 0 (any) to 65535'),
    host: env.HOST || undefined,
    runAs: read('RUN_AS', null, asUser, 'a user id above 0'),
    outbound: read('OUTBOUND', null, asOutbound, 'ADDRESS:PORT'),
    addresses: Object.fromEntries(
      known.calls.map((name) => [
        name,
        read(
          `${name.toUpperCase()}_URL`,
          new URL(`http://${name}:${PORT}`),
          asUrl,
          `an address like http://${name}:${PORT}`,
        ),
      ]),
    ),
  };
  return problems.length > 0 ? { problems } : settings;
}

function asPort(text) {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

function asUser(text) {
  return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined;
}

function asUrl(text) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === 'http:' ? url : undefined;
}

function asOutbound(text) {
  const url = asUrl(`http://${text}`);
  return url !== undefined && url.port !== '' && url.host === text
    ? { host: url.hostname, port: Number(url.port) }
    : undefined;
}
