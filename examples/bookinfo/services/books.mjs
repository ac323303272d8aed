// What the services know. There is one book.

export const BOOK = {
  id: 0,
  title: 'The Comedy of Errors',
  summary:
    'Two pairs of twins, parted by a shipwreck, come to the same town on the same day. Everybody takes everybody for somebody else, until evening.',
};

export const DETAILS = {
  id: BOOK.id,
  author: 'William Shakespeare',
  year: 1595,
  kind: 'paperback',
  pages: 200,
  language: 'English',
};

export const REVIEWS = [
  { reviewer: 'Ada', text: 'I laughed, and I lost count of the twins. Both more than once.' },
  {
    reviewer: 'Bram',
    text: 'Short, fast, and well built, though nobody in it ever asks the obvious question.',
  },
];

export const RATINGS = { Ada: 5, Bram: 4 };
