// Makes one text of a page: an import of `x.html` gives the page with its style sheet and its bundled script inside, and the
// hashes of both for the Content-Security-Policy. For esbuild (the build) and for vite (vitest) alike.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { loadEsbuild } from './esbuild.mjs';

const LINK = /<link rel="stylesheet" href="([^"]+)" ?\/?>/;
const SCRIPT = /<script src="([^"]+)"><\/script>/;

/** @param {string} file path of the .html */
async function inlinePage(file) {
  const page = await readFile(file, 'utf8');
  const read = (pattern) => {
    const [, name] = pattern.exec(page) ?? [];
    if (name === undefined) throw new Error(`${file}: nothing matches ${pattern}`);
    return bundleText(join(dirname(file), name));
  };
  const [style, script] = await Promise.all([read(LINK), read(SCRIPT)]);
  const html = page
    .replace(LINK, () => `<style>${style}</style>`)
    .replace(SCRIPT, () => `<script>${script}</script>`);
  return [
    `export const html = ${JSON.stringify(html)};`,
    `export const styleHash = '${hashOf(style)}';`,
    `export const scriptHash = '${hashOf(script)}';`,
  ].join('\n');
}

async function bundleText(file) {
  const { build } = await loadEsbuild();
  const { outputFiles } = await build({
    entryPoints: [file],
    outdir: '.',
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    target: ['chrome110', 'firefox115', 'safari16'],
    logLevel: 'warning',
  });
  return outputFiles[0].text.trim();
}

const hashOf = (text) => `sha256-${createHash('sha256').update(text).digest('base64')}`;

/** The plugin for esbuild. */
export const inlinePages = {
  name: 'inline-page',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.html$/ }, async ({ path }) => ({ contents: await inlinePage(path), loader: 'js' })),
};

/** The plugin for vite. */
export const viteInlinePages = {
  name: 'inline-page',
  enforce: 'pre',
  load: (id) => (id.endsWith('.html') ? inlinePage(id) : undefined),
};
