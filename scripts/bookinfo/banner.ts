import type { Plan } from './plan.ts';

/** What is printed when everything is ready. */
export function banner(
  { members, network, page, traces }: Plan,
  logs: string,
  prometheus: string | undefined,
): string {
  const meshed = members.filter(({ agent }) => agent !== undefined);
  const [first] = meshed;
  const width = Math.max(...members.map(({ name }) => name.length));
  const rows = members.map(
    ({ name, address, ready }) => `  ${name.padEnd(width)}  ${address.padEnd(12)}  ${ready}`,
  );
  const tries = [
    `curl -s ${page} | grep -o 'data-version="v."'`,
    ...(first === undefined
      ? []
      : [`curl -s http://${first.metrics.address}${first.metrics.path} | grep bookinfo_`]),
    ...(first?.namespace === undefined ? [] : [`ip netns exec ${first.namespace} iptables -t nat -S`]),
  ];
  return `
Bookinfo is ready${meshed.length > 0 ? `, with ${meshed.length} sidecars` : ', without sidecars'}${network === undefined ? ' on loopback' : ''}:

  ${page}
  ${traces}${meshed.length > 0 ? '   traces, a second after a request' : ''}
${prometheus === undefined ? '' : `  ${prometheus}   Prometheus\n`}
${rows.join('\n')}

Worth typing in another terminal:

${tries.map((line) => `  ${line}\n`).join('')}
What services and sidecars say is in ${logs}.
Ctrl-C ends all of it and leaves nothing behind.
`;
}
