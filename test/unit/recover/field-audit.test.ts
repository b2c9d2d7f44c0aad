import { expect } from 'chai';
import { PodioError } from '../../../src/core/errors.ts';
import type { NewEvent } from '../../../src/core/event.ts';
import { silentLog } from '../../../src/core/log.ts';
import type { AppTrigger, Rule } from '../../../src/core/rule.ts';
import type { Changes } from '../../../src/plugin/contract.ts';
import { type FieldAudit, makeFieldAudit } from '../../../src/recover/field-audit.ts';
import { makeMemoryStore } from '../../../src/store/memory.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const STATUS = { appId: 101, fieldId: 11, externalId: 'status', type: 'category', label: 'Status' };
const VALUE = { appId: 101, fieldId: 12, externalId: 'deal-value', type: 'money', label: 'Value' };

const on = (trigger: Partial<AppTrigger>): Rule =>
  ({
    name: 'r',
    triggers: [{ kind: 'app', apps: ['leads'], events: ['item.create', 'item.update'], ...trigger }],
  }) as unknown as Rule;

const FIELD: NewEvent['ref'] = { type: 'app_field', id: 11 };

/** What Podio would tell of the app's items, and what has been asked for it. */
class Scene {
  readonly clock = makeVirtualClock();
  readonly store = makeMemoryStore({ clock: this.clock });
  readonly asked: string[] = [];
  rules: readonly Rule[] = [
    on({}),
    on({ fields: [{ field: 'status' }] }),
    on({ fields: [{ field: 'value' }] }),
  ];
  /** Fields that changed, by event. */
  readonly changed = new Map<string, readonly (typeof STATUS)[]>();
  failures: Error[] = [];
  /** Asked about it, Podio fails again and again. */
  readonly failing = new Map<string, Error>();
  readonly audit: FieldAudit;

  constructor() {
    const apps = new Map([
      ['leads', { name: 'leads', id: 101, token: 't', login: undefined, fields: { value: 'deal-value' } }],
      ['deals', { name: 'deals', id: 102, token: 't', login: undefined, fields: {} }],
    ]);
    this.audit = makeFieldAudit({
      config: () => ({ rules: this.rules, apps }),
      journal: this.store.journal,
      reader: {
        changes: async ({ id }): Promise<Changes> => {
          const failure = this.failing.get(id) ?? this.failures.shift();
          if (failure) throw failure;
          this.asked.push(id);
          return new Map(
            (this.changed.get(id) ?? []).map(field => [field.externalId, { ...field, from: [], to: [] }]),
          );
        },
      },
      fields: {
        known: (_, name) => [STATUS, VALUE].find(({ externalId }) => externalId === name),
      },
      now: this.store.now,
      clock: this.clock,
      log: silentLog,
    });
  }

  /** A change of status as the app's hook delivers it, unless told otherwise. */
  async deliver(
    itemId: number,
    { ref = { type: 'app', id: 101 }, fields = [STATUS], app = 'leads' }: Delivered = {},
  ) {
    const id = `item.update:${itemId}:1`;
    this.changed.set(id, fields);
    await this.store.journal.append([
      {
        id,
        type: 'item.update',
        source: 'webhook',
        ref,
        app,
        itemId,
        revision: 1,
        params: { type: 'item.update', item_id: String(itemId), item_revision_id: '1' },
      },
    ]);
  }

  /** What has been told in place of fields' hooks: `item.update:1:1 11`. */
  async told(): Promise<readonly string[]> {
    const { entries } = await this.store.journal.read({ after: 0, limit: 10_000 });
    return entries
      .filter(({ event }) => event.source === 'recovered')
      .map(({ event: { id, ref }, twin }) => `${id} ${ref.id}${twin ? '' : ' alone'}`);
  }
}

interface Delivered {
  readonly ref?: NewEvent['ref'];
  readonly fields?: readonly (typeof STATUS)[];
  readonly app?: string;
}

describe('comparing what fields’ hooks delivered', () => {
  it('tells what the field’s hook owes, for the fields that changed and rules wait for', async () => {
    const scene = new Scene();
    await scene.deliver(1);
    await scene.deliver(2, { fields: [STATUS, VALUE] });
    await scene.deliver(3, { fields: [] });
    scene.audit.doubt(scene.store.now());
    await scene.clock.advance(60_000);
    expect(await scene.told()).to.deep.equal([
      'item.update:1:1 11',
      'item.update:2:1 11',
      'item.update:2:1 12',
    ]);
    // Asked again it is a repeat.
    scene.audit.doubt(scene.store.now() - 60_000);
    await scene.clock.advance(60_000);
    expect(await scene.told()).to.have.length(3);
  });

  it('asks for nothing that was delivered, nor for what came long before or after', async () => {
    const scene = new Scene();
    await scene.deliver(1);
    await scene.clock.advance(60_000);
    const since = scene.store.now();
    await scene.deliver(2);
    await scene.deliver(2, { ref: FIELD });
    await scene.deliver(2, { ref: { type: 'app_field', id: 12 } });
    // The field's hook was first, and the app's own late.
    await scene.deliver(3, { ref: FIELD });
    await scene.deliver(3, { ref: { type: 'app_field', id: 12 } });
    scene.audit.doubt(since);
    await scene.clock.advance(9_000);
    await scene.deliver(3);
    await scene.clock.advance(60_000);
    await scene.deliver(4);
    await scene.clock.advance(60_000);
    expect([scene.asked, await scene.told()]).to.deep.equal([[], []]);
  });

  it('looks at one field where only its hook was dead', async () => {
    const scene = new Scene();
    await scene.deliver(1, { ref: FIELD, fields: [VALUE] });
    await scene.deliver(1, { fields: [VALUE] });
    await scene.deliver(2, { fields: [VALUE] });
    scene.audit.doubt(scene.store.now(), { type: 'app_field', id: 11 });
    await scene.clock.advance(60_000);
    expect(scene.asked).to.deep.equal(['item.update:2:1']);
  });

  it('makes no call where the field’s hook is the only one: then the sweep finds what was missed', async () => {
    const scene = new Scene();
    scene.rules = [
      on({ events: ['item.create'] }),
      on({ events: ['item.update'], fields: [{ field: 'status' }] }),
    ];
    await scene.deliver(1);
    scene.audit.doubt(scene.store.now());
    await scene.clock.advance(60_000);
    expect(scene.asked).to.deep.equal([]);
  });

  it('waits where Podio says so, and leaves nothing out', async () => {
    const scene = new Scene();
    for (const item of [1, 2, 3]) await scene.deliver(item);
    scene.failures = [
      new PodioError('PODIO_RATE_LIMITED', 'not now', { retry: { afterMs: 300_000 } }),
      new PodioError('PODIO_UNAVAILABLE', 'away'),
    ];
    scene.audit.doubt(scene.store.now());
    await scene.clock.advance(300_000);
    expect(await scene.told()).to.deep.equal([]);
    await scene.clock.advance(60_000);
    expect(await scene.told()).to.have.length(3);
  });

  it('is held up by no other app whose identity gets no answer, and by no item that none is to be had of', async () => {
    const scene = new Scene();
    scene.rules = [
      on({ apps: ['deals', 'leads'] }),
      on({ apps: ['deals', 'leads'], fields: [{ field: 'status' }] }),
    ];
    await scene.deliver(1);
    for (const item of [2, 3, 4]) await scene.deliver(item, { ref: { type: 'app', id: 102 }, app: 'deals' });
    const failing = (item: number, error: Error) => scene.failing.set(`item.update:${item}:1`, error);
    failing(1, new PodioError('PODIO_UNAUTHORIZED', 'the key is not active'));
    failing(2, new PodioError('PODIO_NO_IDENTITY', 'nobody may', { retry: 'never' }));
    failing(3, new PodioError('PODIO_UNAVAILABLE', 'a fault', { status: 500 }));
    scene.audit.doubt(scene.store.now());
    await scene.clock.advance(3_600_000);
    expect(await scene.told()).to.deep.equal(['item.update:4:1 11']);
    scene.failing.delete('item.update:1:1');
    await scene.clock.advance(60_000);
    expect(await scene.told()).to.deep.equal(['item.update:4:1 11', 'item.update:1:1 11']);
  });

  it('ends when it is told to, wherever it is', async () => {
    const scene = new Scene();
    await scene.deliver(1);
    scene.failures = [new PodioError('PODIO_UNAVAILABLE', 'away')];
    scene.audit.doubt(scene.store.now());
    await scene.clock.advance(11_000);
    scene.audit.doubt(scene.store.now());
    const stopped = scene.audit.stop();
    await scene.clock.advance(0);
    await stopped;
    await scene.clock.advance(600_000);
    expect(await scene.told()).to.deep.equal([]);
  });
});
