/**
 * What can be asked of a field's value by name, by the field's type: `mail` of a contact. One list for what is checked, for what is
 * told at run time, and for docs/templates.md.
 */

import { nearest } from './suggest.ts';

/** Of every field. */
export const PARTS_OF_ALL: readonly string[] = ['text', 'size', 'values', 'first', 'last'];

interface Parts {
  /** Those that people look for. */
  readonly main: readonly string[];
  /** What Podio tells besides, and other names for the same. */
  readonly more?: readonly string[];
  /** Podio may tell more than is known of here. */
  readonly isOpen?: true;
}

const sides = (of: (side: string) => string): readonly string[] => ['start', 'end'].map(of);

const DATE: Parts = {
  main: ['start', 'end', ...sides(side => `${side}_date`), ...sides(side => `${side}_time`)],
  more: ['utc', 'date_utc', 'time_utc'].flatMap(key => sides(side => `${side}_${key}`)),
};
const NUMBER: Parts = { main: ['value'], more: ['amount'] };
const CHOICE: Parts = { main: ['id', 'color'], more: ['status'] };
const PLAIN: Parts = { main: ['value'] };
const LABELLED: Parts = { main: ['value', 'type'] };
const CONTACT: Parts = {
  isOpen: true,
  main: ['id', 'name', 'mail', 'phone', 'link'],
  more: [
    ...['profile_id', 'user_id', 'org_id', 'space_id', 'type', 'external_id', 'username', 'rights', 'role'],
    ...['title', 'organization', 'department', 'address', 'city', 'zip', 'state', 'country', 'location'],
    ...['about', 'birthdate', 'skill', 'vatin', 'im', 'skype', 'linkedin', 'twitter', 'facebook', 'url'],
    ...['image', 'avatar', 'avatar_id', 'avatar_type', 'thumbnail', 'thumbnail_link', 'logo'],
    ...['created_on', 'created_by', 'last_seen_on', 'last_locale', 'is_employee', 'profile', 'user', 'value'],
    ...['status', 'locale', 'timezone'],
  ],
};
const FILE: Parts = {
  isOpen: true,
  main: ['id', 'name', 'mimetype', 'size', 'link'],
  more: [
    ...['file_id', 'description', 'perma_link', 'thumbnail_link', 'link_target', 'external_file_id', 'url'],
    ...['hosted_by', 'hosted_by_humanized_name', 'context', 'rights', 'replaces', 'attached', 'value'],
    ...['created_on', 'created_by', 'created_via', 'presence', 'push', 'subscribed_count', 'is_liked'],
    ...['like_count', 'original_url', 'original_link'],
  ],
};

const PARTS: Readonly<Record<string, Parts>> = {
  text: { main: ['html'], more: ['value', 'format'] },
  number: NUMBER,
  progress: NUMBER,
  duration: NUMBER,
  money: { main: ['value', 'currency'], more: ['amount'] },
  category: CHOICE,
  question: CHOICE,
  state: PLAIN,
  date: DATE,
  app: {
    isOpen: true,
    main: ['id', 'title', 'link', 'app_item_id'],
    more: [
      ...['item_id', 'app_item_id_formatted', 'external_id', 'app', 'space', 'revision', 'rights', 'tags'],
      ...['initial_revision', 'current_revision', 'created_on', 'created_by', 'created_via', 'item_name'],
      ...['last_edit_on', 'last_edit_by', 'last_edit_via', 'last_event_on', 'files', 'file_count', 'url'],
      ...[
        'comment_count',
        'task_count',
        'excerpt',
        'priority',
        'grant',
        'grant_count',
        'sharefile_vault_url',
      ],
      ...['is_liked', 'like_count', 'linked_account_id', 'linked_account_data', 'participants', 'presence'],
      ...['push', 'ratings', 'ref', 'refs', 'reminder', 'recurrence', 'subscribed', 'subscribed_count'],
      ...['user_ratings', 'values_api', 'icon', 'icon_id'],
    ],
  },
  contact: CONTACT,
  member: CONTACT,
  image: FILE,
  file: FILE,
  video: FILE,
  embed: {
    isOpen: true,
    main: ['url', 'title'],
    more: [
      ...[
        'id',
        'embed_id',
        'original_url',
        'resolved_url',
        'type',
        'description',
        'hostname',
        'provider_name',
      ],
      ...['embed_html', 'embed_width', 'embed_height', 'created_on', 'files', 'link'],
    ],
  },
  location: {
    isOpen: true,
    main: ['formatted', 'street_address', 'postal_code', 'city', 'state', 'country', 'lat', 'lng'],
    more: ['value', 'street_number', 'street_name', 'map_in_sync'],
  },
  phone: LABELLED,
  email: LABELLED,
  tel: { isOpen: true, main: ['value'], more: ['uri'] },
  tag: PLAIN,
};

/** Of a calculation it is what it results in that counts; undefined where nothing is known of the type. */
function partsFor(type: string, returnType: string | undefined): Parts | undefined {
  if (type !== 'calculation') return Object.hasOwn(PARTS, type) ? PARTS[type] : undefined;
  return returnType === 'number'
    ? NUMBER
    : returnType === 'date'
      ? DATE
      : returnType === 'text'
        ? PLAIN
        : undefined;
}

export interface TypedField {
  readonly type: string;
  /** Of a calculation. */
  readonly returnType?: string | undefined;
}

export interface PartFault {
  /** Which step of the path nothing is called by. */
  readonly at: number;
  readonly part: string;
  /** What is there instead, as far as people look for it. */
  readonly known: readonly string[];
  /** The one that was probably meant. */
  readonly near: string | undefined;
  /** Podio may tell it all the same. */
  readonly mayBe: boolean;
}

/** The first step below a field that is no part of it; undefined where all are, or nothing is known of the type. */
export function partFault({ type, returnType }: TypedField, path: readonly unknown[]): PartFault | undefined {
  const parts = partsFor(type, returnType);
  if (parts === undefined) return undefined;
  for (const [at, step] of path.entries()) {
    if (typeof step === 'number') continue;
    // What is looked up by a name of its own is not known before.
    if (typeof step !== 'string') return undefined;
    if (isOneOfSeveral(step)) continue;
    const known = [...parts.main, ...PARTS_OF_ALL];
    const all = [...known, ...(parts.more ?? [])];
    if (!all.includes(step)) {
      const near = nearest(step, all);
      const isSlip = near !== undefined && !isIdOf(step, near);
      return { at, part: step, known, near, mayBe: parts.isOpen === true && !isSlip };
    }
    const isSide = parts === DATE && (step === 'start' || step === 'end');
    if (!isSide) return undefined;
  }
  return undefined;
}

/** Of the same thing Podio tells here the one and there the other: `space`, and `space_id`. */
export const isIdOf = (one: string, other: string): boolean => one === `${other}_id` || other === `${one}_id`;

/** What leads to a value, or several, of the same type. */
const isOneOfSeveral = (step: string): boolean =>
  step === 'first' || step === 'last' || step === 'values' || /^\d+$/.test(step);

/** The main parts of a type, as docs/templates.md lists them. */
export const mainParts = (type: string): readonly string[] | undefined => partsFor(type, undefined)?.main;
