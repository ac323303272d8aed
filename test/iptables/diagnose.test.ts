import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/iptables/diagnose.ts';

const INPUT = '* mangle\n-N ISTIO_TPROXY\n-A ISTIO_TPROXY -p tcp -j TPROXY --on-port 15006\nCOMMIT\n';
const say = (stderr: string) => diagnose('iptables-restore', stderr, INPUT, '30s');

describe('what iptables says', () => {
  it.each([
    ['Warning: Extension owner revision 0 not supported, missing kernel module?', 'modprobe xt_owner'],
    [
      "iptables-restore: unable to initialize table 'nat'\n\nError occurred at line: 1",
      'modprobe iptable_nat',
    ],
    ["ip6tables-restore: unable to initialize table 'nat'", 'modprobe ip6table_nat'],
    [
      'iptables-restore: line 3: RULE_APPEND failed (No such file or directory): rule in chain ISTIO_TPROXY',
      'modprobe xt_TPROXY',
    ],
    ['iptables-restore: line 3 failed: No chain/target/match by that name.', 'modprobe xt_TPROXY'],
    ["Fatal: can't open lock file /run/xtables.lock: Read-only file system", 'set XTABLES_LOCKFILE'],
    [
      'Another app is currently holding the xtables lock. Perhaps you want to use the -w option?',
      'for longer than 30s',
    ],
    [
      'iptables-restore: Could not fetch rule set generation id: Permission denied (you must be root)',
      'NET_ADMIN',
    ],
  ])('%s', (stderr, remedy) => {
    expect(say(stderr)).toContain(remedy);
  });

  it('is told with the line that was refused', () => {
    expect(say('iptables-restore: line 3 failed')).toBe(
      'iptables-restore refuses "-A ISTIO_TPROXY -p tcp -j TPROXY --on-port 15006": iptables-restore: line 3 failed',
    );
  });
});
