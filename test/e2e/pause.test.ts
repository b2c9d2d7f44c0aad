// An operator pauses a rule or a plugin: events wait, over kill -9 too, and run once and in order afterwards.
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { LEADS, makeSite, type Site } from './site.ts';

interface Status {
  readonly rules: readonly { rule: string; state: string; pausedSince?: string; lag: number }[];
  readonly plugins: readonly { plugin: string; pausedSince?: string }[];
  readonly paused: readonly { kind: string; name: string; since: string }[];
}

const makePausingSite = (): Promise<Site> =>
  makeSite({
    plugins: {
      audit: { use: 'file-logger', path: './events.ndjson' },
      other: { use: 'file-logger', path: './other.ndjson' },
    },
    rules: {
      watched: { on: { app: 'leads', events: 'item.update' }, steps: ['audit'] },
      free: { on: { app: 'leads', events: 'item.update' }, steps: ['other'] },
    },
  });

const status = async (site: Site): Promise<Status> =>
  JSON.parse((await site.podiod(['status', '--json'])).stdout) as Status;

const deliver = async (site: Site, item: number, revision: number): Promise<void> => {
  const params = { item_id: item, item_revision_id: revision };
  expect(await site.deliver(LEADS, 'item.update', params)).to.equal(200);
};

describe('podiod pause and resume', function () {
  this.timeout(60_000);

  for (const [what, name] of [
    ['rule', 'watched'],
    ['plugin', 'audit'],
  ] as const) {
    it(`hold a ${what}: its events wait over kill -9, and run once and in order afterwards`, async () => {
      const site = await makePausingSite();
      const first = await site.boot();
      const paused = await site.podiod(['pause', `--${what}`, name]);
      expect(paused.code, paused.stderr).to.equal(0);
      expect(paused.stdout).to.match(/^(Rule|Plugin) \w+ is paused: its events wait for podiod resume/);
      const revisions = [0, 1, 2, 3];
      for (const revision of revisions) for (const item of [1, 2, 3]) await deliver(site, item, revision);
      // The other rule has had them all, so that this one has not is no matter of time.
      await site.untilLines('other.ndjson', 12);
      await first.end('SIGKILL');

      const second = await site.boot();
      await deliver(site, 1, 4);
      await site.untilLines('other.ndjson', 13);
      expect(site.lines('events.ndjson')).to.deep.equal([]);
      expect(second.log()).to.match(new RegExp(`"message":"${what} paused"|${what} paused`));
      const told = await status(site);
      expect(told.paused).to.have.length(1);
      expect(told.paused[0]).to.include({ kind: what, name });
      const since = told.paused[0]?.since;
      if (what === 'rule') {
        expect(told.rules.find(({ rule }) => rule === name)).to.include({
          state: 'paused',
          pausedSince: since,
        });
      } else {
        expect(told.plugins.find(({ plugin }) => plugin === name)).to.include({ pausedSince: since });
      }
      const people = (await site.podiod(['status'])).stdout;
      expect(people).to.include(`paused: ${what} ${name} (`).and.include(`podiod resume --${what} ${name}`);

      const again = await site.podiod(['pause', `--${what}`, name, '--json']);
      expect(JSON.parse(again.stdout)).to.deep.equal({ [what]: name, paused: true, changed: false, since });
      const resumed = await site.podiod(['resume', `--${what}`, name]);
      expect([resumed.code, resumed.stdout]).to.deep.equal([
        0,
        `${what === 'rule' ? 'Rule' : 'Plugin'} ${name} goes on.\n`,
      ]);
      await site.untilRun(13, 'watched', 'free');
      const ran = site.lines('events.ndjson');
      expect(ran.map(({ id }) => id)).to.have.length(13);
      for (const item of [1, 2, 3]) {
        const of = ran.filter(({ itemId }) => itemId === item).map(({ revision }) => revision);
        expect(of).to.deep.equal(item === 1 ? [...revisions, 4] : revisions);
      }
      await until(async () => (await status(site)).rules.every(({ lag }) => lag === 0), 'no lag');
      expect((await status(site)).paused).to.deep.equal([]);
      expect(JSON.parse((await site.podiod(['resume', `--${what}`, name, '--json'])).stdout)).to.deep.equal({
        [what]: name,
        paused: false,
        changed: false,
      });
    });
  }

  it('say what there is where a name is wrong, or none is given', async () => {
    const site = await makePausingSite();
    await site.boot();
    const typo = await site.podiod(['pause', '--rule', 'wached']);
    expect([typo.code, typo.stderr]).to.deep.equal([
      2,
      'podiod: there is no rule wached\nDid you mean `watched`?\n',
    ]);
    const none = await site.podiod(['resume', '--plugin', 'slack', '--json']);
    expect(none.code).to.equal(2);
    expect(JSON.parse(none.stdout)).to.deep.equal({
      error: {
        code: 'USAGE',
        message: 'no rule uses a plugin slack',
        hint: 'Plugins: audit, other',
      },
    });
    expect((await site.podiod(['pause'])).code).to.equal(2);
    expect((await site.podiod(['resume', '--rule', 'free', '--plugin', 'audit'])).code).to.equal(2);
    expect((await status(site)).paused).to.deep.equal([]);
  });

  it('let a rule be resumed that has left the config meanwhile', async () => {
    const site = await makePausingSite();
    const first = await site.boot();
    expect((await site.podiod(['pause', '--rule', 'free'])).code).to.equal(0);
    await first.end('SIGTERM');
    site.configure({ rules: { watched: { on: { app: 'leads', events: 'item.update' }, steps: ['audit'] } } });
    await site.boot();
    expect((await status(site)).paused.map(({ name }) => name)).to.deep.equal(['free']);
    expect((await site.podiod(['pause', '--rule', 'free'])).code).to.equal(2);
    expect((await site.podiod(['resume', '--rule', 'free'])).stdout).to.equal('Rule free goes on.\n');
    expect((await status(site)).paused).to.deep.equal([]);
  });
});
