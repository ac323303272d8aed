/** Content negotiation with a scraper: q values honoured, the more specific range beating `*` (RFC 9110 §12.5). */
import { PROTOBUF, type ScrapeFormat } from './format.ts';

export interface Negotiated {
  readonly format: ScrapeFormat;
  readonly contentType: string;
}

interface Range {
  readonly name: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly q: number;
}

const TEXT: Negotiated = { format: 'text', contentType: 'text/plain; version=0.0.4; charset=utf-8' };
/** In the order of our own liking, which decides between equals: text is what Envoy speaks. */
const OFFERS: readonly (Negotiated & { readonly media: string; readonly version?: string })[] = [
  { ...TEXT, media: 'text/plain', version: '0.0.4' },
  ...['1.0.0', '0.0.1'].map((version) => ({
    format: 'openmetrics' as const,
    contentType: `application/openmetrics-text; version=${version}; charset=utf-8`,
    media: 'application/openmetrics-text',
    version,
  })),
  { format: 'protobuf', contentType: PROTOBUF, media: 'application/vnd.google.protobuf' },
];
/** Protobuf is also other messages, and these in other dress: both must be said. */
const PROTOBUF_PARAMETERS = { proto: 'io.prometheus.client.metricfamily', encoding: 'delimited' };

/** Chooses the format of an answer. Text when the header is missing, unreadable or names nothing we can write. */
export function negotiateFormat(accept: string | undefined): Negotiated {
  const ranges = parseRanges(accept ?? '');
  let best: { offer: Negotiated; q: number; specificity: number } | undefined;
  for (const offer of OFFERS) {
    const match = bestMatch(ranges, (range) => specificity(range, offer.media, offer.version));
    if (match === undefined || match.q <= 0) continue;
    if (
      best === undefined ||
      match.q > best.q ||
      (match.q === best.q && match.specificity > best.specificity)
    ) {
      best = { offer, ...match };
    }
  }
  return best === undefined ? TEXT : { format: best.offer.format, contentType: best.offer.contentType };
}

/**
 * Chooses what an answer is packed with: what the client likes best, of equals the first of `offers`. Undefined when it wants
 * none of them, or the bytes as they are rather.
 */
export function negotiatePacking<T extends string>(
  acceptEncoding: string | undefined,
  offers: readonly T[],
): T | undefined {
  const ranges = parseRanges(acceptEncoding ?? '');
  const exact = (name: string) => (range: Range) => (range.name === name ? 2 : range.name === '*' ? 1 : 0);
  const identity = ranges.find((range) => range.name === 'identity')?.q ?? 0;
  let best: { readonly offer: T; readonly q: number } | undefined;
  for (const offer of offers) {
    const q = bestMatch(ranges, exact(offer))?.q ?? 0;
    if (q > 0 && q >= identity && q > (best?.q ?? 0)) best = { offer, q };
  }
  return best?.offer;
}

function specificity(range: Range, media: string, version: string | undefined): number {
  if (version === undefined) {
    const isThis = Object.entries(PROTOBUF_PARAMETERS).every(
      ([name, value]) => range.parameters.get(name) === value,
    );
    return range.name === media && isThis ? 4 : 0;
  }
  if (range.name === media) {
    const asked = range.parameters.get('version');
    if (asked === undefined) return 3;
    return asked === version ? 4 : 0;
  }
  if (range.name === `${media.split('/', 1)[0]}/*`) return 2;
  return range.name === '*/*' || range.name === '*' ? 1 : 0;
}

function bestMatch(ranges: readonly Range[], score: (range: Range) => number) {
  let best: { q: number; specificity: number } | undefined;
  for (const range of ranges) {
    const found = score(range);
    if (found > (best?.specificity ?? 0)) best = { q: range.q, specificity: found };
  }
  return best;
}

function parseRanges(header: string): Range[] {
  return header
    .split(',')
    .map((part) => {
      const [name = '', ...rest] = part.split(';').map((piece) => piece.trim().toLowerCase());
      const parameters = new Map(
        rest.map((piece) => {
          const [key = '', value = ''] = piece.split('=', 2).map((side) => side.trim());
          return [key, value.replace(/^"(.*)"$/, '$1')] as const;
        }),
      );
      const q = parameters.has('q') ? Number.parseFloat(parameters.get('q') ?? '') : 1;
      return { name, parameters, q: q >= 0 && q <= 1 ? q : 0 };
    })
    .filter((range) => range.name !== '');
}
