// HTML by tagged templates: what is put in is escaped, unless it is such a template itself.
import { createHash } from 'node:crypto';

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

class Markup {
  constructor(source) {
    this.source = source;
  }
}

export function markup(strings, ...values) {
  return new Markup(String.raw({ raw: strings }, ...values.map(escaped)));
}

/** A whole page as an answer. No script runs in it and nothing is fetched by it. */
export function html({ title, style, body }) {
  const hash = createHash('sha256').update(style).digest('base64');
  return {
    status: 200,
    type: 'text/html; charset=utf-8',
    headers: {
      'cache-control': 'no-store',
      'content-security-policy': `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; form-action 'self'; base-uri 'none'`,
    },
    body: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
${body.source}
</body>
</html>
`,
  };
}

function escaped(value) {
  if (value instanceof Markup) return value.source;
  if (Array.isArray(value)) return value.map(escaped).join('');
  return String(value).replaceAll(/[&<>"']/g, (character) => ESCAPES[character]);
}

export const STYLE = `
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6472; --paper: #fbfaf7; --card: #fff; --line: #dcd9d0; --mark: #2b5cb8; --bad: #a3261c; --star: #1d2430; --red: #c6281c }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e6e1; --soft: #a3a9b4; --paper: #15181d; --card: #1e2229; --line: #343a44; --mark: #8db4ff; --bad: #ff9d93; --star: #e8e6e1; --red: #ff6f61 }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1.0625rem/1.55 Georgia, 'Times New Roman', serif }
header, main, footer { max-width: 62rem; margin: 0 auto; padding: 1.25rem }
header { display: flex; flex-wrap: wrap; gap: .75rem 2rem; align-items: center; justify-content: space-between }
h1 { font-size: 2.3rem; line-height: 1.15; margin: .5rem 0 }
h2 { font-size: 1.2rem; margin: 0 0 .75rem }
a { color: var(--mark) }
small, footer, label, .kind, table, button, input { font-family: system-ui, sans-serif; font-size: .9rem }
footer, .kind, .soft { color: var(--soft) }
.columns { display: grid; gap: 1.25rem; grid-template-columns: minmax(0, 1fr) minmax(0, 2fr); margin-top: 1.5rem }
@media (max-width: 42rem) { .columns { grid-template-columns: minmax(0, 1fr) } h1 { font-size: 1.8rem } }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1.25rem; overflow-wrap: anywhere }
.lead { font-size: 1.15rem; max-width: 40rem }
dl { margin: 0; display: grid; grid-template-columns: auto 1fr; gap: .35rem 1rem }
dt { color: var(--soft) }
dd { margin: 0 }
blockquote { margin: 0 0 1.25rem; padding-left: 1rem; border-left: 3px solid var(--line) }
blockquote p { margin: 0 0 .25rem }
cite { font-style: normal; color: var(--soft) }
.stars { letter-spacing: .15em; margin-left: .6rem; white-space: nowrap }
.stars.black { color: var(--star) }
.stars.red { color: var(--red) }
.bad { color: var(--bad) }
form { display: flex; gap: .5rem; align-items: center }
input, button { padding: .35rem .6rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--card); color: inherit }
input { width: 8rem }
button { cursor: pointer }
:focus-visible { outline: 3px solid var(--mark); outline-offset: 2px }
table { border-collapse: collapse; width: 100%; margin-top: .5rem }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums }
th { color: var(--soft); font-weight: 600 }
section + section { margin-top: 1.25rem }
.columns section + section { margin-top: 0 }
`;
