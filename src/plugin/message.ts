import { PodiodError } from '../core/errors.ts';
import type { PodioEvent } from '../core/event.ts';
import type { Bundle } from '../core/gather.ts';
import type { Item } from '../core/podio.ts';
import type { Rule } from '../core/rule.ts';
import type { ItemReader } from '../podio/contract.ts';
import type { Changes, Data, FieldChanged, Message, View } from './contract.ts';
import { deepFreeze, plainJson } from './plain.ts';
import { type AppNames, makeView, resolveAlias, type ViewWorld } from './view.ts';

/** What messages read from. */
export interface MessageWorld {
  readonly reader: ItemReader;
  /** What the config says of an app, by its name. */
  apps(name: string): AppNames | undefined;
  /** The rule that the message goes through. */
  readonly rule: Pick<Rule, 'name' | 'timezone' | 'includeOwn'>;
  /** Wall time, ms. */
  now(): number;
  /** When the event came that the rule last settled a run for, before this one; ISO 8601. */
  previousRun(event: PodioEvent): Promise<string | undefined>;
  /** Told of every field that a template or a condition names. */
  mentions?(event: PodioEvent, name: string): void;
  /** Told of every path that asks a field for what it does not have. */
  lacks?(event: PodioEvent, path: string): void;
}

/** What all messages of one try have in common. */
export interface Origin {
  readonly step: string;
  readonly event: PodioEvent;
  readonly bundle?: Bundle | undefined;
  readonly deliveryKey: string;
  readonly world: MessageWorld;
  /** Made when first asked for: most filters never do. */
  readonly signal: AbortSignal;
}

/** A message that a step has passed on. `key` is that of a branch of its own. */
export interface Output {
  readonly data: Data;
  readonly key?: string;
}

/** What a key may have at most: it stands in delivery keys, which others keep. */
const MAX_KEY = 200;

const showKey = (key: unknown): string =>
  typeof key === 'string' ? (key === '' ? 'an empty one' : `one of ${key.length}`) : `a ${typeof key}`;

class StepMessage implements Message {
  readonly event: PodioEvent;
  readonly events: readonly PodioEvent[];
  readonly deliveryKey: string;
  readonly data: Data;
  readonly #origin: Origin;
  /** Of a message that goes on by itself. */
  readonly #key: string | undefined;

  constructor(origin: Origin, data: Data, key?: string) {
    this.#origin = origin;
    this.#key = key;
    this.event = origin.event;
    this.events = origin.bundle?.events ?? Object.freeze([origin.event]);
    this.deliveryKey = origin.deliveryKey;
    this.data = data;
    Object.freeze(this);
  }

  get signal(): AbortSignal {
    return this.#origin.signal;
  }

  get view(): View {
    const { bundle, world } = this.#origin;
    return makeView(this, viewWorld(world, this.#app), batchOf(world, bundle, this.data));
  }

  get #app(): AppNames | undefined {
    const { event, world } = this.#origin;
    return event.app === undefined ? undefined : world.apps(event.app);
  }

  async item(): Promise<Item> {
    const { event, world } = this.#origin;
    // All rules share what the reader caches, so none may change it.
    return deepFreeze(await world.reader.item(event));
  }

  async changes(): Promise<Changes> {
    const { event, bundle, world } = this.#origin;
    const changes = new Map(await changesOf(world, event, bundle));
    for (const change of changes.values()) deepFreeze(change);
    return changes;
  }

  async change(field: string | number): Promise<FieldChanged | undefined> {
    const name = resolveAlias(this.#app, String(field));
    const changes = await this.changes();
    return changes.get(name) ?? [...changes.values()].find(({ fieldId }) => String(fieldId) === name);
  }

  with(data: unknown): Message {
    const { step } = this.#origin;
    return new StepMessage(this.#origin, Object.freeze({ ...this.data, [step]: plainJson(data) }), this.#key);
  }

  fork(key: string, name: string, value: unknown): Message {
    if (typeof key !== 'string' || key === '' || key.length > MAX_KEY) {
      throw new PodiodError(
        'PLUGIN_MESSAGE',
        `the key of a branch must be a text of 1 to ${MAX_KEY} characters, given ${showKey(key)}`,
        { retry: 'never' },
      );
    }
    return new StepMessage(this.#origin, Object.freeze({ ...this.data, [name]: plainJson(value) }), key);
  }

  /** What comes of it when it is emitted. */
  get output(): Output {
    return this.#key === undefined ? { data: this.data } : { data: this.data, key: this.#key };
  }

  static isOf(origin: Origin, value: unknown): value is StepMessage {
    return typeof value === 'object' && value !== null && #origin in value && value.#origin === origin;
  }
}

/** What the names of one event's templates are worked out from. */
const viewWorld = (
  { reader, rule, now, previousRun, mentions, lacks }: MessageWorld,
  app: AppNames | undefined,
): ViewWorld => ({
  reader,
  app,
  rule: rule.name,
  timezone: rule.timezone,
  now,
  previousRun,
  ...(mentions && { mentions }),
  ...(lacks && { lacks }),
});

/** What conditions see of an event that is in no step's hands. */
export function viewOf(world: MessageWorld, event: PodioEvent, data: Data, bundle?: Bundle): View {
  const { reader } = world;
  const item = async () => deepFreeze(await reader.item(event));
  const app = event.app === undefined ? undefined : world.apps(event.app);
  const changes = () => changesOf(world, event, bundle);
  return makeView({ event, data, item, changes }, viewWorld(world, app), batchOf(world, bundle, data));
}

/** What is not known any more is not known to have changed. */
const changesOf = async (
  { reader, rule }: MessageWorld,
  event: PodioEvent,
  bundle?: Bundle,
): Promise<Changes> =>
  bundle?.mode === 'settle'
    ? ((await reader.spanned(bundle.events, rule)) ?? new Map())
    : reader.changes(event);

/** Of a batch: each of its events as if it were alone. */
const batchOf = (world: MessageWorld, bundle: Bundle | undefined, data: Data) =>
  bundle?.mode === 'batch'
    ? () => {
        const kept = { ...world, reader: keptFor(bundle, world.reader) };
        return bundle.events.map(event => viewOf(kept, event, data));
      }
    : undefined;

/** Of more than these what was read is not kept together: with app references embedded an item can be some 50 kB. */
const MAX_KEPT = 1000;

const readers = new WeakMap<Bundle, ItemReader>();

/** Keeps what was read for as long as the batch is in hand, so that a try goes on where the one before ran out of time. */
function keptFor(bundle: Bundle, reader: ItemReader): ItemReader {
  if (bundle.events.length > MAX_KEPT) return reader;
  let kept = readers.get(bundle);
  if (kept === undefined) {
    kept = { ...reader, item: keeping(reader.item), changes: keeping(reader.changes) };
    readers.set(bundle, kept);
  }
  return kept;
}

/** A failure is not kept. */
function keeping<T>(read: (event: PodioEvent) => Promise<T>): (event: PodioEvent) => Promise<T> {
  const known = new Map<number, Promise<T>>();
  return event => {
    let reading = known.get(event.seq);
    if (reading === undefined) {
      reading = read(event);
      known.set(event.seq, reading);
      reading.catch(() => known.delete(event.seq));
    }
    return reading;
  };
}

/** The message a try begins with. Freezes what it is given. */
export function makeMessage(origin: Origin, data: Data): Message {
  deepFreeze(origin.event);
  if (origin.bundle) deepFreeze(origin.bundle.events);
  return new StepMessage(origin, deepFreeze(data));
}

/** Whether `value` is the message of this very try, or made from it by `with()`. */
export const isMessageOf = (origin: Origin, value: unknown): value is Message =>
  StepMessage.isOf(origin, value);

/** What comes of a message of {@link isMessageOf} that was emitted. */
export const outputOf = (message: Message): Output => (message as StepMessage).output;
