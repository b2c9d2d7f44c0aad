// A condition is refused where there never is anything of what it asks. So it is with the events of a daemon, and nothing else is said.
import { expect } from 'chai';
import { HOOK_EVENTS } from '../../src/core/event.ts';
import { knownAt, THERE } from '../../src/language/condition/foreseen.ts';
import { until } from '../support/wait.ts';
import { letTimePass, makeSite } from './site.ts';

/** Keeps what there is behind each name, by the type of its event. */
const LOOK = `
import { appendFileSync } from 'node:fs';
import { concatMap } from 'rxjs';
import { definePlugin, pathOption, z } from 'podiod/plugin';

const NAMES = ['item', 'fields', 'changes', 'actor', 'comment', 'files', 'task', 'alarm'] as const;

export default definePlugin({
  name: 'look',
  options: z.object({ to: pathOption() }),
  setup: ({ to }) => ({
    operator: messages$ => messages$.pipe(concatMap(async message => {
      const seen = await Promise.all(NAMES.map(async name => [name, await message.view[name]()]));
      appendFileSync(to, JSON.stringify([message.event.type, Object.fromEntries(seen)]) + '\\n');
      return message;
    })),
  }),
});
`;

/** Every path that leads to something. */
function* pathsIn(value: unknown, path: readonly string[] = []): Generator<readonly string[]> {
  if (typeof value !== 'object' || value === null) {
    if (value !== undefined && value !== null && value !== '') yield path;
    return;
  }
  for (const [key, one] of Object.entries(value)) yield* pathsIn(one, [...path, key]);
}

describe('what is never there for a type of event', function () {
  this.timeout(60_000);

  it('is not there for real ones, and what is said to be there is', async () => {
    const looks = (on: object) => ({ on, steps: ['look'] });
    const yearly = { schedule: '0 12 1 6 *', missed: 'run' };
    const site = await makeSite({
      plugins: { look: { use: './look.ts', to: './seen.ndjson' } },
      rules: {
        app: looks({ app: 'leads', events: '*' }),
        space: looks({ space: 'sales', events: '*' }),
        lasted: looks({ app: 'leads', fields: { status: { to: 'Won', for: '1s' } } }),
        date: looks({ app: 'leads', date: 'due' }),
        tick: looks(yearly),
        ticks: looks({ ...yearly, items: { app: 'deals' } }),
      },
    });
    site.write('look.ts', LOOK);
    const { podio } = site;
    await podio.addField(101, { externalId: 'due', type: 'date' });
    const deal = await podio.createItem(102, { fields: { title: 'Deal' } });
    await podio.attachFiles(deal.itemId, [(await podio.addFile({ name: 'b.pdf' })).fileId]);
    const first = await site.boot();
    await first.end('SIGTERM');
    await letTimePass(site.dataDir, 2 * 366 * 24 * 60 * 60 * 1000);
    await site.boot();

    const fields = { title: 'Alder', status: 'Open', due: soon() };
    const { itemId } = await podio.createItem(101, { fields });
    await podio.updateItem(itemId, { fields: { status: 'Won' } });
    const { commentId } = await podio.addComment(itemId, 'Hello');
    const { fileId } = await podio.addFile({ name: 'a.pdf', mimetype: 'application/pdf' });
    await podio.attachFiles(itemId, [fileId]);
    const { taskId } = await podio.addTask({ text: 'Call', spaceId: 7, ref: { type: 'item', id: itemId } });
    await podio.updateTask(taskId, { text: 'Call again' });
    await podio.renameApp(101, 'Prospects');
    const seen = () => site.lines<readonly [type: string, names: object]>('seen.ndjson');
    const untilSeen = (...types: readonly string[]) =>
      until(() => {
        const missing = types.filter(type => !seen().some(([one]) => one === type));
        if (missing.length > 0) throw new Error(`not seen: ${missing.join(', ')}`);
        return true;
      }, 'every type');
    await untilSeen(
      'comment.create',
      'file.change',
      'task.update',
      'item.lasted',
      'item.date',
      'schedule.item',
    );
    await site.podiod(['fire', '--rule', 'app', '--item', String(itemId)]);
    await untilSeen('item.fire');
    await podio.deleteComment(commentId);
    await podio.deleteTask(taskId);
    await podio.deleteFile(fileId);
    await podio.deleteItem(itemId);
    await site.deliver({ type: 'space', id: 7 }, 'member.add', { user_id: 1 });
    const all = [
      ...Object.keys(HOOK_EVENTS.app).filter(type => !/^form|^app.delete/.test(type)),
      ...['task.create', 'task.update', 'task.delete', 'member.add'],
      ...['item.fire', 'item.lasted', 'item.date', 'schedule.fire', 'schedule.item'],
    ];
    await untilSeen(...all);

    const there = new Set<string>();
    for (const [type, names] of seen()) {
      for (const path of pathsIn(names)) {
        there.add(`${path[0]} ${type}`);
        expect(knownAt(path, { type, isTogether: false }), `${path.join('.')} of ${type}`).to.equal(
          undefined,
        );
      }
    }
    const said = Object.entries(THERE).flatMap(([name, types]) =>
      name === 'alarm' ? [] : types.map(type => `${name} ${type}`),
    );
    expect(said.filter(one => !there.has(one))).to.deep.equal([]);
  });
});

/** In a moment, as Podio writes it. */
function soon(): { start_utc: string } {
  return { start_utc: new Date(Date.now() + 3000).toISOString().replace('T', ' ').slice(0, 19) };
}
