// Apps that are changed at Podio while a daemon runs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Status } from '../../../src/admin/status.ts';
import type { RunningCommand } from '../../support/cli.ts';
import { until } from '../../support/wait.ts';
import { makeSite, type Site } from './site.ts';

const STEPS = ['audit'];
const WON = { on: { app: 'leads', fields: { status: { to: 'Won' } } }, steps: STEPS };

async function boot(site: Site): Promise<RunningCommand> {
  const daemon = site.start(['run']);
  await until(async () => (await site.podiod(['status', '--ready'])).code === 0, 'a ready daemon');
  return daemon;
}
const status = async (site: Site): Promise<Status> =>
  JSON.parse((await site.podiod(['status', '--json'])).stdout) as Status;
const untilNews = (site: Site, count: number) =>
  until(async () => {
    const { news } = (await status(site)).definitions;
    return news.length >= count && news;
  }, `${count} news of fields`);
const readsOf = (site: Site) =>
  site.podio.requests.filter(({ operation }) => operation === 'apps.get').length;

describe('app.update', function () {
  this.timeout(60_000);

  it('has a hook of its own for apps whose fields rules name, and for no other', async () => {
    await using site = await makeSite({
      rules: {
        won: WON,
        filtered: {
          on: { app: 'deals', events: 'item.update' },
          steps: [{ 'field-change-filter': { field: 'status' } }],
        },
      },
    });
    const hooksOf = async () => {
      const { actions } = JSON.parse((await site.podiod(['plan', '--json'])).stdout) as {
        actions: { type: string; ref: { id: number }; rules: string[]; reason: string }[];
      };
      return actions.filter(({ type }) => type === 'app.update');
    };
    expect((await hooksOf()).map(({ ref, rules }) => [ref.id, rules])).to.deep.equal([
      [101, ['podiod itself']],
      [102, ['podiod itself']],
    ]);
    expect((await site.podiod(['plan'])).stdout).to.match(/leads +app\.update +missing, for podiod itself/);
    site.configure({ rules: { all: { on: { app: 'leads', events: 'item.*' }, steps: STEPS } } });
    expect(await hooksOf()).to.deep.equal([]);
  });

  it('makes a running daemon look again and say which rule names what is no longer so', async () => {
    await using site = await makeSite({ rules: { won: WON } });
    await site.podiod(['pull']);
    const catalog = readFileSync(join(site.folder, '.podiorc.catalog.json'), 'utf8');
    await using daemon = await boot(site);
    const before = readsOf(site);
    // As somebody does who has the app's template open: several times in a row.
    site.podio.renameField(101, 'title', 'Name');
    site.podio.renameField(101, 'status', 'Stage');
    const [news] = await untilNews(site, 1);
    expect(news).to.deep.include({
      rule: 'won',
      app: 'leads',
      field: 'status',
      file: join(site.folder, '.podiorc.yml'),
      line: 1,
      change: 'is called "Stage" now, it was "Status"',
    });
    expect(readsOf(site) - before).to.equal(1);
    expect(daemon.stderr()).to.include('a field that a rule uses has changed').and.include('"rule":"won"');
    const shown = (await site.podiod(['status'])).stdout;
    expect(shown).to.include('leads.status is called "Stage" now').and.include('rule won names it: ');

    site.podio.retypeField(101, 'status', 'text');
    expect((await untilNews(site, 2)).map(({ change }) => change)).to.deep.equal([
      'is called "Stage" now, it was "Status"',
      'is of type text now, it was category',
    ]);
    // The file is the people's: a daemon's config folder may be read-only.
    expect(readFileSync(join(site.folder, '.podiorc.catalog.json'), 'utf8')).to.equal(catalog);
  });

  it('is remembered over a restart until the catalog is pulled again', async () => {
    await using site = await makeSite({ rules: { won: WON } });
    await site.podiod(['pull']);
    {
      await using daemon = await boot(site);
      site.podio.renameField(101, 'status', 'Stage');
      await untilNews(site, 1);
      daemon.stop();
      await daemon.ended;
    }
    const reads = readsOf(site);
    {
      await using daemon = await boot(site);
      expect((await status(site)).definitions.news.map(({ change }) => change)).to.deep.equal([
        'is called "Stage" now, it was "Status"',
      ]);
      expect(readsOf(site)).to.equal(reads);
      daemon.stop();
      await daemon.ended;
    }
    await site.podiod(['pull']);
    await using _daemon = await boot(site);
    expect((await status(site)).definitions).to.deep.equal({ news: [], unread: [] });
  });

  it('is read after a restart where there was no time before it', async () => {
    await using site = await makeSite({ rules: { won: WON } });
    await site.podiod(['pull']);
    {
      await using daemon = await boot(site);
      site.podio.deleteField(101, 'status');
      const app = ['events', '--json', '--type', 'app.update'];
      await until(async () => JSON.parse((await site.podiod(app)).stdout).events.length > 0, 'the event');
      daemon.stop();
      await daemon.ended;
    }
    await using _daemon = await boot(site);
    expect((await untilNews(site, 1))[0]).to.deep.include({ rule: 'won', change: 'was deleted' });
  });

  it('tells a deleted field also where nobody has pulled a catalog', async () => {
    await using site = await makeSite({ rules: { won: WON } });
    await using _daemon = await boot(site);
    site.podio.deleteField(101, 'status');
    const [news] = await untilNews(site, 1);
    expect(news).to.deep.include({ rule: 'won', field: 'status', change: 'is no field of the app' });
  });

  it('says so while a changed app can not be read, and reads it later', async () => {
    await using site = await makeSite({ rules: { won: WON } });
    await site.podiod(['pull']);
    await using daemon = await boot(site);
    site.podio.setFaults({ errorRate: 1, errorStatus: 403, operations: ['apps.get'] });
    site.podio.deleteField(101, 'status');
    await until(async () => (await status(site)).definitions.unread.length > 0, 'the failure in status');
    expect((await site.podiod(['status'])).stdout).to.include('could not be read again yet');
    site.podio.setFaults({ errorRate: 0 });
    // Another change is no reason to wait for the retry.
    site.podio.renameField(101, 'title', 'Name');
    expect((await untilNews(site, 1))[0]).to.deep.include({ change: 'was deleted' });
    expect((await status(site)).definitions.unread).to.deep.equal([]);
    expect(daemon.stderr()).to.include('a changed app could not be read again yet');
  });
});
