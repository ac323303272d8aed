// node synthetic-application.mjs <series>: an application in a process of its own; prints its port, ends with its parent.
import { once } from 'node:events';
import { createServer } from 'node:http';

const series = Number(process.argv[2]);
const PER_FAMILY = 100;

function familyOf(begun) {
  const name = `application_requests_${begun / PER_FAMILY}_total`;
  const lines = Array.from(
    { length: Math.min(PER_FAMILY, series - begun) },
    (_, i) => `${name}{method="GET",path="/api/v1/items/${i}",status="200"} ${begun + i}\n`,
  );
  return `# HELP ${name} Requests.\n# TYPE ${name} counter\n${lines.join('')}`;
}

const server = createServer(async (_, response) => {
  response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
  for (let begun = 0; begun < series && !response.destroyed; begun += PER_FAMILY) {
    if (response.write(familyOf(begun))) continue;
    const waiting = new AbortController();
    const { signal } = waiting;
    await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]).catch(
      () => {},
    );
    waiting.abort();
  }
  response.end();
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
process.stdin.resume().on('end', () => process.exit());
