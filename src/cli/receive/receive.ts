import { text } from 'node:stream/consumers';
import type { Config } from '../../config/model.ts';
import { systemClock } from '../../core/clock.ts';
import { coerceError, PodioError, UsageError } from '../../core/errors.ts';
import { HOOK_EVENTS, type PodioEvent } from '../../core/event.ts';
import type { HookRef } from '../../core/hook.ts';
import { silentLog } from '../../core/log.ts';
import { didYouMean } from '../../core/suggest.ts';
import { type DryRun, dryRun } from '../../dispatch/dry-run.ts';
import { makeMatcher } from '../../dispatch/match.ts';
import { type Params, randomId, toEvent } from '../../ingress/parse.ts';
import { makeAttribution } from '../../plugin/attribution.ts';
import { makeCapture } from '../../plugin/capture.ts';
import type { Data, PluginPodio } from '../../plugin/contract.ts';
import { makePluginHost } from '../../plugin/host.ts';
import { makePluginLoader } from '../../plugin/load.ts';
import { findApp } from '../../plugin/view.ts';
import { makeMemoryStore } from '../../store/memory.ts';
import type { Cli, CommonOptions } from '../io.ts';
import { loadConfigOrFail } from '../setup.ts';
import { plain } from '../text.ts';
import { deliveriesIn } from './deliveries.ts';
import { itemFile, readText } from './files.ts';

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
  // Nobody is called, so secrets that this shell lacks are made up.
  const { config } = await loadConfigOrFail(cli, { ...options, placeholders: true });
  const ref = refOf(config, options);
  const [saved, source] =
    file === '-' ? [await text(cli.io.stdin), 'stdin'] : [await readText(cli, file), file];
  const deliveries = deliveriesIn(saved, source);
  const events = deliveries.flatMap((params, n) =>
    isHandshake(params) ? [] : [eventOf(ref, params, n + 1, source)],
  );
  if (events.length < deliveries.length)
    cli.note(`${deliveries.length - events.length} of hook.verify left out: no rule gets them.`);
  const reader = await itemFile(cli, options.item);

  const attribution = makeAttribution(silentLog);
  const { values } = makeMemoryStore();
  const plugins = makePluginHost({
    loader: makePluginLoader({ configDir: config.dir, attribution }),
    reader,
    podioFor: () => NO_PODIO,
    values,
    log: silentLog,
    clock: systemClock,
    fetch: () => Promise.reject(new TypeError('there is no network in podiod receive')),
    attribution,
    apps: app => findApp(config.apps, app),
    capture: makeCapture({ podio: NO_PODIO, values, appName: id => findApp(config.apps, id)?.name }),
    isCaptured: () => true,
    offline: true,
  });
  const signal = new AbortController().signal;
  const fields = { byId: () => undefined, known: () => undefined, hasRead: () => false };
  const rules = config.rules.map(rule => {
    const { match, decide } = makeMatcher(rule, { ...config, fields });
    return {
      rule,
      steps: rule.steps.map(step => plugins.prepare(rule, step)),
      // A saved delivery does not say which field's hook it came from. Recovered changes are in the same case: they reach
      // rules on fields by what changed.
      matcher: { match: (event: PodioEvent) => match({ ...event, source: 'recovered' }), decide },
      reader,
      view: (event: PodioEvent, data: Data) => plugins.view(rule, event, data),
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
    const isUntold = ({ event, rules: results }: Received): boolean =>
      event.type === 'item.update' &&
      results.some(({ outcome, steps, checks }) => outcome === 'filtered' && steps.length === 0 && !checks);
    if (!reader.hasChanges && received.some(isUntold)) cli.note(UNTOLD);
    return received;
  } finally {
    await plugins.dispose();
  }
}

const UNTOLD =
  'What an item.update has changed is not known, so rules on fields are filtered. Give it by --item FILE: {"item": ..., "changes": what Podio answers to GET /item/{item_id}/revision/{revision - 1}/{revision}}.';

/** Podio's question whether a hook is wanted, which stands among what a server has written down. */
const isHandshake = ({ type }: Params): boolean => type === 'hook.verify';

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
      throw new UsageError(`there is no space ${space} in the config`, meant('Its spaces', space, spaces));
    return { ref: { type: 'space', id: found.id }, space };
  }
  const name = app ?? (apps.size === 1 ? [...apps.keys()][0] : undefined);
  if (name === undefined)
    throw new UsageError(
      'which app are the deliveries of?',
      `Say --app NAME or --space NAME. ${listOf('Apps', apps)}`,
    );
  const found = apps.get(name);
  if (!found) throw new UsageError(`there is no app ${name} in the config`, meant('Its apps', name, apps));
  return { ref: { type: 'app', id: found.id }, app: name };
}

const listOf = (what: string, named: ReadonlyMap<string, unknown>): string =>
  `${what}: ${[...named.keys()].join(', ') || 'none'}.`;

const meant = (what: string, given: string, named: ReadonlyMap<string, unknown>): string =>
  didYouMean(given, named.keys()) ?? listOf(what, named);

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

const refuse = () =>
  Promise.reject(
    new PodioError('PODIO_UNAVAILABLE', 'Podio is not called by podiod receive', { retry: 'never' }),
  );
const NO_PODIO: PluginPodio = {
  items: { get: refuse, create: refuse, update: refuse, delete: refuse, filter: refuse },
  comments: { create: refuse, get: refuse, list: refuse },
  tasks: { create: refuse, get: refuse, list: refuse },
  files: { get: refuse, download: refuse },
  apps: { get: refuse },
  request: refuse,
  as: () => NO_PODIO,
};
