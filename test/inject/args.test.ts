import { describe, expect, it } from 'vitest';
import { parseKubeInjectArgs } from '../../src/inject/kube-inject-args.ts';
import { parseInjectorArgs } from '../../src/inject/webhook/injector-args.ts';

describe('kube-inject', () => {
  const options = (...argv: readonly string[]) => {
    const parsed = parseKubeInjectArgs(argv);
    if (parsed.kind === 'help') throw new Error('help');
    return parsed.options;
  };

  it.each([
    [
      ['-f', 'x'],
      { filename: 'x', output: undefined, compat: '1.5', diff: false, nativeSidecars: undefined },
    ],
    [['--filename=x', '-o', 'y', '--compat', '1.30'], { filename: 'x', output: 'y', compat: '1.30' }],
    [['-f', '-', '--diff', '--nativeSidecars=false'], { filename: '-', diff: true, nativeSidecars: false }],
    [['-f', 'x', '--log_output_level', 'debug', '--log_as_json'], { filename: 'x' }],
  ])('%j', (argv, expected) => expect(options(...argv)).toMatchObject(expected));

  it.each([['-h'], ['--help'], ['-f', 'x', '--help']])('%j asks for the help', (...argv) =>
    expect(parseKubeInjectArgs(argv).kind).toBe('help'),
  );

  it('lists every problem', () => {
    const argv = ['x', '--compat', '2', '--nope', '--kubeconfig', 'k', '--diff=maybe'];
    for (const problem of [
      'filename not specified (see --filename or -f)',
      '--compat: expected one of 1.5, 1.30, got "2"',
      'unknown flag: --nope',
      '--kubeconfig: kube-inject asks no cluster',
      '--diff: expected true or false',
      'takes no argument, got "x"',
    ]) {
      expect(() => parseKubeInjectArgs(argv)).toThrow(problem);
    }
  });
});

describe('injector', () => {
  it('has the defaults of the original', () => {
    expect(parseInjectorArgs([])).toMatchObject({
      kind: 'injector',
      options: {
        port: 9443,
        monitoringPort: 15014,
        compat: '1.5',
        webhookConfigName: 'istio-sidecar-injector',
        webhookName: 'sidecar-injector.istio.io',
        files: { mesh: { path: '/etc/istio/config/mesh', required: false } },
        tls: { cert: { path: '/etc/istio/certs/cert-chain.pem' } },
      },
    });
  });

  it('takes -1 for no second port', () => {
    expect(parseInjectorArgs(['--monitoringPort', '-1'])).toMatchObject({
      options: { monitoringPort: undefined },
    });
    expect(parseInjectorArgs(['--monitoringPort=-1'])).toMatchObject({
      options: { monitoringPort: undefined },
    });
  });

  it('lists every problem', () => {
    const argv = ['--port', 'x', '--compat=2', '--healthCheckFile', 'f'];
    for (const problem of [
      '--port: expected a port',
      '--compat',
      '--healthCheckFile: there is no such file',
    ]) {
      expect(() => parseInjectorArgs(argv)).toThrow(problem);
    }
  });
});
