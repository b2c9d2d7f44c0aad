// One podiod to a dataDir.
import { expect } from 'chai';
import { makeSite } from './site.ts';

describe('two daemons on one dataDir', function () {
  this.timeout(30_000);

  it('refuses the second, and starts the next at once when the first was killed', async () => {
    const site = await makeSite({
      rules: { all: { on: { app: 'leads', events: 'item.create' }, steps: ['audit'] } },
    });
    const first = await site.boot();

    const second = site.run();
    expect(await second.ended).to.equal(1);
    expect(second.log()).to.include(`another podiod (process ${first.pid}) uses ${site.dataDir}`);
    expect(second.log()).to.include('Stop it, or give this one a dataDir of its own.');
    // The first has not noticed.
    expect((await first.admin('/readyz')).status).to.equal(200);

    await first.end('SIGKILL');
    const third = await site.boot();
    expect((await third.runFile()).pid).to.equal(third.pid);
  });
});
