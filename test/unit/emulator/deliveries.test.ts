import { expect } from 'chai';
import { makeVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';
import { until } from '../../support/wait.ts';
import { LEADS, type Receiver, SALES, type Scene, setUp, startReceiver, tearDown } from './support.ts';

describe('emulator: deliveries', () => {
  let scene: Scene;
  let receiver: Receiver;
  const REF = { type: 'app', id: LEADS } as const;

  const prepare = async (options = {}) => {
    scene = await setUp(options);
    receiver = await startReceiver();
  };
  const hook = (type: string, ref: { type: 'app' | 'app_field' | 'space'; id: number } = REF) =>
    scene.world.addHook({ ref, type, url: receiver.url }).hookId;
  const arrived = (count: number) =>
    scene.world.until(() => scene.world.deliveries.length === count, `${count} deliveries`);
  const open = () => scene.world.createItem(LEADS, { fields: { title: 'A', status: 'Open' } });

  beforeEach(() => prepare());
  afterEach(tearDown);

  it('sends form bodies with the parameters in their order', async () => {
    const created = hook('item.create');
    const updated = hook('item.update');
    const deleted = hook('item.delete');
    const { itemId } = scene.world.createItem(LEADS, { fields: { status: 'Open' }, externalId: 'crm 1' });
    await arrived(1);
    scene.world.updateItem(itemId, { fields: { status: 'Won' } });
    await arrived(2);
    scene.world.deleteItem(itemId);
    await arrived(3);
    expect(receiver.received.map(({ body }) => body)).to.deep.equal([
      `item_id=${itemId}&item_revision_id=0&external_id=crm+1&type=item.create&hook_id=${created}`,
      `item_id=${itemId}&item_revision_id=1&external_id=crm+1&type=item.update&hook_id=${updated}`,
      `item_id=${itemId}&item_revision_id=2&external_id=crm+1&type=item.delete&hook_id=${deleted}`,
    ]);
  });

  it('follows the switches on what a delivery holds', async () => {
    scene.world.setSwitches({
      createRevision: 'absent',
      deleteRevision: 'last',
      externalIdWhenNone: 'empty',
      queryParameters: 'lost',
    });
    scene.world.addHook({ ref: REF, type: 'item.create', url: `${receiver.url}?key=1` });
    hook('item.delete');
    const { itemId } = open();
    await arrived(1);
    expect(receiver.received[0]?.params).to.have.keys('item_id', 'external_id', 'type', 'hook_id');
    scene.world.deleteItem(itemId);
    await arrived(2);
    expect(receiver.received[1]?.params).to.include({ item_revision_id: '0', external_id: '' });
  });

  it('sends to active hooks only, and to every one of them', async () => {
    hook('item.create');
    hook('item.create');
    scene.world.suspendHook(hook('item.create'));
    open();
    await scene.world.until(() => scene.world.pendingDeliveries() === 0);
    expect(receiver.received).to.have.lengthOf(2);
  });

  it('fires field hooks beside the app hook, for changes of their field alone', async () => {
    const everything = hook('item.update');
    const status = hook('item.update', { type: 'app_field', id: 1002 });
    const { itemId } = open();
    scene.world.updateItem(itemId, { fields: { title: 'B' } });
    await arrived(1);
    scene.world.updateItem(itemId, { fields: { status: 'Won' } });
    await arrived(3);
    const byHook = receiver.received.map(({ params }) => `${params.hook_id} ${params.item_revision_id}`);
    expect(byHook.slice().sort()).to.deep.equal([`${everything} 1`, `${everything} 2`, `${status} 2`].sort());
  });

  it('sends nothing for hook=false, unless switched; silent says nothing about hooks', async () => {
    hook('item.create');
    const app = await scene.asApp();
    await app.post(`/item/app/${LEADS}/?hook=false&silent=true`, { fields: { title: 'quiet' } });
    await app.post(`/item/app/${LEADS}/?hook=0`, { fields: { title: 'quiet' } });
    await app.post(`/item/app/${LEADS}/?silent=1`, { fields: { title: 'loud' } });
    await scene.world.until(() => scene.world.pendingDeliveries() === 0);
    expect(receiver.received).to.have.lengthOf(1);
    scene.world.setSwitches({ hookFalse: 'ignored' });
    await app.post(`/item/app/${LEADS}/?hook=false`, { fields: { title: 'loud' } });
    await arrived(2);
  });

  it('tells of comments, files, app definitions, tasks and members', async () => {
    for (const type of ['comment.create', 'comment.delete', 'file.change', 'app.update', 'app.delete'])
      hook(type);
    const space = { type: 'space', id: SALES } as const;
    for (const type of [
      'app.create',
      'task.create',
      'task.update',
      'task.delete',
      'member.add',
      'member.remove',
    ])
      hook(type, space);
    const { world } = scene;
    const { itemId } = open();
    const { commentId } = world.addComment(itemId, 'Well done');
    world.deleteComment(commentId);
    const files = [
      world.addFile({ name: 'a' }).fileId,
      world.addFile({ name: 'b' }).fileId,
      world.addFile({ name: 'c' }).fileId,
    ] as const;
    world.attachFiles(itemId, [files[0], files[1]]);
    world.replaceFile(files[0], files[2]);
    world.deleteFile(files[1]);
    world.renameField(LEADS, 'status', 'Stage');
    const task = world.addTask({ text: 'Call', ref: { type: 'item', id: itemId } });
    world.updateTask(task.taskId, { status: 'completed' });
    world.deleteTask(task.taskId);
    world.addMember(SALES, 5);
    world.removeMember(SALES, 5);
    const other = world.addApp({ spaceId: SALES, name: 'Other', fields: [] });
    world.deleteApp(LEADS);
    await world.until(() => world.pendingDeliveries() === 0);
    const told = receiver.received.map(({ params: { hook_id: _, ...params } }) => params);
    const item_id = String(itemId);
    const comment_id = String(commentId);
    const task_id = String(task.taskId);
    expect(told).to.have.deep.members([
      { type: 'comment.create', item_id, comment_id },
      { type: 'comment.delete', item_id, comment_id },
      { type: 'file.change', item_id, action_type: 'file_created', file_ids: `${files[0]},${files[1]}` },
      { type: 'file.change', item_id, action_type: 'file_replaced', file_ids: `${files[2]}` },
      { type: 'file.change', item_id, action_type: 'file_deleted', file_ids: `${files[1]}` },
      { type: 'app.update', app_id: String(LEADS) },
      { type: 'task.create', task_id },
      { type: 'task.update', task_id },
      { type: 'task.delete', task_id },
      { type: 'member.add', user_id: '5' },
      { type: 'member.remove', user_id: '5' },
      { type: 'app.create', app_id: String(other.appId) },
      { type: 'app.delete', app_id: String(LEADS) },
    ]);
  });

  describe('that fail', () => {
    let clock: VirtualClock;
    beforeEach(async () => {
      clock = makeVirtualClock();
      await prepare({ clock, retryDelaysMs: [1000, 5000] });
    });

    it('are tried again on the schedule after 5xx, and given up after the last try', async () => {
      hook('item.create');
      receiver.answer(503);
      open();
      await arrived(1);
      await clock.advance(999);
      expect(scene.world.deliveries).to.have.lengthOf(1);
      await clock.advance(1);
      await arrived(2);
      await clock.advance(5000);
      await arrived(3);
      expect(scene.world.deliveries.map(({ attempt, status }) => [attempt, status])).to.deep.equal([
        [1, 503],
        [2, 503],
        [3, 503],
      ]);
      expect(scene.world.pendingDeliveries()).to.equal(0);
    });

    it('are tried again after timeouts and broken connections, until they succeed', async () => {
      hook('item.create');
      receiver.answer('never');
      open();
      await until(() => receiver.received.length === 1, 'the delivery to arrive');
      await clock.advance(15_000);
      await arrived(1);
      receiver.answer('cut');
      await clock.advance(1000);
      await arrived(2);
      receiver.answer(200);
      await clock.advance(5000);
      await arrived(3);
      expect(scene.world.deliveries.map(({ outcome, status }) => [outcome, status])).to.deep.equal([
        ['timeout', undefined],
        ['failed', undefined],
        ['answered', 200],
      ]);
    });

    it('are lost after a 4xx or a redirect, unless switched', async () => {
      hook('item.create');
      receiver.answer(403);
      open();
      await arrived(1);
      expect(scene.world.pendingDeliveries()).to.equal(0);
      receiver.answer(302);
      open();
      await arrived(2);
      expect(scene.world.pendingDeliveries()).to.equal(0);
      scene.world.setSwitches({ retryOn: 'any-failure' });
      open();
      await arrived(3);
      expect(scene.world.pendingDeliveries()).to.equal(1);
    });

    it('switch the hook off after so many in a row; a success starts the count again', async () => {
      scene.world.setSwitches({ switchOffAfter: 3, retryDelaysMs: [] });
      const hookId = hook('item.create');
      const status = () => scene.world.hook(hookId)?.status;
      receiver.answer(500);
      open();
      await arrived(1);
      open();
      await arrived(2);
      receiver.answer(204);
      open();
      await arrived(3);
      receiver.answer(404);
      for (const count of [4, 5, 6]) {
        expect(status()).to.equal('active');
        open();
        await arrived(count);
      }
      expect(status()).to.equal('inactive');
      open();
      expect(scene.world.pendingDeliveries()).to.equal(0);
    });

    it('are not tried again once their hook is gone', async () => {
      const hookId = hook('item.create');
      receiver.answer(500);
      open();
      await arrived(1);
      scene.world.deleteHook(hookId);
      await clock.advance(1000);
      await arrived(2);
      expect(scene.world.deliveries[1]?.outcome).to.equal('given-up');
      expect(receiver.received).to.have.lengthOf(1);
    });
  });

  describe('with faults', () => {
    it('are dropped, and doubled', async () => {
      hook('item.create');
      scene.world.setFaults({ dropRate: 1 });
      open();
      await arrived(1);
      expect(scene.world.deliveries[0]?.outcome).to.equal('dropped');
      scene.world.clearFaults();
      scene.world.setFaults({ duplicateRate: 1 });
      open();
      await arrived(3);
      expect(receiver.received).to.have.lengthOf(2);
      expect(receiver.received[0]?.body).to.equal(receiver.received[1]?.body);
    });

    it('are late, and overtake each other within the window', async () => {
      const clock = makeVirtualClock();
      await prepare({ clock });
      hook('item.update');
      const { itemId } = open();
      scene.world.setFaults({ deliveryDelayMs: 500, reorderRate: 0.5, reorderMs: 1000 });
      for (let value = 1; value <= 12; value += 1) scene.world.updateItem(itemId, { fields: { value } });
      await clock.advance(499);
      expect(receiver.received).to.deep.equal([]);
      await clock.advance(1001);
      await arrived(12);
      const order = scene.world.deliveries
        .toSorted((one, other) => one.sentAt - other.sentAt)
        .map(({ params }) => Number(params.item_revision_id));
      expect(order).to.not.deep.equal(order.toSorted((one, other) => one - other));
      expect(order.toSorted((one, other) => one - other)).to.deep.equal(
        Array.from({ length: 12 }, (_, at) => at + 1),
      );
    });
  });
});
