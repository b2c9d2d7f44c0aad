// Rules on fields and on spaces: the hooks they need, and what reaches them.
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { makeSite } from './site.ts';

describe('a rule on a field', function () {
  this.timeout(30_000);

  it('hears of that field alone, and runs for the change it waits for', async () => {
    const site = await makeSite({
      apps: { leads: { id: 101, token: 'leads-token', fields: { stage: 'status' } } },
      rules: {
        won: {
          on: {
            app: 'leads',
            fields: { stage: { from: 'Open', to: ['Won', 'Signed'] } },
            events: 'item.update',
          },
          steps: ['audit'],
        },
      },
    });
    await site.boot();
    // The other one is podiod's own: it tells when the field is not what it was.
    expect(await site.hooks()).to.deep.equal([
      'app/101 app.update active',
      'app_field/1001 item.update active',
    ]);

    const { itemId } = await site.podio.createItem(101, { fields: { title: 'Alder', status: 'Open' } });
    const edits = [
      { status: 'Lost' },
      { status: 'Won' },
      { title: 'Birch' },
      { status: 'Open' },
      { status: 'Won' },
    ];
    for (const [index, fields] of edits.entries()) {
      await site.podio.updateItem(itemId, { fields });
      const heard = edits.slice(0, index + 1).filter(edit => 'status' in edit).length;
      await until(
        async () =>
          (await site.podio.deliveries()).filter(({ type }) => type === 'item.update').length === heard,
        'the delivery',
      );
    }

    const journal = await site.untilRun(4, 'won');
    // Revision 3 changed the title, which no hook of this rule tells.
    expect(journal.map(({ revision, ref, runs }) => [revision, ref.type, runs[0]?.outcome])).to.deep.equal([
      [1, 'app_field', 'filtered'],
      [2, 'app_field', 'filtered'],
      [4, 'app_field', 'filtered'],
      [5, 'app_field', 'settled'],
    ]);
    expect(site.lines('events.ndjson').map(({ id, rule }) => [id, rule])).to.deep.equal([
      [`item.update:${itemId}:5`, 'won'],
    ]);
  });

  it('runs once for a change that the hooks of app and field both tell of', async () => {
    const site = await makeSite({
      rules: {
        both: {
          on: [
            { app: 'leads', events: 'item.*' },
            { app: 'leads', fields: ['status'], events: 'item.update' },
          ],
          steps: ['audit'],
        },
      },
    });
    await site.boot();
    const { itemId } = await site.podio.createItem(101, { fields: { title: 'Alder', status: 'Open' } });
    await site.podio.updateItem(itemId, { fields: { status: 'Won' } });
    await until(async () => (await site.peek()).length === 3, 'three deliveries');
    await site.podio.deleteItem(itemId);
    const lines = await site.untilLines('events.ndjson', 3);
    expect(lines.map(({ id }) => id)).to.have.members([
      `item.create:${itemId}:0`,
      `item.update:${itemId}:1`,
      `item.delete:${itemId}:2`,
    ]);
  });
});

describe('a rule on a space', function () {
  this.timeout(30_000);

  it('hears of it through the hooks of a user', async () => {
    const site = await makeSite({
      rules: { tasks: { on: { space: 'sales', events: ['task.*'] }, steps: ['audit'] } },
    });
    await site.boot();
    expect(await site.hooks()).to.deep.equal(
      ['task.create', 'task.delete', 'task.update'].map(type => `space/7 ${type} active`),
    );
    const { taskId } = await site.podio.addTask({ text: 'Call Alder', spaceId: 7 });
    const [line] = await site.untilLines('events.ndjson', 1);
    expect(line).to.deep.include({
      id: `task.create:${taskId}`,
      space: 'sales',
      rule: 'tasks',
      ref: { type: 'space', id: 7 },
    });
  });
});
