import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);

export interface TestCertificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A root of its own and a server certificate for one DNS name, as files in a folder. */
export async function testCertificates(folder: string, dnsName: string): Promise<TestCertificates> {
  const file = (name: string) => join(folder, name);
  const [ca, cert, key] = [file('ca.pem'), file('cert.pem'), file('key.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await writeFile(file('names'), `subjectAltName=DNS:${dnsName}\n`);
  const openssl = (...args: readonly string[]) => exec('openssl', args);
  await openssl(
    'req',
    '-x509',
    ...curve,
    '-keyout',
    file('ca.key'),
    '-out',
    ca,
    '-days',
    '2',
    '-subj',
    '/CN=test root',
  );
  await openssl('req', ...curve, '-keyout', key, '-out', file('csr'), '-subj', '/CN=test');
  await openssl(
    'x509',
    '-req',
    '-in',
    file('csr'),
    '-CA',
    ca,
    '-CAkey',
    file('ca.key'),
    '-days',
    '2',
    '-out',
    cert,
    '-extfile',
    file('names'),
  );
  return { ca, cert, key };
}
