/** A Podio for one test: its apps, its items, and what the world does there; and the events that Podio would tell of it. */
import type { Config } from '../../config/model.ts';
import { type HookRefType, type NewEvent, refKey } from '../../core/event.ts';
import type { HookRef } from '../../core/hook.ts';
import type { Deed, RuleTest, WrittenItem } from '../../core/rule-test.ts';
import type { Sending } from '../../core/would.ts';
import { buildWorld, type Emulator, type Item, startEmulator, type World } from '../../emulator/index.ts';
import { type Params, randomId, toEvent } from '../../ingress/parse.ts';
import { findApp } from '../../plugin/view.ts';
import { declareHooks, type FieldLookup, wantedFields } from '../../reconcile/declare.ts';
import type { TurnedClock } from '../stage/clock.ts';
import { plannedApp } from '../stage/fields.ts';

/** One that changes Podio. */
export type WorldDeed = Extract<
  Deed,
  { kind: 'create' | 'update' | 'delete' | 'comment' | 'file' | 'task' | 'deliver' }
>;

export interface TestWorld {
  readonly url: string;
  readonly world: World;
  /** Does it, and answers what hooks would tell of it: those that the config's rules need. */
  do(deed: WorldDeed): readonly NewEvent[];
  /** By the name that the test gives it. */
  item(name: string): { readonly itemId: number; readonly appId: number };
  /** The same sending with the fields that it wrote as people read them, and items by their names in the test. */
  readable(sending: Sending, answer: unknown): Sending;
  stop(): Promise<void>;
}

/** Calls are not what is tested. */
const PLENTY = { general: 1_000_000, limited: 1_000_000, logins: 1_000_000 };
const TEN_YEARS_S = 10 * 365 * 86_400;

export async function startTestWorld(
  config: Config,
  test: RuleTest,
  clock: TurnedClock,
  timezone: string,
): Promise<TestWorld> {
  const emulator: Emulator = await startEmulator({
    allowAnyPort: true,
    clock,
    limits: PLENTY,
    accessTokenSeconds: TEN_YEARS_S,
    refreshTokenSeconds: TEN_YEARS_S,
    timezone,
  });
  const { world } = emulator;
  buildWorld(world, {
    clientId: config.podio.clientId,
    clientSecret: config.podio.clientSecret,
    spaces: [...config.spaces.values()],
    logins: [...config.logins.values()],
    apps: Array.from(config.apps.values(), app => plannedApp(config, app, test)),
  });
  const hooks = hooksOf(config, world);
  const items = new Map<string, Item>();

  const itemNamed = (name: string): Item => {
    const item = items.get(name);
    if (!item) throw new TypeError(`no item ${name}`);
    return item;
  };

  /** Aliases become external ids, and the names of items their ids. */
  const fieldsFor = (appId: number, { fields = {} }: WrittenItem): Record<string, unknown> => {
    const aliases = findApp(config.apps, appId)?.fields ?? {};
    const app = world.app(appId);
    return Object.fromEntries(
      Object.entries(fields).map(([written, value]) => {
        const name = aliases[written] ?? written;
        const field = app?.fields.find(one => one.externalId === name || String(one.fieldId) === name);
        const meant = (one: unknown) =>
          field?.type === 'app' && typeof one === 'string' ? (items.get(one)?.itemId ?? one) : one;
        return [name, Array.isArray(value) ? value.map(meant) : meant(value)];
      }),
    );
  };
  const contentOf = (appId: number, item: WrittenItem) => ({
    fields: fieldsFor(appId, item),
    ...(item.tags && { tags: item.tags }),
    ...(item.externalId !== undefined && { externalId: item.externalId }),
  });
  const byOf = ({ by }: Pick<WrittenItem, 'by'>) => (by === undefined ? {} : { by });

  const create = (app: string, written: WrittenItem): Item => {
    const appId = config.apps.get(app)?.id ?? 0;
    return world.createItem(appId, contentOf(appId, written), byOf(written));
  };

  /** For every hook that is there. */
  const tell = (type: string, refs: readonly HookRef[], params: Params): readonly NewEvent[] =>
    refs
      .filter(ref => hooks.has(`${refKey(ref)}/${type}`))
      .map(ref => eventOf(config, world, ref, { type, ...params }));

  const tellItem = (type: string, item: Item, changed: readonly number[]): readonly NewEvent[] => {
    const fields = changed.map((id): HookRef => ({ type: 'app_field', id }));
    const revision = item.revisions.at(-1)?.revision ?? 0;
    return tell(type, [{ type: 'app', id: item.appId }, ...fields], {
      item_id: String(item.itemId),
      item_revision_id: String(revision),
      ...(item.externalId !== null && { external_id: item.externalId }),
    });
  };

  const update = (name: string, written: WrittenItem): readonly NewEvent[] => {
    const item = itemNamed(name);
    const before = item.values;
    const revision = item.revisions.at(-1)?.revision;
    world.updateItem(item.itemId, contentOf(item.appId, written), byOf(written));
    if (item.revisions.at(-1)?.revision === revision) return [];
    const ids = new Set([...before.keys(), ...item.values.keys()]);
    const changed = [...ids].filter(
      id => JSON.stringify(before.get(id)?.values) !== JSON.stringify(item.values.get(id)?.values),
    );
    return tellItem('item.update', item, changed);
  };

  for (const [name, item] of Object.entries(test.given)) items.set(name, create(item.app, item));

  return {
    url: emulator.url,
    world,
    item: name => itemNamed(name),
    do(deed) {
      switch (deed.kind) {
        case 'create': {
          const item = create(deed.app, deed);
          if (deed.as !== undefined) items.set(deed.as, item);
          return tellItem('item.create', item, [...item.values.keys()]);
        }
        case 'update':
          return update(deed.item, deed);
        case 'delete': {
          const item = itemNamed(deed.item);
          world.deleteItem(item.itemId, byOf(deed));
          return tellItem('item.delete', item, [...item.values.keys()]);
        }
        case 'comment': {
          const { itemId, appId } = itemNamed(deed.item);
          const { commentId } = world.addComment(itemId, deed.text, byOf(deed));
          const params = { item_id: String(itemId), comment_id: String(commentId) };
          return tell('comment.create', [{ type: 'app', id: appId }], params);
        }
        case 'file': {
          const { itemId, appId } = itemNamed(deed.item);
          const type = deed.mimetype === undefined ? {} : { mimetype: deed.mimetype };
          const { fileId } = world.addFile({ name: deed.name, ...type }, byOf(deed));
          world.attachFiles(itemId, [fileId], byOf(deed));
          const params = { item_id: String(itemId), file_ids: String(fileId), action_type: 'file_created' };
          return tell('file.change', [{ type: 'app', id: appId }], params);
        }
        case 'task': {
          const { itemId, appId } = itemNamed(deed.item);
          const { taskId } = world.addTask(
            { text: deed.text, ref: { type: 'item', id: itemId } },
            byOf(deed),
          );
          const spaceId = world.app(appId)?.spaceId ?? 0;
          return tell('task.create', [{ type: 'space', id: spaceId }], { task_id: String(taskId) });
        }
        case 'deliver': {
          const params =
            typeof deed.params === 'string'
              ? Object.fromEntries(new URLSearchParams(deed.params))
              : deed.params;
          const texts = Object.fromEntries(
            Object.entries(params).map(([name, value]) => [name, String(value)]),
          );
          return [eventOf(config, world, refOf(config, deed), texts)];
        }
      }
    },
    readable(sending, answer) {
      const itemId = writtenItem(sending, answer);
      const item = itemId === undefined ? undefined : world.item(itemId);
      const body = typeof sending.body === 'object' && sending.body !== null ? sending.body : {};
      const written =
        'fields' in body && typeof body.fields === 'object' ? Object.keys(body.fields ?? {}) : [];
      const { values } = item ? world.show(item.itemId) : { values: {} as Record<string, string | number> };
      const fields = Object.fromEntries(written.map(name => [name, values[name] ?? null]));
      const [named] = [...items].find(([, one]) => one.itemId === itemId) ?? [];
      const app = item && findApp(config.apps, item.appId)?.name;
      return {
        ...sending,
        ...(app !== undefined && sending.podio !== 'items.create' && { app }),
        ...(named !== undefined && { name: named }),
        ...(written.length > 0 && { fields }),
      };
    },
    stop: () => emulator.stop(),
  };
}

function writtenItem(sending: Sending, answer: unknown): number | undefined {
  if (typeof sending.item === 'number') return sending.item;
  if (typeof sending.on === 'string' && sending.on.startsWith('item/')) return Number(sending.on.slice(5));
  const made =
    typeof answer === 'object' && answer !== null && 'item_id' in answer ? answer.item_id : undefined;
  return typeof made === 'number' ? made : undefined;
}

/** `app/101/item.update`: those that would be declared. */
function hooksOf({ rules, apps, spaces }: Config, world: World): ReadonlySet<string> {
  const lookups = new Map<string, FieldLookup>();
  for (const { app, field } of wantedFields(rules, apps)) {
    const found = world
      .app(app.id)
      ?.fields.find(one => one.externalId === field || String(one.fieldId) === field);
    lookups.set(
      `${app.id}/${field}`,
      found ? { fieldId: found.fieldId } : { error: new Error(`${app.name} has no field ${field}`) },
    );
  }
  const { hooks } = declareHooks(rules, apps, spaces, lookups, 'https://podiod.invalid', 'no-secret-at-all');
  return new Set(hooks.map(({ ref, type }) => `${refKey(ref)}/${type}`));
}

function refOf(
  { apps, spaces }: Config,
  { app, space }: { app?: string | undefined; space?: string | undefined },
): HookRef {
  if (space !== undefined) return { type: 'space', id: spaces.get(space)?.id ?? 0 };
  const [only] = apps.values();
  return { type: 'app', id: (app === undefined ? only : apps.get(app))?.id ?? 0 };
}

function eventOf(config: Config, world: World, ref: HookRef, params: Params): NewEvent {
  const { type = '' } = params;
  const appId = ref.type === 'app_field' ? world.field(Number(ref.id))?.appId : Number(ref.id);
  const app = ref.type === 'space' || appId === undefined ? undefined : findApp(config.apps, appId)?.name;
  const space =
    ref.type === 'space' ? [...config.spaces.values()].find(({ id }) => id === ref.id)?.name : undefined;
  const place = { ...(app !== undefined && { app }), ...(space !== undefined && { space }) };
  return toEvent(
    { key: '', ref: { type: ref.type satisfies HookRefType, id: ref.id }, type },
    params,
    place,
    randomId,
  );
}
