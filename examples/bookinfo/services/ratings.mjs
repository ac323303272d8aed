import { BOOK, RATINGS } from './books.mjs';
import { json } from './serve.mjs';

/** `GET /ratings/0` */
export function ratings() {
  return [
    [
      'GET',
      /^\/ratings\/(\d+)$/,
      ({ parameters: [id] }) =>
        Number(id) === BOOK.id
          ? json(200, { id: BOOK.id, ratings: RATINGS })
          : json(404, { error: `no book ${id}` }),
    ],
  ];
}
