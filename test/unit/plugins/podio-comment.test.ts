import { expect } from 'chai';
import podioComment from '../../../plugins/podio-comment/index.ts';
import type { TestEvent } from '../../../src/plugin/testing.ts';
import { ARCHIVE, type Emulated, emulate, failureOf, LEADS } from '../../support/emulated.ts';

describe('podio-comment', () => {
  let scene: Emulated;
  let itemId: number;

  beforeEach(async () => {
    scene = await emulate();
    itemId = scene.world.createItem(LEADS, { fields: { title: 'Alder', status: 'Open' } }).itemId;
  });
  afterEach(() => scene[Symbol.asyncDispose]());

  /** A tick of a schedule. */
  const nowhere = { event: { itemId: undefined } } as unknown as TestEvent;
  const commentsOn = (id: number) => scene.world.comments(id).map(({ value }) => value);

  it('comments on the item of the event, without setting hooks off', async () => {
    const { world } = scene;
    world.addHook({ ref: { type: 'app', id: LEADS }, type: 'comment.create', url: 'http://127.0.0.1:9/' });
    await using tested = await scene.under(podioComment, { text: '{{ item.title }} is {{ fields.status }}' });
    const [data] = await tested.run(await scene.about(itemId));
    expect(commentsOn(itemId)).to.deep.equal(['Alder is Open']);
    const [comment] = world.comments(itemId);
    expect(data).to.deep.equal({ 'podio-comment': { id: comment?.commentId, itemId } });
    expect(comment?.created.by).to.deep.equal({ type: 'app', id: LEADS });
    await using loud = await scene.under(podioComment, { text: 'hi', hook: true });
    await loud.run(await scene.about(itemId));
    await world.until(() => world.deliveries.length > 0, 'the delivery');
    expect(world.deliveries).to.have.lengthOf(1);
  });

  it('comments elsewhere, and as a login', async () => {
    const there = scene.world.createItem(ARCHIVE, { fields: { title: 'Old' } }).itemId;
    await using tested = await scene.under(podioComment, {
      text: 'see {{ item.link }}',
      on: '{{ data.ticket.id }}',
      as: 'bot',
    });
    await tested.run(await scene.about(itemId, { data: { ticket: { id: there } } }));
    expect(commentsOn(itemId)).to.deep.equal([]);
    expect(commentsOn(there)[0]).to.match(/^see https:/);
    expect(scene.world.comments(there)[0]?.created.by).to.deep.equal({ type: 'user', id: 5 });
  });

  it('says it once, however often it is tried', async () => {
    await using tested = await scene.under(podioComment, { text: 'Hello\n there' });
    const event = await scene.about(itemId, { event: { id: 'item.update:1:1' } });
    const first = await tested.run(event);
    scene.asked();
    expect(await tested.run(event)).to.deep.equal(first);
    expect(scene.asked()).to.deep.equal([]);
    await tested.run(await scene.about(itemId, { event: { id: 'item.update:1:2' } }));
    expect(commentsOn(itemId)).to.have.lengthOf(2);
  });

  it('finds a comment that Podio made without anybody hearing of it', async () => {
    await using tested = await scene.under(podioComment, { text: 'Hello' });
    const event = await scene.about(itemId, { event: { id: 'item.update:1:1' } });
    scene.loseAnswerOf('comments.create');
    expect(await failureOf(tested.run(event))).to.include({ code: 'PODIO_UNAVAILABLE', retry: 'backoff' });
    scene.world.clearFaults();
    const [data] = await tested.run(event);
    const [comment, ...more] = scene.world.comments(itemId);
    expect(more).to.deep.equal([]);
    expect(data).to.have.nested.property('podio-comment.id', comment?.commentId);
  });

  it('makes it where a failed try has made nothing, whatever others have said', async () => {
    scene.world.addComment(itemId, 'Something else');
    await using tested = await scene.under(podioComment, { text: 'Hello' });
    const event = await scene.about(itemId, { event: { id: 'item.update:1:1' } });
    scene.world.setFaults({ operations: ['comments.create'], errorRate: 1, errorStatus: 500 });
    await failureOf(tested.run(event));
    scene.world.clearFaults();
    await tested.run(event);
    expect(commentsOn(itemId)).to.deep.equal(['Something else', 'Hello']);
  });

  it('takes what it said for another event for no answer to this one', async () => {
    await using tested = await scene.under(podioComment, { text: 'Hello' });
    await tested.run(await scene.about(itemId, { event: { id: 'item.update:1:1' } }));
    const event = await scene.about(itemId, { event: { id: 'item.update:1:2' } });
    scene.world.setFaults({ operations: ['comments.create'], errorRate: 1, errorStatus: 500 });
    await failureOf(tested.run(event));
    scene.world.clearFaults();
    await tested.run(event);
    expect(commentsOn(itemId)).to.deep.equal(['Hello', 'Hello']);
  });

  it('gives up where there is nothing to comment on', async () => {
    await using tested = await scene.under(podioComment, { text: 'Hello' });
    expect(await failureOf(tested.run(nowhere))).to.include({ retry: 'never' });
    const event = await scene.about(itemId);
    scene.world.deleteItem(itemId);
    expect(await failureOf(tested.run(event))).to.include({ retry: 'never' });
    await using empty = await scene.under(podioComment, { text: '{{ data.nothing }}' });
    expect(await failureOf(empty.run(event))).to.include({ retry: 'never' });
  });

  it('says what it would say', async () => {
    await using tested = await scene.under(podioComment, { text: '{{ item.title }}!', as: 'bot' });
    expect(await tested.describe(await scene.about(itemId))).to.equal(
      `comments on item ${itemId} as bot: Alder!`,
    );
  });
});
