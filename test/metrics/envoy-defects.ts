/** Bodies that an Envoy may give of which a plain copy is refused, or was by some version of some reader. */
export const ENVOY_DEFECTS: readonly { readonly what: string; readonly body: string }[] = [
  {
    what: 'a family in two pieces',
    body: '# TYPE envoy_x counter\nenvoy_x{c="1"} 1\n# TYPE envoy_y gauge\nenvoy_y 1\n# TYPE envoy_x counter\nenvoy_x{c="2"} 2\n',
  },
  {
    what: 'a name that tag extraction gives to a counter and to a gauge',
    body: '# TYPE envoy_x counter\nenvoy_x{c="1"} 1\n# TYPE envoy_x gauge\nenvoy_x{c="2"} 2\n',
  },
  {
    what: 'a series twice, with two values',
    body: '# TYPE envoy_x counter\nenvoy_x{c="1"} 1\nenvoy_x{c="1"} 2\nenvoy_x{c="2"} 2\n',
  },
  {
    what: 'a series twice, in two pieces of its family',
    body: '# TYPE envoy_x counter\nenvoy_x{c="1"} 1\n# TYPE envoy_x counter\nenvoy_x{c="1"} 2\nenvoy_x{c="2"} 2\n',
  },
  {
    what: 'blank lines',
    body: '\n# TYPE envoy_x counter\n\nenvoy_x{c="1"} 1\n\nenvoy_x{c="2"} 2\n\n',
  },
  {
    what: 'a family without samples',
    body: '# TYPE envoy_e counter\n# TYPE envoy_x counter\nenvoy_x{c="1"} 1\nenvoy_x{c="2"} 2\n',
  },
  { what: 'no declaration', body: 'envoy_x{c="1"} 1\nenvoy_x{c="2"} 2\n' },
  { what: 'no newline at the end', body: '# TYPE envoy_x counter\nenvoy_x{c="1"} 1\nenvoy_x{c="2"} 2' },
  {
    what: 'a label that a client has filled with anything',
    body: '# TYPE envoy_x counter\nenvoy_x{c="1"} 1\nenvoy_x{c="\0"} 1\nenvoy_x{c="2"} 2\n',
  },
];

/** Makes a body so long that it streams. */
export const LONG_FAMILY = `\n# TYPE envoy_long gauge\n${Array.from(
  { length: 7_000 },
  (_, i) => `envoy_long{number="${i}",padding="${'x'.repeat(130)}"} ${i}\n`,
).join('')}`;
