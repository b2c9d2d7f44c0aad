// What keeps podiod from starting, and what it says then.
import { createServer } from 'node:net';
import { expect } from 'chai';
import { makeSite } from './site.ts';

const rules = { all: { on: { app: 'leads', events: 'item.create' }, steps: ['audit'] } };

describe('podiod run that can not start', function () {
  this.timeout(30_000);

  it('tells every problem of the config with its place, and exits 78', async () => {
    const site = await makeSite({
      rules: { all: { on: { app: 'laeds', events: 'item.creat' }, steps: ['audti'] } },
    });
    const daemon = site.run();
    expect(await daemon.ended).to.equal(78);
    const log = daemon.log();
    for (const part of [
      'laeds',
      'item.creat',
      'audti',
      'did you mean',
      '3 problems in the config',
      '.podiorc.yml:',
    ]) {
      expect(log).to.include(part);
    }
    expect(await site.podio.requests()).to.deep.equal([]);
  });

  it('says which file it looked for when there is no config, and exits 78', async () => {
    const site = await makeSite({ rules });
    const { code, stderr } = await site.podiod(['run', '--config', 'missing.yml']);
    expect(code).to.equal(78);
    expect(stderr).to.include('missing.yml');
  });

  it('says whose port is taken and what to do, and exits 1', async () => {
    const site = await makeSite({ rules });
    const port = Number(new URL(site.publicUrl).port);
    const squatter = createServer();
    await new Promise<void>(resolve => squatter.listen(port, '127.0.0.1', resolve));
    try {
      const daemon = site.run();
      expect(await daemon.ended).to.equal(1);
      expect(daemon.log()).to.include(`server can't listen on 127.0.0.1:${port}: another program does`);
      expect(daemon.log()).to.include('set server.port to a free one');
    } finally {
      squatter.close();
    }
    // Nothing of the failed start is in the way of the next.
    await site.boot();
  });

  it('says so on a wrong command line, and exits 2', async () => {
    const site = await makeSite({ rules });
    expect((await site.podiod(['rum'])).code).to.equal(2);
    const { code, stdout } = await site.podiod(['status', '--jsno', '--json']);
    expect(code).to.equal(2);
    expect(JSON.parse(stdout).error).to.include({ code: 'USAGE' });
  });
});
