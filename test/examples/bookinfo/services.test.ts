import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startBadService, startService } from '../../support/bookinfo.ts';
import { freePort } from '../../support/ports.ts';
import { until } from '../../support/until.ts';

const TRACE = {
  'x-request-id': '7d1c8f0e-0000-4000-8000-000000000001',
  'x-b3-traceid': '463ac35c9f6413ad48485a3953bb6124',
  'x-b3-spanid': 'a2fb4a1d1a96d312',
  'x-b3-parentspanid': '0020000000000001',
  'x-b3-sampled': '1',
  'x-b3-flags': '0',
  b3: '463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-1',
  traceparent: '00-463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-01',
  'end-user': 'ada',
};

describe('every service', () => {
  it.each(['productpage', 'details', 'reviews', 'ratings', 'zipkin'])(
    '%s says that it is healthy, counts what it answers, and ends when asked to',
    async (name) => {
      const { url, child } = await startService(name);
      const health = await fetch(`${url}/health`);
      expect([health.status, await health.text()]).toEqual([200, 'ok\n']);
      expect((await fetch(`${url}/no/such/thing`)).status).toBe(404);
      const wrong = await fetch(`${url}/health`, { method: 'DELETE' });
      expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET']);
      const metrics = await (await fetch(`${url}/metrics`)).text();
      expect(metrics).toContain(`bookinfo_requests_total{service="${name}",version="v1",code="404"} 1\n`);
      child.signal('SIGTERM');
      expect(await child.exited).toBe(0);
    },
  );

  it('names every setting that is wrong', async () => {
    const env = {
      PORT: '99999',
      VERSION: 'v4',
      RATINGS_URL: 'ratings',
      OUTBOUND: '127.0.0.1',
      RUN_AS: 'root',
    };
    const child = startBadService(['reviews'], env);
    expect(await child.exited).toBe(1);
    for (const [name, value] of Object.entries(env)) {
      expect(child.output()).toMatch(new RegExp(`${name}: expected .*, got "${value}"`));
    }
  });

  it('says which there are', async () => {
    const child = startBadService(['prices']);
    expect(await child.exited).toBe(1);
    expect(child.output()).toContain(
      'expected one of productpage, details, reviews, ratings, zipkin, got "prices"',
    );
  });

  it('answers to a path that is not one, and to a body that is too long', async () => {
    const { url, address } = await startService('zipkin');
    expect(await raw(address, 'OPTIONS', '*')).toBe(405);
    const long = await fetch(`${url}/api/v2/spans`, { method: 'POST', body: 'x'.repeat(6 * 2 ** 20) }).then(
      ({ status }) => status,
      () => 413, // the rest of the body was not taken
    );
    expect(long).toBe(413);
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });
});

describe('details and ratings', () => {
  it.each([
    ['details', { id: 0, author: 'William Shakespeare', year: 1595 }],
    ['ratings', { id: 0, ratings: { Ada: 5, Bram: 4 } }],
  ])('%s knows the one book', async (name, expected) => {
    const { url } = await startService(name);
    expect(await (await fetch(`${url}/${name}/0`)).json()).toMatchObject(expected);
    expect((await fetch(`${url}/${name}/1`)).status).toBe(404);
  });
});

describe('reviews', () => {
  it('of v1 have no stars, and ask nobody for them', async () => {
    const ratings = await listenFor({});
    const { url } = await startService('reviews', { VERSION: 'v1', RATINGS_URL: ratings.url });
    const { version, reviews } = await getJson(`${url}/reviews/0`);
    expect(version).toBe('v1');
    expect(reviews.map((review: object) => Object.keys(review))).toEqual([
      ['reviewer', 'text'],
      ['reviewer', 'text'],
    ]);
    expect(ratings.received).toEqual([]);
  });

  it.each([
    ['v2', 'black'],
    ['v3', 'red'],
  ])('of %s have %s stars', async (version, color) => {
    const ratings = await startService('ratings');
    const { url } = await startService('reviews', { VERSION: version, RATINGS_URL: ratings.url });
    const { reviews } = await getJson(`${url}/reviews/0`);
    expect(reviews.map(({ rating }: { rating: object }) => rating)).toEqual([
      { stars: 5, color },
      { stars: 4, color },
    ]);
  });

  it('are there without ratings too', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { url: own } = await startService('reviews', { VERSION: 'v3', RATINGS_URL: url });
    const { reviews, ratingsError } = await getJson(`${own}/reviews/0`);
    expect(reviews).toHaveLength(2);
    expect(ratingsError).toContain('ECONNREFUSED');
  });
});

describe('productpage', () => {
  it('shows details and reviews', async () => {
    const { url } = await startBookinfo('v3');
    const answer = await fetch(`${url}/productpage`);
    const body = await answer.text();
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(body).toContain('<h1>The Comedy of Errors</h1>');
    expect(body).toContain('<dd>William Shakespeare</dd>');
    expect(body).toContain('data-version="v3"');
    expect(body).toContain('<span class="stars red" role="img" aria-label="4 of 5 stars">★★★★☆</span>');
  });

  it('gives the same as JSON', async () => {
    const { url } = await startBookinfo('v1');
    expect(await getJson(`${url}/api/v1/products/0`)).toMatchObject({
      book: { title: 'The Comedy of Errors' },
      details: { ok: true, value: { pages: 200 } },
      reviews: { ok: true, value: { version: 'v1' } },
    });
  });

  it('shows what there is when a service is away, and says what is not', async () => {
    const { address } = await startService('details');
    const { url } = await startService('productpage', {
      DETAILS_URL: `http://${address}`,
      REVIEWS_URL: `http://127.0.0.1:${await freePort()}`,
    });
    const body = await (await fetch(`${url}/productpage`)).text();
    expect(body).toContain('Reviews cannot be had now.');
    expect(body).toContain('ECONNREFUSED');
    expect(body).toContain('William Shakespeare');
    expect((await fetch(`${url}/api/v1/products/0`)).status).toBe(502);
  });

  it('takes no markup from readers, nor from services', async () => {
    const evil = await listenFor({ version: '"><script>', reviews: [{ reviewer: '<i>', text: '<b>' }] });
    const { url } = await startService('productpage', { DETAILS_URL: evil.url, REVIEWS_URL: evil.url });
    const body = await (await fetch(`${url}/productpage?user=${encodeURIComponent('"><img>')}`)).text();
    expect(body).toContain('value="&quot;&gt;&lt;img&gt;"');
    expect(body).not.toMatch(/<script>|<img>|<i>|<b>/);
  });

  it('does not end with an answer that is not what it should be', async () => {
    const odd = await listenFor(null);
    const { url } = await startService('productpage', { DETAILS_URL: odd.url, REVIEWS_URL: odd.url });
    expect((await fetch(`${url}/productpage`)).status).toBe(200);
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });
});

describe('the headers of a request', () => {
  it('go from productpage to both others, and no other header does', async () => {
    const others = await listenFor({});
    const { url } = await startService('productpage', { DETAILS_URL: others.url, REVIEWS_URL: others.url });
    await fetch(`${url}/productpage`, { headers: { ...TRACE, cookie: 'secret=1', 'x-other': '1' } });
    expect(others.received).toHaveLength(2);
    for (const headers of others.received) {
      expect(headers).toMatchObject({ ...TRACE, host: others.address });
      expect(headers).not.toHaveProperty('cookie');
      expect(headers).not.toHaveProperty('x-other');
    }
  });

  it('go from reviews to ratings', async () => {
    const ratings = await listenFor({ ratings: {} });
    const { url } = await startService('reviews', { VERSION: 'v2', RATINGS_URL: ratings.url });
    await fetch(`${url}/reviews/0`, { headers: TRACE });
    expect(ratings.received).toEqual([expect.objectContaining(TRACE)]);
  });

  it('get the reader whom the page was asked for', async () => {
    const others = await listenFor({});
    const { url } = await startService('productpage', { DETAILS_URL: others.url, REVIEWS_URL: others.url });
    await fetch(`${url}/productpage?user=bram`, { headers: { 'end-user': 'ada' } });
    await fetch(`${url}/productpage?user=`, { headers: { 'end-user': 'ada' } });
    expect(others.received.map((headers) => headers['end-user'])).toEqual([
      'bram',
      'bram',
      undefined,
      undefined,
    ]);
  });
});

describe('OUTBOUND', () => {
  it('is where every call goes, with the name of the service in the Host header', async () => {
    const sidecar = await listenFor({});
    const { url } = await startService('productpage', { OUTBOUND: sidecar.address });
    await fetch(`${url}/productpage`);
    expect(sidecar.received.map(({ host }) => host).sort()).toEqual(['details:9080', 'reviews:9080']);
  });
});

describe('a call', () => {
  it('has a deadline', async () => {
    const silent = await listenFor(undefined);
    const { url } = await startService('reviews', { VERSION: 'v2', RATINGS_URL: silent.url });
    const { ratingsError } = await getJson(`${url}/reviews/0`);
    expect(ratingsError).toMatch(/did not answer in \d+ ms/);
  });
});

async function startBookinfo(version: string) {
  const ratings = await startService('ratings');
  const details = await startService('details');
  const reviews = await startService('reviews', { VERSION: version, RATINGS_URL: ratings.url });
  return startService('productpage', { DETAILS_URL: details.url, REVIEWS_URL: reviews.url });
}

/** Answers everything with one value, undefined: with nothing; and keeps the headers that came. */
async function listenFor(value: unknown) {
  const received: IncomingHttpHeaders[] = [];
  const server = createServer((incoming, answer) => {
    received.push(incoming.headers);
    if (value !== undefined) answer.end(JSON.stringify(value));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: `http://${address}`, address, received };
}

async function getJson(url: string) {
  const answer = await until('there is an answer', () => fetch(url));
  expect(answer.status).toBe(200);
  return JSON.parse(await answer.text());
}

function raw(address: string, method: string, path: string): Promise<number> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve, reject) => {
    const call = request({ host, port, method, path, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    call.on('error', reject);
    call.end();
  });
}
