import { BOOK, DETAILS } from './books.mjs';
import { json } from './serve.mjs';

/** `GET /details/0` */
export function details() {
  return [
    [
      'GET',
      /^\/details\/(\d+)$/,
      ({ parameters: [id] }) =>
        Number(id) === BOOK.id ? json(200, DETAILS) : json(404, { error: `no book ${id}` }),
    ],
  ];
}
