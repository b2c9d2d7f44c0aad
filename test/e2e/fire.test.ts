// `podiod fire`: a rule runs for an item because a person wants it.
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { makeSite } from './site.ts';

const RULES = {
  won: {
    on: { app: 'leads', fields: { status: { to: 'Won' } } },
    where: { 'fields.status': 'Won' },
    steps: ['audit'],
  },
  morning: { on: { schedule: '0 9 * * *' }, steps: ['audit'] },
  off: { on: { app: 'leads', events: 'item.create' }, steps: ['audit'], enabled: false },
};

describe('podiod fire', function () {
  this.timeout(60_000);

  it('runs a rule for an item, also when it is killed before the run, and tells of it', async () => {
    const site = await makeSite({ rules: { ...RULES, other: { ...RULES.won, where: undefined } } });
    const { itemId } = await site.podio.createItem(101, { fields: { title: 'Alder', status: 'Won' } });
    const deal = await site.podio.createItem(102, { fields: { title: 'Birch', status: 'Open' } });
    const daemon = await site.boot();
    await site.podiod(['pause', '--rule', 'won']);

    const fired = await site.podiod(['fire', '--rule', 'won', '--item', 'leads/1', '--json']);
    expect(fired.code, fired.stderr).to.equal(0);
    const answer = JSON.parse(fired.stdout);
    expect(answer).to.deep.include({ rule: 'won', app: 'leads', item: itemId });
    await daemon.end('SIGKILL');
    await site.boot();
    expect(site.lines('events.ndjson')).to.deep.equal([]);
    await site.podiod(['resume', '--rule', 'won']);
    const [line] = await site.untilLines('events.ndjson', 1);
    expect(line).to.deep.include({
      seq: answer.seq,
      id: answer.event,
      type: 'item.fire',
      source: 'daemon',
      rule: 'won',
      itemId,
      ref: { type: 'app', id: 101 },
      params: { rule: 'won', item_id: String(itemId) },
    });

    const plain = await site.podiod(['fire', '--rule', 'morning', '--item', String(deal.itemId)]);
    expect(plain.stdout).to.match(
      new RegExp(`^Event \\d+: rule morning runs for item ${deal.itemId} of deals\\.\n$`),
    );
    await site.untilLines('events.ndjson', 2);

    const why = await site.podiod(['why', '--event', String(answer.seq)]);
    expect(why.stdout).to.include('it ran').and.include('the event was made for the rule won alone');
    expect(why.stdout).to.include('✓ on podiod fire, is by hand');
    // It is asked for again, so it runs again; and where it does not hold, `where` says no.
    await site.podio.updateItem(itemId, { fields: { status: 'Lost' } }, { hook: false });
    await site.podiod(['fire', '--rule', 'won', '--item', String(itemId)]);
    await until(
      async () =>
        (await site.journal()).filter(({ type, runs }) => type === 'item.fire' && runs.length === 1)
          .length === 3,
      'three runs',
    );
    const outcomes = (await site.journal()).map(({ runs }) =>
      runs.map(run => `${run.rule} ${run.outcome}`).join(),
    );
    expect(outcomes).to.deep.equal(['won settled', 'morning settled', 'won filtered']);
  });

  it('says what is wrong with a rule or an item, and stores nothing', async () => {
    const site = await makeSite({ rules: RULES });
    const deal = await site.podio.createItem(102, { fields: { title: 'Birch', status: 'Open' } });
    await site.boot();
    const refused = async (rule: string, item: string, exit = 2) => {
      const { code, stdout, stderr } = await site.podiod(['fire', '--rule', rule, '--item', item]);
      expect([code, stdout], stderr).to.deep.equal([exit, '']);
      return stderr;
    };
    expect(await refused('wom', 'leads/1'))
      .to.include('there is no rule wom')
      .and.include('`won`');
    expect(await refused('off', 'leads/1')).to.include('the rule off is disabled');
    expect(await refused('won', 'leeds/1'))
      .to.include('there is no app leeds')
      .and.include('`leads`');
    expect(await refused('won', 'leads/77', 1)).to.include('the app leads has no item with the number 77');
    expect(await refused('won', '987654321', 1)).to.include('no app of the config has an item');
    expect(await refused('won', 'alder')).to.include('alder is no item');
    expect(await refused('won', 'deals/1')).to.include(
      `item ${deal.itemId} is one of the app deals, and the rule won is not about that`,
    );
    expect(await site.journal()).to.deep.equal([]);
  });

  it('says so where no daemon runs', async () => {
    const site = await makeSite({ rules: RULES });
    const { code, stderr } = await site.podiod(['fire', '--rule', 'won', '--item', 'leads/1']);
    expect([code, stderr.includes('no podiod is running')]).to.deep.equal([1, true]);
  });
});
