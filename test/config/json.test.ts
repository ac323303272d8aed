import { describe, expect, it } from 'vitest';
import { parseJson, parseObject } from '../../src/config/json.ts';
import { problemsOf } from './load.ts';

describe('parseObject', () => {
  it.each([
    ['', {}],
    [' \n# only a comment\n', {}],
    ['{"a":[1]}', { a: [1] }],
    ['{a: [1], b: x}', { a: [1], b: 'x' }],
    ['base: &b {x: 1}\nc:\n  <<: *b\n  y: 2', { base: { x: 1 }, c: { x: 1, y: 2 } }],
    ['on: yes\nat: 2020-01-01', { on: 'yes', at: '2020-01-01' }],
    ['%YAML 1.1\n---\na: !!binary aGVsbG8=\nb: !!timestamp 2020-01-01', { a: 'aGVsbG8=', b: '2020-01-01' }],
  ])('%j', async (text, value) => expect(await parseObject(text)).toEqual(value));

  it.each(['[1]', 'text', 'a: [', 'a: 1\na: 2', '{"a":1'])('refuses %j', async (text) => {
    await expect(parseObject(text)).rejects.toThrow();
  });
});

describe('a document that is nested too deeply is refused, not followed', () => {
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;

  it('as JSON', () => expect(() => parseJson(deep)).toThrow('nested more than 64 levels deep'));

  it('in each variable and flag', async () => {
    const problems = await problemsOf({
      argv: [`--envoyMetricsService={"tlsSettings":${deep}}`],
      env: {
        PROXY_CONFIG: `{"image":${deep}}`,
        ISTIO_KUBE_APP_PROBERS: `{"/app-health/a/livez":${deep}}`,
        ISTIO_PROMETHEUS_ANNOTATIONS: `{"port":${deep}}`,
      },
    });
    for (const problem of problems) expect(problem).toContain('nested more than 64 levels deep');
    expect(problems).toHaveLength(4);
    expect(Math.max(...problems.map(({ length }) => length))).toBeLessThan(300);
  });
});
