// `node main.mjs SERVICE`: one of productpage, details, reviews, ratings and zipkin. Environment:
//   PORT           where it listens (9080, zipkin 9411; 0: any that is free), HOST: on which address (every one)
//   VERSION        of reviews: v1 without stars, v2 with black ones, v3 with red ones
//   DETAILS_URL    and REVIEWS_URL, RATINGS_URL: where the others are (http://details:9080 ...)
//   OUTBOUND       ADDRESS:PORT of a sidecar's listener that every call goes to, where nothing redirects it
//   RUN_AS         user id to become after the start as root
import { details } from './details.mjs';
import { productpage } from './productpage.mjs';
import { ratings } from './ratings.mjs';
import { reviews } from './reviews.mjs';
import { serve } from './serve.mjs';
import { readSettings } from './settings.mjs';
import { zipkin } from './zipkin.mjs';

const ROUTES = { productpage, details, reviews, ratings, zipkin };

const settings = readSettings(process.argv[2], process.env);
try {
  if (settings.problems !== undefined) throw new Error(settings.problems.join('\n       '));
  if (settings.runAs !== null) becomeUser(settings.runAs);
  const { address, port, family } = await serve(settings, ROUTES[settings.service](settings));
  const host = family === 'IPv6' ? `[${address}]` : address;
  console.log(`${settings.service} ${settings.version} listens on http://${host}:${port}`);
} catch (error) {
  console.error(`Error: ${error.message}`);
  process.exitCode = 1;
}

/** For good, and in the only order that works. */
function becomeUser(id) {
  process.setgroups([id]);
  process.setgid(id);
  process.setuid(id);
}
