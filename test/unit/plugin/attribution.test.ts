import { expect } from 'chai';
import { makeAttribution } from '../../../src/plugin/attribution.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

describe('whose an uncaught error is', () => {
  const lines: string[] = [];
  const teller = (level: string) => (_message: string, fields?: Readonly<Record<string, unknown>>) =>
    void lines.push(`${level} ${fields?.plugin}`);
  const log = { error: teller('error'), debug: teller('debug') };
  beforeEach(() => {
    lines.length = 0;
  });

  it('is told once a minute for each plugin, and each time to what it ends', async () => {
    const clock = makeVirtualClock();
    const attribution = makeAttribution(log, clock);
    const failed: unknown[] = [];
    const uncaught = (plugin: string) =>
      attribution.run({ plugin, phase: 'deliver', fail: error => failed.push(error) }, () =>
        attribution.attributeUncaught(new Error('x')),
      );
    for (let n = 0; n < 3; n++) expect(uncaught('erp')).to.equal(true);
    uncaught('mail');
    await clock.advance(60_000);
    uncaught('erp');
    expect(failed).to.have.length(5);
    expect(lines).to.deep.equal(['error erp', 'debug erp', 'debug erp', 'error mail', 'error erp']);
  });

  it('is nobody’s where no plugin is at work', () => {
    expect(makeAttribution(log).attributeUncaught(new Error('x'))).to.equal(false);
    expect(lines).to.deep.equal([]);
  });
});
