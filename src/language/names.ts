/** What conditions and templates may name at their start. One list for both. */
import type { PodioEvent } from '../core/event.ts';
import { suggestion } from '../core/suggest.ts';
import type { FieldView } from './field-view.ts';

/** What earlier steps added, under their names. Plain JSON. */
export type Data = Readonly<Record<string, unknown>>;

/** Who made the change, as far as Podio tells: empty for a tick of a schedule and for what was deleted. */
export interface Actor {
  /** `user`, `app` ... */
  readonly type?: string;
  readonly id?: number;
  readonly name?: string;
  /** Only where Podio tells it. */
  readonly mail?: string;
  readonly [key: string]: unknown;
}

/** Both sides of a change; a side that is empty is left out. */
export interface ChangeView {
  readonly from?: FieldView;
  readonly to?: FieldView;
}

export interface RunView {
  readonly rule: string;
  /** When the event came that this rule last settled a run for. Undefined for the first one. */
  readonly previous: Date | undefined;
  readonly replay: boolean;
}

type Things = Readonly<Record<string, unknown>>;

/** The values behind the names, each worked out when asked for. Only what is asked for is fetched. */
export interface View {
  event(): PodioEvent;
  item(): Promise<Things>;
  /** By alias and by external id. Fields without a value are left out, as Podio does. */
  fields(): Promise<Readonly<Record<string, FieldView>>>;
  changes(): Promise<Readonly<Record<string, ChangeView>>>;
  actor(): Promise<Actor>;
  /** Of events about a comment; `text` is plain. */
  comment(): Promise<Things>;
  /** Those the event names, else those of the item. */
  files(): Promise<readonly Things[]>;
  task(): Promise<Things>;
  data(): Data;
  run(): Promise<RunView>;
  app(): Readonly<{ name: string | undefined; id: number | undefined }>;
  /** Of events with which podiod tells of itself: `name`, `state`, `text` ...; empty for all others. */
  alarm(): Things;
  now(): Date;
  /** One view for each event of the message. */
  batch(): readonly View[];
  /** IANA name: the rule's time zone. Not a name to write, but what dates are shown in. */
  timezone(): string;
  /** Told the name of every field that is looked at, so that one nobody knows does not go unnoticed. */
  mentions?(name: string): void;
  /** Told every path that asks a field for what values of its type do not have: `fields.client.titel`. */
  lacks?(path: string): void;
}

export const NAMES = [
  'event',
  'item',
  'fields',
  'changes',
  'actor',
  'comment',
  'files',
  'task',
  'data',
  'run',
  'app',
  'alarm',
  'now',
  'batch',
] as const satisfies readonly (keyof View)[];

export type Name = (typeof NAMES)[number];

export const isName = (name: string): name is Name => (NAMES as readonly string[]).includes(name);

const CHANGE_PARTS = ['from', 'to'];

/** What some names have, and nothing else. Of the others it depends on Podio. */
const KNOWN_PARTS: Partial<Readonly<Record<Name, readonly string[]>>> = {
  event: [
    'seq',
    'id',
    'type',
    'source',
    'ref',
    'app',
    'space',
    'itemId',
    'revision',
    'externalId',
    'params',
    'receivedAt',
  ],
  actor: ['type', 'id', 'name', 'mail', 'link'],
  run: ['rule', 'previous', 'replay'],
  app: ['name', 'id'],
  alarm: ['name', 'state', 'subject', 'rule', 'count', 'since', 'text'],
};

/** What is wrong with a part of a name, such as `actor.email`: told where it would be empty for ever. */
export function partProblem(
  path: readonly unknown[],
): { message: string; hint?: string | undefined } | undefined {
  const [root, ...rest] = path;
  if (typeof root !== 'string' || !isName(root)) return undefined;
  const parts = root === 'changes' ? CHANGE_PARTS : KNOWN_PARTS[root];
  const part = rest[root === 'changes' ? 1 : 0];
  if (parts === undefined || typeof part !== 'string' || parts.includes(part)) return undefined;
  return {
    message: `\`${root}\` has no \`${part}\`, so \`${path.join('.')}\` is always empty`,
    hint: suggestion(part, parts, 'known are'),
  };
}
