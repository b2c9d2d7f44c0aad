// Rules with conditions: what they let through, what is asked of Podio for them, and what is kept of it.
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { makeSite } from './site.ts';

describe('conditions of rules and steps', function () {
  this.timeout(60_000);

  it('let through what they hold for, ask Podio only for what is mentioned, and tell what they saw', async () => {
    const site = await makeSite({
      plugins: {
        won: { use: 'file-logger', path: './won.ndjson' },
        talk: { use: 'file-logger', path: './talk.ndjson' },
        created: { use: 'file-logger', path: './created.ndjson' },
      },
      rules: {
        won: {
          on: { app: 'leads', events: 'item.update' },
          where: {
            'fields.status': ['Won', 'Signed'],
            'changes.status.from': { ne: 'Lost' },
            'actor.type': 'user',
          },
          steps: ['won'],
        },
        talk: {
          on: { app: 'leads', events: 'comment.create' },
          where: { 'comment.text': { matches: '^!ticket\\b' } },
          steps: [
            { talk: null, when: { 'comment.author.name': { exists: true } } },
            { won: null, when: { 'data.talk': 1 } },
          ],
        },
        created: {
          on: { app: 'leads', events: 'item.create' },
          where: { 'event.params.item_revision_id': 0 },
          steps: ['created'],
        },
      },
    });
    await site.boot();

    const { itemId } = await site.podio.createItem(101, { fields: { title: 'Alder', status: 'Open' } });
    await site.untilLines('created.ndjson', 1);
    const reads = async () =>
      (await site.podio.requests()).flatMap(({ operation = '' }) =>
        /^(items|comments)\.(get|difference|revisions)$/.test(operation) ? [operation] : [],
      );
    expect((await reads()).length).to.equal(0);

    // A rule sees the item as it is when it looks, which may be later than the change.
    const edit = async (revision: number, fields: Readonly<Record<string, string>>) => {
      await site.podio.updateItem(itemId, { fields });
      await until(async () => {
        const edited = (await site.peek()).find(({ event }) => event.revision === revision);
        return edited !== undefined && edited.runs.length > 0;
      }, `the run for revision ${revision}`);
    };
    await edit(1, { status: 'Won' });
    await site.podio.addComment(itemId, 'no ticket');
    await site.podio.addComment(itemId, '!ticket it is broken');
    await edit(2, { title: 'Birch' });
    await edit(3, { status: 'Lost' });
    await edit(4, { status: 'Won' });
    await until(
      async () => (await site.peek()).filter(({ runs }) => runs.length > 0).length === 7,
      'all runs',
    );

    expect(site.lines('won.ndjson').map(({ type, revision }) => `${type} ${revision}`)).to.deep.equal([
      'item.update 1',
      'item.update 2',
    ]);
    expect(site.lines('talk.ndjson').map(({ type }) => type)).to.deep.equal(['comment.create']);
    // The item at each of four revisions at most, their differences once, two comments.
    const made = await reads();
    expect(made.filter(operation => operation === 'comments.get')).to.have.length(2);
    expect(made.filter(operation => operation === 'items.difference').length).to.be.at.most(4);
    expect(made.filter(operation => operation === 'items.get').length).to.be.at.most(4);
    expect(made).not.to.include('items.revisions');

    // The daemon has read it: people are told the number that they know it by.
    expect((await site.podiod(['events'])).stdout).to.match(
      new RegExp(`item\\.update  leads/1  item ${itemId} rev 4\\n`),
    );

    const journal = await site.peek();
    const lost = journal.find(({ event }) => event.type === 'item.update' && event.revision === 3);
    expect(lost?.runs[0]?.steps[0]).to.deep.include({ step: 'rule.where', outcome: 'filtered' });
    expect(lost?.runs[0]?.steps[0]?.checks?.[0]).to.deep.equal({
      path: 'fields.status',
      test: 'in Won, Signed',
      seen: 'Lost',
      holds: false,
    });
    const ticket = journal.filter(({ event }) => event.type === 'comment.create').at(-1);
    expect(ticket?.runs[0]?.steps.map(({ step, outcome }) => [step, outcome])).to.deep.equal([
      ['rule.where', 'done'],
      ['talk', 'done'],
      ['won', 'skipped'],
    ]);
    const { stdout } = await site.podiod(['events', '--type', 'item.update']);
    expect(stdout).to.contain('won: filtered: fields.status in Won, Signed, is Lost');
  });
});
