// Holds the rule of docs/architecture.md: which room may import which, and that no import goes round in a circle.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Room -> rooms it may import. A room may always import itself; `cmd` and `test` may import any. */
const doors = {
  platform: [],
  log: ['platform'],
  config: ['platform'],
  bootstrap: ['platform', 'config'],
  envoy: ['platform', 'config'],
  health: ['platform', 'config'],
  metrics: ['platform', 'config'],
  agent: ['platform', 'log', 'config', 'bootstrap', 'envoy', 'health', 'metrics', 'mesh'],
  mesh: ['platform'],
  istiod: ['platform', 'config'],
  iptables: ['platform'],
  inject: ['platform'],
};

const problems = [];
const imports = new Map();
for (const folder of ['cmd', 'src']) {
  for (const entry of readdirSync(join(root, folder), { recursive: true })) {
    if (!entry.endsWith('.ts')) continue;
    const file = join(folder, entry);
    const text = readFileSync(join(root, file), 'utf8');
    const targets = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) =>
      relative(root, join(root, dirname(file), match[1])),
    );
    imports.set(file, targets);
    if (folder !== 'src') continue;
    const room = entry.split('/')[0];
    if (doors[room] === undefined)
      problems.push(`${file}: room "${room}" has no entry in scripts/check-doors.mjs`);
    for (const target of targets) {
      const [top, other] = target.split('/');
      if (top !== 'src') problems.push(`${file}: src must not import ${target}`);
      else if (other !== room && !doors[room]?.includes(other)) {
        problems.push(`${file}: no door from "${room}" to "${other}" (${target})`);
      }
    }
  }
}

const done = new Set();
function visit(file, path) {
  if (path.includes(file)) {
    problems.push(`import cycle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`);
    return;
  }
  if (done.has(file)) return;
  for (const target of imports.get(file) ?? []) visit(target, [...path, file]);
  done.add(file);
}
for (const file of imports.keys()) visit(file, []);

for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
