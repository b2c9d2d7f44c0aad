import { expect } from 'chai';
import podioTask from '../../../plugins/podio-task/index.ts';
import { type Emulated, emulate, failureOf, LEADS } from '../../support/emulated.ts';

describe('podio-task', () => {
  let scene: Emulated;
  let itemId: number;

  beforeEach(async () => {
    scene = await emulate();
    const fields = { title: 'Alder', owner: 'ada@example.com', due: '2026-05-01' };
    itemId = scene.world.createItem(LEADS, { fields }).itemId;
  });
  afterEach(() => scene[Symbol.asyncDispose]());

  const tasks = () =>
    scene.world.tasks().map(({ text, dueDate, responsible }) => [text, dueDate, responsible] as const);
  const run = async (options: object, event: object = {}) => {
    await using tested = await scene.under(podioTask, options);
    return await tested.run(await scene.about(itemId, { event }));
  };
  const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

  it('makes a task about the item of the event', async () => {
    const [data] = await run({ text: 'Call {{ item.title }}', description: 'Soon', due: '2026-02-01' });
    const [task] = scene.world.tasks({ type: 'item', id: itemId });
    expect(task).to.include({ text: 'Call Alder', description: 'Soon', dueDate: '2026-02-01', spaceId: 7 });
    expect(data).to.deep.equal({
      'podio-task': { id: task?.taskId, tasks: [{ id: task?.taskId, text: 'Call Alder' }] },
    });
    expect(task?.created.by).to.deep.equal({ type: 'app', id: LEADS });
    await run({ text: 'Mine', as: 'bot' });
    expect(scene.world.tasks().at(-1)?.created.by).to.deep.equal({ type: 'user', id: 5 });
  });

  it('takes days that are relative, of a field, with a time, or none', async () => {
    for (const due of [
      '+1d',
      'today',
      '+2w',
      '{{ fields.due }}',
      '2026-03-01 23:30',
      '{{ fields.nothing }}',
      '',
    ])
      await run({ text: 'x', due });
    expect(tasks().map(([, due]) => due)).to.deep.equal([
      day(1),
      day(0),
      day(14),
      '2026-05-01',
      '2026-03-01',
      undefined,
      undefined,
    ]);
    expect(await failureOf(run({ text: 'x', due: '{{ "soon" }}' }))).to.include({ retry: 'never' });
    expect(String(await failureOf(run({ text: 'x', due: 'soon' })))).to.include('must be a day like');
  });

  it('finds people by mail among the members of the space, and asks for those once', async () => {
    await using tested = await scene.under(podioTask, {
      text: 'Call',
      assign: ['ADA@example.com', 5, '{{ fields.owner }}', '{{ data.nothing }}'],
    });
    scene.asked();
    await tested.run(await scene.about(itemId));
    await tested.run(await scene.about(itemId));
    expect(tasks().map(([, , who]) => who)).to.deep.equal([6, 5, 6, 5]);
    expect(scene.asked().filter(name => name === 'spaces.members')).to.have.lengthOf(1);
  });

  it('gives Podio the address where it may not look, or finds nobody', async () => {
    await run({ text: 'a', assign: 'new@example.com' });
    scene.world.setSwitches({ membersByApp: 'forbidden' });
    await run({ text: 'b', assign: '{{ fields.owner.mail }}' });
    const names = tasks().map(([, , who]) => scene.world.user(who ?? 0)?.username);
    expect(names).to.deep.equal(['new@example.com', 'ada@example.com']);
    scene.world.setSwitches({ taskByMail: 'refused' });
    expect(await failureOf(run({ text: 'c', assign: 'who@example.com' }))).to.include({
      code: 'PODIO_INVALID',
      retry: 'never',
    });
    expect(await failureOf(run({ text: 'd', assign: '{{ "nobody" }}' }))).to.include({ retry: 'never' });
    const wrong = await failureOf(run({ tasks: [{ text: 'd', assign: ['a@example.com', 'nobody'] }] }));
    expect(String(wrong)).to.include('must be a mail address, a user id');
  });

  it('makes several tasks, each with what is its own', async () => {
    await run({
      assign: '{{ fields.owner.mail }}',
      due: '+1d',
      tasks: [
        { text: 'Kick-off with {{ item.title }}' },
        { text: 'Shared folder', due: '' },
        { text: 'First review', due: '+30d', assign: 'bot@example.com' },
      ],
    });
    expect(tasks()).to.deep.equal([
      ['Kick-off with Alder', day(1), 6],
      ['Shared folder', undefined, 6],
      ['First review', day(30), 5],
    ]);
  });

  it('makes none twice: neither those that are done when a later one fails, nor one whose answer was lost', async () => {
    await using tested = await scene.under(podioTask, {
      tasks: [{ text: 'a' }, { text: 'b', due: '{{ data.due }}' }, { text: 'a' }],
    });
    const event = (due: string) => scene.about(itemId, { event: { id: 'item.update:1:1' }, data: { due } });
    scene.loseAnswerOf('tasks.create');
    await failureOf(tested.run(await event('+1d')));
    expect(tasks()).to.have.lengthOf(1);
    await failureOf(tested.run(await event('+1d')));
    expect(tasks()).to.have.lengthOf(2);
    scene.world.clearFaults();
    await tested.run(await event('+1d'));
    await tested.run(await event('+1d'));
    expect(tasks().map(([text]) => text)).to.deep.equal(['a', 'b', 'a']);
  });

  it('makes one once for all events that share a name', async () => {
    await using tested = await scene.under(podioTask, {
      text: 'No invoice',
      once: 'no-invoice-{{ item.title }}',
    });
    for (let n = 0; n < 3; n++)
      await tested.run(await scene.about(itemId, { event: { id: `item.update:1:${n}` } }));
    const [only] = scene.world.tasks();
    scene.world.deleteTask(only?.taskId ?? 0);
    await tested.run(await scene.about(itemId, { event: { id: 'item.update:1:9' } }));
    expect(tasks()).to.deep.equal([]);
    scene.world.updateItem(itemId, { fields: { title: 'Birch' } });
    await tested.run(await scene.about(itemId, { event: { id: 'item.update:1:10' } }));
    expect(tasks()).to.have.lengthOf(1);
    // One task for all that lack a title would be none for the others.
    const nameless = run({ text: 'x', once: 'no-invoice-{{ data.no }}' });
    expect(await failureOf(nameless)).to.include({ retry: 'never' });
  });

  it('says what it would make', async () => {
    await using tested = await scene.under(podioTask, {
      tasks: [{ text: 'Call', due: '2026-02-01', assign: 'ada@example.com' }, { text: 'Write' }],
      once: 'x',
    });
    expect(await tested.describe(await scene.about(itemId))).to.equal(
      [
        `makes a task about item ${itemId}: Call, due 2026-02-01, for ada@example.com`,
        `makes a task about item ${itemId}: Write`,
        'once for "x"',
      ].join('\n'),
    );
  });

  it('wants one of `text` and `tasks`', () => {
    for (const given of [{}, { text: 'a', tasks: [{ text: 'b' }] }, { tasks: [] }])
      expect(podioTask.options.safeParse(given).success).to.equal(false);
    const inside = podioTask.options.safeParse({ tasks: [{ text: 'a' }, { text: '{{ itme }}' }] });
    expect(inside.error?.issues[0]?.path).to.deep.equal(['tasks', 1, 'text']);
  });

  it('says what it writes, whatever the tasks are about', () => {
    expect(podioTask.writes?.({ text: 'a', hook: true } as never)).to.deep.equal([
      { event: 'task.create', hook: true },
    ]);
    expect(podioTask.writes?.({ text: 'a' } as never)).to.deep.equal([{ event: 'task.create' }]);
    expect(podioTask.writes?.({ text: 'a', on: 5 } as never)).to.deep.equal([{ event: 'task.create' }]);
  });
});
