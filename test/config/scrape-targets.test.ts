import { describe, expect, it } from 'vitest';
import { parseScrapeTargets } from '../../src/config/scrape-targets.ts';

const OWN = new Map([[16020, '--statusPort']]);

function parse(document: unknown) {
  const problems: string[] = [];
  const text = typeof document === 'string' ? document : JSON.stringify(document);
  const targets = parseScrapeTargets(text, OWN, problems).map(
    ({ scheme, port, path }) => `${scheme}://:${port}${path}`,
  );
  return { targets, problems };
}

describe('parseScrapeTargets', () => {
  it.each([
    ['', []],
    [{}, ['http://:80/metrics']],
    [{ scrape: 'true', path: '/m?x=1', port: '8080' }, ['http://:8080/m?x=1']],
    [{ scrape: 'true', path: 'm', port: 8080, scheme: 'https' }, ['https://:8080/m']],
    [{ scrape: 'false', port: '15020' }, []],
    [{ scrape: false }, []],
    [
      { targets: '8080:/m, 9100:/m,9200,8080:/m' },
      ['http://:8080/m', 'http://:9100/m', 'http://:9200/metrics'],
    ],
    [{ 'prometheus.istio.io/scrape-targets': '8080:/a:b', port: '9' }, ['http://:8080/a:b']],
    [
      { scrape: 'true', targets: [{ port: '8080', path: '/m' }, { port: '9100' }], port: '9' },
      ['http://:8080/m', 'http://:9100/metrics'],
    ],
    [{ targets: [{ port: 8443, path: 'm' }], scheme: 'https' }, ['https://:8443/m']],
    [{ targets: [], port: '8080' }, ['http://:8080/metrics']],
    [{ targets: '8443:/a,9443:/b', scheme: 'https' }, ['https://:8443/a', 'https://:9443/b']],
  ])('%j', (document, targets) => expect(parse(document)).toEqual({ targets, problems: [] }));

  it.each([
    ['{', /^ISTIO_PROMETHEUS_ANNOTATIONS "\{": /],
    ['[]', /expected a JSON object/],
    [{ port: 'http' }, /port "http": expected a number/],
    [{ port: {} }, /port: expected a text/],
    [{ scheme: 'ftp' }, /scheme "ftp": expected http or https/],
    [{ port: '16020' }, /port 16020 is not the application's \(--statusPort\)/],
    [{ port: '15090' }, /port 15090 is not the application's \(a port of the mesh\)/],
    [{ targets: ':/m' }, /port "": expected a number/],
    [{ targets: ['8080:/m'] }, /targets: expected a list of objects with port and path/],
    [{ targets: [{ path: '/m' }] }, /port "": expected a number/],
    [{ targets: [{ port: 15020 }] }, /port 15020 is not the application's/],
  ])('refuses %j', (document, message) => {
    const { problems } = parse(document);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(message);
  });

  it('reports every bad target and keeps the good', () => {
    const { targets, problems } = parse({ targets: '15001,x,8080:/m' });
    expect(targets).toEqual(['http://:8080/m']);
    expect(problems).toHaveLength(2);
  });
});
