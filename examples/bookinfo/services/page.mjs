// The page of productpage, from plain data.
import { markup, STYLE } from './html.mjs';

const MOST_STARS = 5;

/** @param all `{ book, reader, details, reviews }`; the last two are what `ask` has answered */
export function page({ book, reader, details, reviews }) {
  return {
    title: `${book.title} - Bookinfo`,
    style: STYLE,
    body: markup`<header>
<span class="kind">Bookinfo</span>
<form action="/productpage">
<label for="user">Reader</label>
<input id="user" name="user" value="${reader}" maxlength="40" autocomplete="off">
<button>Read</button>
</form>
</header>
<main>
<h1>${book.title}</h1>
<p class="lead">${book.summary}</p>
<div class="columns">
<section class="card" aria-labelledby="details"><h2 id="details">Details</h2>
${details.ok ? facts(details.value) : missing('Details', details.error)}</section>
${
  reviews.ok
    ? reviewed(reviews.value ?? {})
    : markup`<section class="card" aria-labelledby="reviews"><h2 id="reviews">Reviews</h2>
${missing('Reviews', reviews.error)}</section>`
}
</div>
</main>
<footer>Load the page again: each version of reviews takes its turn.</footer>`,
  };
}

function facts(value) {
  const rows = Object.entries(value ?? {}).filter(([name]) => name !== 'id');
  return markup`<dl>${rows.map(([name, fact]) => markup`<dt>${name}</dt><dd>${fact}</dd>`)}</dl>`;
}

function reviewed({ version, reviews, ratingsError }) {
  return markup`<section class="card" aria-labelledby="reviews" data-version="${version}"><h2 id="reviews">Reviews</h2>
${(reviews ?? []).map(
  ({ reviewer, text, rating }) => markup`<blockquote>
<p>${text}</p>
<cite>${reviewer}</cite>${rating === undefined ? '' : stars(rating)}
</blockquote>
`,
)}${ratingsError === undefined ? '' : missing('Ratings', ratingsError)}<small class="soft">by reviews ${version}</small></section>`;
}

function stars({ stars, color }) {
  const count = Math.max(0, Math.min(MOST_STARS, stars));
  const drawn = '★'.repeat(count) + '☆'.repeat(MOST_STARS - count);
  return markup`<span class="stars ${color}" role="img" aria-label="${count} of ${MOST_STARS} stars">${drawn}</span>`;
}

function missing(what, error) {
  return markup`<p class="bad">${what} cannot be had now.<br><small>${error}</small></p>`;
}
