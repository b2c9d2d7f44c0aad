/** The emulated world's records. Times are ms since 1970 UTC; what Podio would show of them is made in `json.ts`. */
import type { StoredField } from './values/kind.ts';

export interface Client {
  readonly id: number;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly name: string;
}

export interface User {
  readonly userId: number;
  readonly profileId: number;
  readonly username: string;
  /** Undefined: can't log in, as people who only appear in the world. */
  readonly password: string | undefined;
  readonly name: string;
  /** Spaces this user is a member of; undefined: all. */
  readonly spaces: Set<number> | undefined;
}

export interface Contact {
  readonly profileId: number;
  /** Set when the contact is a user of Podio. */
  readonly userId: number | null;
  readonly name: string;
  readonly mail: readonly string[];
  readonly phone: readonly string[];
}

export interface Space {
  readonly spaceId: number;
  readonly name: string;
}

/** Who made a change: a person, or an app through its token. */
export interface Actor {
  readonly type: 'user' | 'app';
  readonly id: number;
}

/** Through which API client; id 1 is Podio's own user interface. */
export interface Via {
  readonly id: number;
  readonly name: string;
}

export const PODIO_UI: Via = { id: 1, name: 'Podio' };

/** What every record of a change says about it. */
export interface Authorship {
  readonly on: number;
  readonly by: Actor;
  readonly via: Via;
}

export const FIELD_TYPES = [
  'text',
  'number',
  'money',
  'progress',
  'duration',
  'category',
  'question',
  'state',
  'date',
  'app',
  'contact',
  'member',
  'image',
  'file',
  'embed',
  'location',
  'calculation',
  'phone',
  'email',
  'tel',
  'tag',
  'video',
] as const;

export type FieldType = (typeof FIELD_TYPES)[number];

/** As in a field's `config.settings`: `options`, `return_type`, `referenced_apps`, ... */
export type FieldSettings = Readonly<Record<string, unknown>>;

export interface CategoryOption {
  readonly id: number;
  readonly text: string;
  readonly color: string;
  readonly status: 'active' | 'deleted';
}

export interface Field {
  readonly fieldId: number;
  readonly appId: number;
  readonly externalId: string;
  type: FieldType;
  label: string;
  status: 'active' | 'deleted';
  settings: FieldSettings;
}

export interface App {
  readonly appId: number;
  readonly spaceId: number;
  name: string;
  readonly itemName: string;
  token: string;
  status: 'active' | 'deleted';
  /** Of the definition, not of items. */
  revision: number;
  readonly fields: Field[];
  readonly views: View[];
  lastItemNumber: number;
  readonly created: Authorship;
}

export interface View {
  readonly viewId: number;
  readonly name: string;
  readonly filters: Readonly<Record<string, unknown>>;
}

/** An item's values by field id; never changed in place, so that revisions can share it. */
export type Values = ReadonlyMap<number, StoredField>;

export interface Revision extends Authorship {
  /** Running number, 0 for the creation. */
  readonly revision: number;
  /** Global id; deliveries use this name for the running number. */
  readonly itemRevisionId: number;
  readonly type: 'creation' | 'update' | 'delete';
  readonly appRevision: number;
  readonly values: Values;
}

export interface Item {
  readonly itemId: number;
  readonly appId: number;
  /** The number people see. */
  readonly appItemId: number;
  externalId: string | null;
  tags: readonly string[];
  readonly fileIds: number[];
  values: Values;
  /** Oldest kept first. */
  readonly revisions: Revision[];
  readonly created: Authorship;
  lastEdit: Authorship;
  lastEventOn: number;
  deleted: boolean;
}

export interface Comment {
  readonly commentId: number;
  readonly itemId: number;
  value: string;
  readonly externalId: string | null;
  readonly created: Authorship;
  deleted: boolean;
}

export interface Task {
  readonly taskId: number;
  text: string;
  description: string;
  /** `YYYY-MM-DD`. */
  dueDate: string | undefined;
  readonly spaceId: number | undefined;
  readonly ref: { readonly type: string; readonly id: number } | undefined;
  responsible: number | undefined;
  status: 'active' | 'completed';
  readonly created: Authorship;
  completedOn: number | undefined;
  deleted: boolean;
}

export interface File {
  readonly fileId: number;
  readonly name: string;
  readonly mimetype: string;
  readonly size: number;
  readonly content: Uint8Array;
  itemId: number | undefined;
  deleted: boolean;
  readonly created: Authorship;
}

export interface Embed {
  readonly embedId: number;
  readonly url: string;
  readonly title: string;
}

export const HOOK_TYPES = {
  app: [
    'item.create',
    'item.update',
    'item.delete',
    'comment.create',
    'comment.delete',
    'file.change',
    'app.update',
    'app.delete',
    'form.create',
    'form.update',
    'form.delete',
  ],
  app_field: ['item.create', 'item.update', 'item.delete'],
  space: ['app.create', 'task.create', 'task.update', 'task.delete', 'member.add', 'member.remove'],
} as const;

export type HookRefType = keyof typeof HOOK_TYPES;

export const isHookRefType = (type: string): type is HookRefType => Object.hasOwn(HOOK_TYPES, type);

export interface HookRef {
  readonly type: HookRefType;
  readonly id: number;
}

export interface Hook {
  readonly hookId: number;
  readonly ref: HookRef;
  readonly type: string;
  readonly url: string;
  status: 'active' | 'inactive';
  /** Inactive because of failures, rather than never verified. */
  switchedOff: boolean;
  /** Consecutive ones. */
  failures: number;
  readonly codes: { readonly code: string; readonly on: number }[];
  readonly created: Authorship;
}

/** Something that hooks may want to know; `params` in the order in which Podio sends them. */
export interface Occurrence {
  readonly type: string;
  readonly refs: readonly HookRef[];
  readonly params: readonly (readonly [name: string, value: string])[];
}
