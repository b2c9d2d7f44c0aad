/** All that rules wait for, looked up from whichever side it is asked for. Pure. */
import type { AppConfig } from '../config/model.ts';
import type { PodioEvent } from '../core/event.ts';
import type { FieldDirectory } from '../podio/contract.ts';
import type { Timer, TimerSetting } from '../store/contract.ts';
import type { Note } from './look.ts';
import { lookKey, ruleKeyOf, type Watch } from './watches.ts';

/** An item that a rule has to look at. */
interface LookNote {
  readonly item: number;
  readonly app: string;
  readonly tries?: number;
}

const TOLD_BY: readonly string[] = ['item.create', 'item.update', 'item.delete'];

export class WatchList {
  readonly all: readonly Watch[];
  readonly byRule: ReadonlyMap<string, readonly Watch[]>;
  readonly ruleKeys: readonly string[];
  readonly #byId: ReadonlyMap<string, Watch>;
  readonly #appIds: ReadonlySet<number>;

  constructor(watches: readonly Watch[]) {
    this.all = watches;
    this.byRule = Map.groupBy(watches, ruleKeyOf);
    this.ruleKeys = [...this.byRule.keys()];
    this.#byId = new Map(watches.map(watch => [`${ruleKeyOf(watch)} ${watch.id}`, watch]));
    this.#appIds = new Set(watches.map(({ app }) => app.id));
  }

  of(rule: string): readonly Watch[] {
    return this.byRule.get(rule) ?? [];
  }

  appById(id: number | undefined): AppConfig | undefined {
    if (id === undefined || !this.#appIds.has(id)) return undefined;
    return this.all.find(({ app }) => app.id === id)?.app;
  }

  appNamed(name: string | undefined): AppConfig | undefined {
    return this.all.find(({ app }) => app.name === name)?.app;
  }

  /** An item of this app is to be looked at now, by each rule that waits for something in it. */
  looks(itemId: number, app: AppConfig): readonly TimerSetting[] {
    const value: LookNote = { item: itemId, app: app.name };
    return this.ruleKeys
      .filter(key => this.of(key).some(one => one.app.id === app.id))
      .map(rule => ({ rule, key: lookKey(itemId), inMs: 0, value }));
  }

  /** The app whose rules an event may concern. What an app's own hook tells, the hooks of its fields tell as well. */
  concerned(event: PodioEvent, fields: Pick<FieldDirectory, 'byId'>): AppConfig | undefined {
    const { ref, type, source } = event;
    if (event.itemId === undefined || !TOLD_BY.includes(type)) return undefined;
    const id = Number(ref.id);
    if (ref.type === 'app_field') return this.appById(fields.byId(id)?.appId ?? this.appNamed(event.app)?.id);
    const isTold = source === 'recovered' || type === 'item.delete';
    return ref.type === 'app' && isTold ? this.appById(id) : undefined;
  }

  /** The app of a timer, which may be called otherwise than it was; undefined where its rule does not wait for it any more. */
  appOf({ rule, key, value }: Timer): string | undefined {
    const { item, app } = value as Note;
    if (key !== lookKey(item)) return this.#byId.get(`${rule} ${key.split('/')[0]}`)?.app.name;
    return this.of(rule).some(watch => watch.app.name === app) ? app : undefined;
  }
}
