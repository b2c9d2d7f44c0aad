import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Config } from '../config/model.ts';
import { systemClock } from '../core/clock.ts';
import { coerceError, PodioError, UsageError } from '../core/errors.ts';
import { HOOK_EVENTS, type PodioEvent } from '../core/event.ts';
import type { HookRef } from '../core/hook.ts';
import { silentLog } from '../core/log.ts';
import type { FieldDifference, Item } from '../core/podio.ts';
import { type DryRun, dryRun } from '../dispatch/dry-run.ts';
import { makeMatcher } from '../dispatch/match.ts';
import { type Params, parseBody, randomId, toEvent } from '../ingress/parse.ts';
import { makeAttribution } from '../plugin/attribution.ts';
import type { Changes, PluginPodio } from '../plugin/contract.ts';
import { makePluginHost, type DryRun as Said } from '../plugin/host.ts';
import { makePluginLoader } from '../plugin/load.ts';
import type { ItemReader } from '../podio/contract.ts';
import { makeMemoryStore } from '../store/memory.ts';
import type { Cli, CommonOptions } from './io.ts';
import { loadConfigOrFail } from './setup.ts';
import { clip, plain } from './text.ts';

export interface ReceiveSettings extends CommonOptions {
  readonly app?: string;
  readonly space?: string;
  /** File with the item that every delivery is about. */
  readonly item?: string;
}

/** One saved delivery and what every rule would make of it. */
export interface Received {
  readonly event: PodioEvent;
  readonly rules: readonly DryRun[];
}

/** Puts saved deliveries through the rules. Nothing is called, written or kept. */
export async function receive(
  cli: Cli,
  file: string,
  options: ReceiveSettings,
): Promise<readonly Received[]> {
  const { config } = await loadConfigOrFail(cli, options);
  const ref = refOf(config, options);
  const saved = file === '-' ? await text(cli.io.stdin) : await read(resolve(cli.io.cwd, file));
  const events = deliveriesIn(saved, file).map((params, n) => eventOf(ref, params, n + 1, file));
  const reader = await readerOf(cli, options.item);

  let said: Said | undefined;
  const takeSaid = () => {
    const taken = said;
    said = undefined;
    return taken;
  };
  const attribution = makeAttribution(silentLog);
  const plugins = makePluginHost({
    loader: makePluginLoader({ configDir: config.dir, attribution }),
    reader,
    podioFor: () => NO_PODIO,
    values: makeMemoryStore().values,
    log: silentLog,
    clock: systemClock,
    fetch: () => Promise.reject(new TypeError('there is no network in podiod receive')),
    attribution,
    apps: name => config.apps.get(name),
    dryRun: told => {
      said = told;
    },
  });
  const signal = new AbortController().signal;
  const fields = { byId: () => undefined, known: () => undefined };
  const rules = config.rules.map(rule => {
    const { match, decide } = makeMatcher(rule, { ...config, fields });
    return {
      rule,
      steps: rule.steps.map(step => plugins.prepare(rule, step)),
      // A saved delivery does not say which field's hook it came from. Recovered changes are in the same case: they reach
      // rules on fields by what changed.
      matcher: { match: (event: PodioEvent) => match({ ...event, source: 'recovered' }), decide },
      reader,
      said: takeSaid,
      signal,
    };
  });
  try {
    const received: Received[] = [];
    for (const event of events) {
      const results: DryRun[] = [];
      for (const rule of rules) results.push(await dryRun(rule, event));
      received.push({ event, rules: results });
    }
    return received;
  } finally {
    await plugins.dispose();
  }
}

interface Origin {
  readonly ref: HookRef;
  readonly app?: string;
  readonly space?: string;
}

function refOf({ apps, spaces }: Config, { app, space }: ReceiveSettings): Origin {
  if (app !== undefined && space !== undefined) throw new UsageError('--app and --space exclude each other');
  if (space !== undefined) {
    const found = spaces.get(space);
    if (!found)
      throw new UsageError(`there is no space ${space} in the config`, listOf('Its spaces', spaces));
    return { ref: { type: 'space', id: found.id }, space };
  }
  const name = app ?? (apps.size === 1 ? [...apps.keys()][0] : undefined);
  if (name === undefined)
    throw new UsageError(
      'which app are the deliveries of?',
      `Say --app NAME or --space NAME. ${listOf('Apps', apps)}`,
    );
  const found = apps.get(name);
  if (!found) throw new UsageError(`there is no app ${name} in the config`, listOf('Its apps', apps));
  return { ref: { type: 'app', id: found.id }, app: name };
}

const listOf = (what: string, named: ReadonlyMap<string, unknown>): string =>
  `${what}: ${[...named.keys()].join(', ') || 'none'}.`;

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${path} can't be read: ${coerceError(error).message}`);
  }
}

/** A JSON object, a list of them, or one delivery a line (form or JSON). */
function deliveriesIn(saved: string, file: string): readonly Params[] {
  const whole = saved.trim();
  if (whole.startsWith('['))
    return jsonList(whole, file).map(entry => parseBody(JSON.stringify(entry), 'json'));
  if (whole.startsWith('{') && isJson(whole)) return [parseBody(whole, 'json')];
  const lines = whole.split(/\r?\n/).filter(line => line.trim() !== '' && !line.startsWith('#'));
  if (lines.length === 0)
    throw new UsageError(`there is no delivery in ${file}`, 'Save form bodies, one a line, or JSON.');
  return lines.map(line => parseBody(line.trim(), line.trimStart().startsWith('{') ? 'json' : 'form'));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function jsonList(text: string, file: string): readonly unknown[] {
  try {
    return JSON.parse(text) as unknown[];
  } catch (error) {
    throw new UsageError(`${file} is not JSON: ${coerceError(error).message}`);
  }
}

function eventOf({ ref, ...place }: Origin, params: Params, n: number, file: string): PodioEvent {
  const { type } = params;
  const known = Object.keys(HOOK_EVENTS[ref.type]);
  if (!type || !known.includes(type)) {
    throw new UsageError(
      `delivery ${n} in ${file} has ${type ? `the type ${plain(type)}` : 'no type'}, which no hook of ${ref.type === 'space' ? 'a space' : 'an app'} delivers`,
      `Types: ${known.join(', ')}.`,
    );
  }
  try {
    // The key plays no part here: nobody has to be kept out.
    const event = toEvent({ key: '', ref, type }, params, place, randomId);
    return { ...event, seq: n, receivedAt: new Date(systemClock.now()).toISOString() };
  } catch (error) {
    throw new UsageError(`delivery ${n} in ${file}: ${coerceError(error).message}`);
  }
}

/** The item of `--item` for every delivery, else an empty one. */
async function readerOf(cli: Cli, file: string | undefined): Promise<ItemReader> {
  if (file === undefined) {
    return {
      item: async ({ itemId }) => ({ item_id: itemId ?? 0, title: '', fields: [] }),
      changes: async () => new Map(),
    };
  }
  const path = resolve(cli.io.cwd, file);
  let given: unknown;
  try {
    given = JSON.parse(await read(path));
  } catch (error) {
    throw error instanceof UsageError
      ? error
      : new UsageError(`${path} is not JSON: ${coerceError(error).message}`);
  }
  const { item, changes = [] } = (isObject(given) && 'item' in given ? given : { item: given }) as {
    item: Item;
    changes?: FieldDifference[];
  };
  if (!isObject(item) || !Array.isArray(item.fields) || !Array.isArray(changes)) {
    throw new UsageError(
      `${path} holds no item`,
      'Save what Podio answers to GET /item/{item_id}, or {"item": ..., "changes": [...]}.',
    );
  }
  const changed: Changes = new Map(
    changes.map(({ field_id: fieldId, external_id, type, label, from, to }) => [
      external_id,
      { fieldId, type, label, from, to },
    ]),
  );
  return { item: async () => item, changes: async () => changed };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const refuse = () =>
  Promise.reject(
    new PodioError('PODIO_UNAVAILABLE', 'Podio is not called by podiod receive', { retry: 'never' }),
  );
const NO_PODIO: PluginPodio = {
  items: { get: refuse, create: refuse, update: refuse, delete: refuse, filter: refuse },
  comments: { create: refuse },
  tasks: { create: refuse },
  apps: { get: refuse },
  request: refuse,
};

/** For people: each delivery, each rule that wanted it, each step. */
export function* showReceived(cli: Cli, received: readonly Received[]): Generator<string> {
  for (const { event, rules } of received) {
    const item = event.itemId === undefined ? '' : ` item ${event.itemId}`;
    yield `${cli.style('cyan', event.type)}  ${event.app ?? event.space ?? ''}${item}`;
    const wanted = rules.filter(({ outcome }) => outcome !== 'unmatched');
    if (wanted.length === 0) yield cli.style('gray', '  no rule wants it');
    for (const { rule, outcome, steps, error } of wanted) {
      const style = outcome === 'failed' ? 'red' : outcome === 'filtered' ? 'gray' : 'green';
      const why = outcome === 'filtered' && steps.length === 0 ? ': its field condition does not hold' : '';
      yield `  ${cli.style('bold', rule)}: ${cli.style(style, outcome)}${why}${error !== undefined && steps.length === 0 ? `: ${plain(error)}` : ''}`;
      for (const { step, outcome: verdict, text: said, error: failure } of steps) {
        const detail = said ?? failure;
        yield `    ${clip(`${step}: ${verdict === 'described' ? '' : verdict}${detail === undefined ? '' : `${verdict === 'described' ? '' : ': '}${plain(detail)}`}`, Math.max(cli.width - 4, 40))}`;
      }
    }
  }
}
