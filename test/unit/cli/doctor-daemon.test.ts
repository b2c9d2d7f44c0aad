import { expect } from 'chai';
import type { AdminClient } from '../../../src/admin/client.ts';
import type { Finding } from '../../../src/cli/doctor/findings.ts';
import { lookAtDaemon } from '../../../src/cli/doctor/here.ts';
import { replacedBy, version } from '../../../src/daemon/package.ts';

async function findings(running: string): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  const client = {
    readiness: async () => ({ ready: true, reasons: [], degraded: [], rules: [] }),
    status: async () => ({ version: running, rules: [], paused: [] }),
  };
  await lookAtDaemon(client as unknown as AdminClient, finding => found.push(finding));
  return found.filter(({ verdict }) => verdict !== 'ok');
}

describe('a daemon in whose place another version was installed', () => {
  it('is told by the doctor', async () => {
    expect(await findings(version())).to.deep.equal([]);
    const [told] = await findings('0.0.1');
    expect(told).to.include({
      verdict: 'warn',
      message: `it is podiod 0.0.1, and this command is ${version()}`,
    });
  });

  it('is known to itself, in the middle of the install too', () => {
    expect(replacedBy(version())).to.equal(undefined);
    expect(replacedBy('0.0.1')).to.equal(version());
    const gone = () => {
      throw new Error('ENOENT');
    };
    expect(replacedBy('0.0.1', gone)).to.equal('another version');
  });
});
