import { ask } from './ask.mjs';
import { BOOK, REVIEWS } from './books.mjs';
import { json } from './serve.mjs';

/** Version -> colour of the stars. The first version has none, and does not ask for ratings. */
const COLORS = { v1: undefined, v2: 'black', v3: 'red' };

/** `GET /reviews/0`. Reviews without their ratings are better than none: what went wrong stands beside them. */
export function reviews({ version, addresses, outbound }) {
  const color = COLORS[version];
  return [
    [
      'GET',
      /^\/reviews\/(\d+)$/,
      async ({ headers, parameters: [id] }) => {
        if (Number(id) !== BOOK.id) return json(404, { error: `no book ${id}` });
        if (color === undefined) return json(200, { id: BOOK.id, version, reviews: REVIEWS });
        const answer = await ask(addresses.ratings, `/ratings/${id}`, headers, outbound);
        if (!answer.ok)
          return json(200, { id: BOOK.id, version, reviews: REVIEWS, ratingsError: answer.error });
        const rated = REVIEWS.map((review) => {
          const stars = answer.value?.ratings?.[review.reviewer];
          return Number.isInteger(stars) ? { ...review, rating: { stars, color } } : review;
        });
        return json(200, { id: BOOK.id, version, reviews: rated });
      },
    ],
  ];
}
