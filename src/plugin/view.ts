import { alarmOf } from '../core/alarm.ts';
import type { PodioEvent } from '../core/event.ts';
import { isRecord, stripHtml } from '../core/values.ts';
import { type FieldView, fieldView } from '../language/field-view.ts';
import type { Actor, ChangeView, RunView, View } from '../language/names.ts';
import type { ItemReader, PodioObject } from '../podio/contract.ts';
import type { Message } from './contract.ts';

/** What the config says of an app. */
export interface AppNames {
  readonly id: number;
  /** Alias to external id. */
  readonly fields: Readonly<Record<string, string>>;
}

/** An app of the config by its name or its id. */
export const findApp = <T extends AppNames>(
  apps: ReadonlyMap<string, T>,
  app: string | number,
): T | undefined =>
  typeof app === 'string' ? apps.get(app) : [...apps.values()].find(({ id }) => id === app);

const NO_FIELDS: AppNames['fields'] = Object.freeze({});

export const fieldsOf = (app: AppNames | undefined): AppNames['fields'] => app?.fields ?? NO_FIELDS;

/** The external id that a name written in the config stands for; a field id stays as it is. */
export const resolveAlias = (app: AppNames | undefined, name: string): string => {
  const fields = fieldsOf(app);
  return Object.hasOwn(fields, name) ? (fields[name] ?? name) : name;
};

/** Adds every alias beside its field. An alias wins over another field's external id, as it does in the config. */
function withAliases<T>(byExternalId: ReadonlyMap<string, T>, app: AppNames | undefined): Record<string, T> {
  const all = new Map(byExternalId);
  for (const [alias, externalId] of Object.entries(fieldsOf(app))) {
    const value = byExternalId.get(externalId);
    if (value === undefined) all.delete(alias);
    else all.set(alias, value);
  }
  return Object.fromEntries(all);
}

const appIdOf = ({ ref, params }: PodioEvent): number | undefined => {
  if (ref.type === 'app') return Number(ref.id);
  return params.app_id ? Number(params.app_id) : undefined;
};

/** What a view is made from, beside its message. */
export interface ViewWorld {
  readonly reader: Pick<ItemReader, 'actor' | 'comment' | 'files' | 'task'>;
  readonly app: AppNames | undefined;
  /** IANA name. */
  readonly timezone: string;
  readonly rule: string;
  /** Wall time, ms. */
  now(): number;
  /** When the event came that the rule last settled a run for, ISO 8601. */
  previousRun(event: PodioEvent): Promise<string | undefined>;
  /** Told of every field that a template or a condition names. */
  mentions?(event: PodioEvent, name: string): void;
  /** Told of every path that asks a field for what it does not have. */
  lacks?(event: PodioEvent, path: string): void;
}

/** The names of templates and conditions for one message. Fetches only what is asked for. */
export function makeView(
  message: Pick<Message, 'event' | 'item' | 'changes' | 'data'>,
  world: ViewWorld,
  batch?: () => readonly View[],
): View {
  const { event } = message;
  const { app, reader } = world;
  const view: View = {
    event: () => event,
    async item() {
      const item = await message.item();
      return {
        ...item,
        id: item.item_id,
        number: item.app_item_id,
        externalId: item.external_id,
        createdOn: item.created_on,
        createdBy: item.created_by,
        editedOn: editedOn(item),
      };
    },
    async fields() {
      const { fields } = await message.item();
      const filled = new Map<string, FieldView>();
      for (const { external_id, type, values, config } of fields) {
        const value = fieldView(type, values, config);
        if (value !== undefined) filled.set(external_id, value);
      }
      return withAliases(filled, app);
    },
    async changes() {
      const shown = new Map<string, ChangeView>();
      for (const [externalId, { type, from, to, config }] of await message.changes()) {
        const [before, after] = [fieldView(type, from, config), fieldView(type, to, config)];
        shown.set(externalId, { ...(before && { from: before }), ...(after && { to: after }) });
      }
      return withAliases(shown, app);
    },
    actor: async () => actorOf(await reader.actor(event)),
    comment: async () => commentOf(event, await reader.comment(event)),
    files: async () => (await reader.files(event)).map(file => ({ ...file, id: file.file_id })),
    task: async () => taskOf(event, await reader.task(event)),
    data: () => message.data,
    async run(): Promise<RunView> {
      const previous = await world.previousRun(event);
      return {
        rule: world.rule,
        previous: previous === undefined ? undefined : new Date(previous),
        replay: event.source === 'replay',
      };
    },
    app: () => ({ name: event.app, id: app?.id ?? appIdOf(event) }),
    alarm: () => alarmOf(event),
    now: () => new Date(world.now()),
    batch: batch ?? (() => [view]),
    timezone: () => world.timezone,
    async isGone() {
      const { revision, fields } = await message.item();
      return event.itemId !== undefined && revision === undefined && fields.length === 0;
    },
    ...(world.mentions && {
      mentions: (name: string) => world.mentions?.(event, name),
    }),
    ...(world.lacks && { lacks: (path: string) => world.lacks?.(event, path) }),
  };
  return view;
}

/** Podio gives the time of the last edit under different keys. */
function editedOn({ last_edit_on: lastEdit, current_revision: current, created_on }: PodioObject): unknown {
  return lastEdit ?? (isRecord(current) ? current.created_on : undefined) ?? created_on;
}

function actorOf(byline: PodioObject | undefined): Actor {
  if (byline === undefined) return {};
  const { type, id, name, mail, url } = byline;
  const [address] = [mail].flat();
  return {
    ...(typeof type === 'string' && { type }),
    ...(typeof id === 'number' && { id }),
    ...(typeof name === 'string' && { name }),
    ...(typeof address === 'string' && { mail: address }),
    ...(typeof url === 'string' && { link: url }),
  };
}

function commentOf({ params }: PodioEvent, comment: PodioObject | undefined): PodioObject {
  const id = params.comment_id ? { id: Number(params.comment_id) } : {};
  if (comment === undefined) return id;
  const { value, rich_value, created_by: author } = comment;
  const text = typeof value === 'string' ? value : typeof rich_value === 'string' ? rich_value : '';
  return {
    ...comment,
    ...id,
    text: stripHtml(text),
    author: isRecord(author) ? actorOf(author) : {},
    createdOn: comment.created_on,
  };
}

function taskOf({ params }: PodioEvent, task: PodioObject | undefined): PodioObject {
  const id = params.task_id ? { id: Number(params.task_id) } : {};
  if (task === undefined) return id;
  const { responsible } = task;
  return { ...task, ...id, responsible: isRecord(responsible) ? actorOf(responsible) : responsible };
}
