// Events that nobody at Podio made, sent by someone who has learned a hook's URL.
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { LEADS, makeSite } from './site.ts';

describe('server.confirm', () => {
  it('lets run what Podio bears out, and nothing else', async () => {
    const rules = {
      everything: {
        on: { app: 'leads', events: ['item.*', 'comment.*', 'form.create'] },
        steps: ['audit'],
      },
    };
    const site = await makeSite({ rules });
    const { publicUrl } = site;
    const port = Number(new URL(publicUrl).port);
    site.configure({
      server: { publicUrl, port, secret: 'a-secret-for-the-tests', allowNonPublicUrl: true, confirm: true },
    });
    await site.boot();
    const { itemId } = await site.podio.createItem(LEADS.id, { fields: { title: 'Alder' } });
    await site.podio.updateItem(itemId, { fields: { title: 'Birch' } });
    const other = await site.podio.createItem(102, { fields: { title: 'Elsewhere' } });
    await site.untilLines('events.ndjson', 2);
    const { commentId } = await site.podio.addComment(itemId, 'nobody is told', { hook: false });

    const forged = [
      ['item.create', { item_id: 999_999 }],
      ['item.create', { item_id: other.itemId }],
      ['item.update', { item_id: itemId, item_revision_id: 2 }],
      ['item.delete', { item_id: itemId, item_revision_id: 1 }],
      ['comment.create', { item_id: itemId, comment_id: 12_345 }],
      // There is such a comment, on something else.
      ['comment.create', { item_id: 999_999, comment_id: commentId }],
      ['form.create', { app_id: LEADS.id, form_id: 5 }],
    ] as const;
    for (const [type, params] of forged) expect(await site.deliver(LEADS, type, params)).to.equal(200);
    await until(async () => {
      const events = await site.peek();
      return events.length >= 2 + forged.length && events.every(({ runs }) => runs.length > 0);
    }, 'all of them to be looked at');
    const events = await site.peek();
    const outcomes = events.map(({ event, runs }) => `${event.type} ${runs[0]?.outcome}`).sort();
    expect(outcomes).to.deep.equal(
      ['item.create settled', 'item.update settled', ...forged.map(([type]) => `${type} filtered`)].sort(),
    );
    expect(site.lines('events.ndjson')).to.have.length(2);

    // What is true runs, whoever says it: the delete of an item that is gone.
    await site.podio.deleteItem(itemId);
    await site.untilLines('events.ndjson', 3);
  }).timeout(60_000);
});
