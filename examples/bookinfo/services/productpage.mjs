import { ask } from './ask.mjs';
import { BOOK } from './books.mjs';
import { html } from './html.mjs';
import { page } from './page.mjs';
import { json } from './serve.mjs';

const MAX_USER = 40;

/**
 * `GET /productpage`, the page, and `GET /api/v1/products/0`, the same as JSON. Who reads is said by the header `end-user` or
 * by `?user=`, and passed on as the header.
 */
export function productpage({ addresses, outbound }) {
  const gather = async ({ headers, url }) => {
    const user = (url.searchParams.get('user') ?? headers['end-user'] ?? '').replace(/[^\x20-\x7e]/g, '');
    const reader = user.trim().slice(0, MAX_USER);
    const { 'end-user': _, ...others } = headers;
    const asked = reader === '' ? others : { ...others, 'end-user': reader };
    const [details, reviews] = await Promise.all([
      ask(addresses.details, `/details/${BOOK.id}`, asked, outbound),
      ask(addresses.reviews, `/reviews/${BOOK.id}`, asked, outbound),
    ]);
    return { book: BOOK, reader, details, reviews };
  };
  return [
    ['GET', /^\/$/, () => ({ ...json(302, {}), headers: { location: '/productpage' } })],
    ['GET', /^\/productpage$/, async (incoming) => html(page(await gather(incoming)))],
    [
      'GET',
      /^\/api\/v1\/products\/0$/,
      async (incoming) => {
        const all = await gather(incoming);
        return json(all.details.ok && all.reviews.ok ? 200 : 502, all);
      },
    ],
  ];
}
