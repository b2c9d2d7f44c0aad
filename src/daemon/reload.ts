/**
 * Another config takes the place of the one that holds, while events come in. It is a transaction: what is wrong with the
 * config, or with a plugin that it needs, is found before anything is given up, and then the old one goes on untouched.
 * After that it only goes forward. A process that is killed anywhere in it starts with the file as it is then.
 */
import { setTimeout as after } from 'node:timers/promises';
import type { ConfigStatus } from '../admin/status.ts';
import type { Config } from '../config/model.ts';
import { coerceError, isPodiodError, PluginError, PodiodError, StoreError } from '../core/errors.ts';
import { type LeftRule, leftRules } from '../core/left.ts';
import type { Log } from '../core/log.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { makeReliably } from '../dispatch/reliably.ts';
import { carryOver, withKeys } from '../dispatch/renames.ts';
import { makeReconciler, makeVerifier } from '../reconcile/index.ts';
import type { Front } from './base.ts';
import { ConfigError } from './config.ts';
import { termsOf } from './connect.ts';
import type { Definitions } from './definitions.ts';
import { makeGeneration, type RuleWorld } from './generation.ts';
import type { Generations } from './generations.ts';
import { tellLeft } from './left.ts';
import type { Terms } from './live.ts';
import type { PluginFiles } from './plugin-files.ts';
import { answerOf, type ReconcileAnswer, reconcile } from './reconcile.ts';
import { diffRules, type NotRenamed, notRenamed, type RuleDiff } from './rule-diff.ts';
import { settle } from './settled.ts';

/** A config that has passed all checks. */
export interface LoadedConfig {
  readonly config: Config;
  readonly warnings: readonly { readonly message: string; readonly hint?: string | undefined }[];
  /** Values that no output may show. */
  readonly secrets: readonly string[];
  /** What of it holds after a restart only, beside settings. */
  readonly needsRestart?: readonly string[];
}

export interface ReloadRequest {
  /** Only says what would be done. */
  readonly dryRun?: boolean;
  /** In place of reading again what the daemon was started with. Rejects with CONFIG_INVALID. */
  readonly load?: () => Promise<LoadedConfig>;
}

/** What `POST /api/reload` answers. */
export interface ReloadAnswer {
  readonly dryRun: boolean;
  readonly rules: RuleDiff;
  /** What is left of `was` stays where it is: `rule` goes on where it was left itself. */
  readonly notRenamed: readonly NotRenamed[];
  /** Of the rules that are removed, those that the config has yet, with `enabled: false`. */
  readonly disabled: readonly string[];
  /** Runs of rules that are gone: they stay parked. */
  readonly parked: readonly { readonly rule: string; readonly runs: number }[];
  /** What else waits of rules that are gone, for them to come back. */
  readonly waiting: readonly LeftRule[];
  /** Runs that took too long to end: they go on from their last finished step. */
  readonly cutOff: number;
  /** Where the journal stood; what came later is the new rules'. Null where nothing was exchanged. */
  readonly position: number | null;
  /** Settings of the new config that hold after a restart only. */
  readonly needsRestart: readonly string[];
  readonly warnings: readonly { readonly message: string; readonly hint: string | null }[];
  /** What it means for the hooks at Podio, and what became of it; null while that is not known. */
  readonly hooks: ReconcileAnswer | null;
}

export interface ReloadParts {
  readonly world: RuleWorld;
  readonly front: Pick<Front, 'reconciler' | 'recovery' | 'publicUrl'>;
  readonly dispatcher: Pick<Dispatcher, 'succeed' | 'status'>;
  readonly definitions: Pick<Definitions, 'start'>;
  readonly generations: Generations;
  /** The config that the process was started with. */
  readonly started: Config;
  readonly load: () => Promise<LoadedConfig>;
  readonly pluginFiles: PluginFiles;
  /** Resolves when the daemon has started: nothing is exchanged before. */
  readonly begun: Promise<void>;
  /** How long what is in hand may take to end. */
  readonly drainMs: () => number;
  /** False: hooks are looked at only when somebody asks. */
  readonly reconciles: boolean;
  /** Told of each, before it changes anything and is waited for; `ended` never rejects. */
  readonly onBegin: (ended: Promise<void>) => Promise<void>;
}

export interface Reloads {
  /**
   * One after the other; who asks while another one waits shares that. Rejects with CONFIG_INVALID, RELOAD_ROLLED_BACK or
   * what the store says, and then the config holds that did before.
   */
  reload(request?: ReloadRequest): Promise<ReloadAnswer>;
  /** What became of it so far; undefined where nobody has asked. */
  status(): ConfigStatus | undefined;
  /** What has not given anything up is given up, what has is finished. */
  stop(): Promise<void>;
}

/** How long an answer waits for Podio's hooks. */
const HOOKS_MS = 10_000;

export function makeReloads(parts: ReloadParts): Reloads {
  const { clock } = parts.world;
  const log = parts.world.log.child({ module: 'reload' });
  const stopping = new AbortController();
  const reliably = makeReliably({ clock, log });
  let tail: Promise<unknown> = parts.begun;
  let waiting: Promise<ReloadAnswer> | undefined;
  let status: ConfigStatus | undefined;
  /** Of the config that holds; what a start has said of its own is said once more. */
  let warned: ReadonlySet<string> = new Set();
  /** While lanes have ended and others have not begun. */
  let switching: Promise<unknown> | undefined;

  /** Goes forward, however long the store takes. */
  const always = async <T>(work: () => Promise<T>): Promise<T> => {
    const done = await reliably(work, stopping.signal);
    if (done === undefined) throw isStopping();
    return done.value;
  };

  const run = async ({ dryRun = false, load = parts.load }: ReloadRequest): Promise<ReloadAnswer> => {
    stopping.signal.throwIfAborted();
    const { world } = parts;
    const { live, store, fields, options } = world;
    const loaded = await load();
    options.log.addSecrets?.(loaded.secrets);
    const { config, needsRestart: settled } = settle(parts.started, loaded.config);
    const code = await parts.pluginFiles.changed(config);
    const needsRestart = [
      ...settled,
      ...(loaded.needsRestart ?? []),
      ...code.map(file => `the code of ${file}`),
    ];
    const keys = await store.rules.keys();
    const rules = withKeys(config.rules, keys);
    const next = await termsOf({ ...config, rules }, { settings: store.settings, fields });
    const diff = diffRules(live.config.rules, rules, new Set(keys.keys()));
    const disabled = config.disabledRules ?? [];
    const plan = {
      dryRun,
      rules: diff,
      notRenamed: notRenamed(rules, new Set(keys.keys())),
      disabled: diff.removed.filter(name => disabled.includes(name)),
      needsRestart,
      warnings: loaded.warnings.map(({ message, hint }) => ({ message, hint: hint ?? null })),
    };
    if (dryRun) {
      const hooks = parts.reconciles ? await inTime(() => wouldHook(parts, next)) : null;
      const parked = await parkedOf(store.parking, diff.removed);
      const waiting = await wouldWait(diff.removed, disabled);
      return { ...plan, parked, waiting, cutOff: 0, position: null, hooks };
    }
    const before = live.config.rules.map(({ name }) => name);
    const { cutOff, position } = await exchange(next, diff);
    // Of one whose new name was in use already, too.
    const gone = before.filter(name => !rules.some(rule => rule.name === name));
    const parked = await always(() => parkedOf(store.parking, gone));
    const waiting = leftRules(await always(store.lanes.status), disabled).filter(({ rule }) =>
      gone.includes(rule),
    );
    const counts = Object.fromEntries(
      (['added', 'removed', 'renamed', 'changed', 'unchanged'] as const).map(key => [key, diff[key].length]),
    );
    log.info('config reloaded', { ...counts, names: namesIn(diff), cutOff, position });
    tellWarnings(loaded.warnings);
    for (const { rule, runs } of parked) log.warn('a rule is gone that has parked runs', { rule, runs });
    for (const left of waiting) tellLeft(log, left);
    if (needsRestart.length > 0) log.warn('settings wait for a restart', { settings: needsRestart });
    const hooks = parts.reconciles ? await inTime(() => nowHook(parts)) : null;
    return { ...plan, parked, waiting, cutOff, position, hooks };
  };

  /** As it looks now: what is in hand may have ended by then. */
  const wouldWait = async (
    removed: readonly string[],
    disabled: readonly string[],
  ): Promise<readonly LeftRule[]> => {
    const gathered = new Map(
      (await parts.world.store.lanes.status()).map(lane => [lane.rule, lane.gathered]),
    );
    const lanes = parts.dispatcher.status().flatMap(({ rule, waiting, throttled }) => {
      const behind = throttled?.runs ?? 0;
      const events = gathered.get(rule);
      const left = { begun: waiting - behind, behind };
      return removed.includes(rule)
        ? [{ rule, ...(events !== undefined && { gathered: events }), left }]
        : [];
    });
    return leftRules(lanes, disabled);
  };

  /** Each once, for as long as the config has it: a reload is mostly about something else. */
  const tellWarnings = (warnings: LoadedConfig['warnings']): void => {
    const fresh = warnings.filter(({ message }) => !warned.has(message));
    warned = new Set(warnings.map(({ message }) => message));
    for (const { message, hint } of fresh.slice(0, MAX_LOGGED))
      log.warn('config', { warning: message, hint });
    const left = fresh.length - MAX_LOGGED;
    if (left > 0)
      log.warn('config', { warning: `${left} more warnings`, hint: 'podiod check shows them all.' });
  };

  const exchange = async (
    next: Terms,
    diff: RuleDiff,
  ): Promise<{ readonly cutOff: number; readonly position: number }> => {
    const { world, dispatcher, generations } = parts;
    const kept = new Set(diff.unchanged);
    const secrets = await world.secrets.prepare(next.config.server);
    const generation = makeGeneration(world, next);
    generations.add(generation);
    const succession = dispatcher.succeed(generation.set, kept);
    try {
      await succession.ready(stopping.signal);
      // From there on it only goes forward, and with a full disk that would be nowhere: lanes ended, and no answer.
      await world.store.probe();
    } catch (thrown) {
      await succession.abandon();
      await generations.drop(generation);
      await secrets.abandon();
      stopping.signal.throwIfAborted();
      const error = coerceError(thrown);
      throw error instanceof StoreError ? error : rolledBack(error);
    }
    const { cutOff, position } = await succession.drain(parts.drainMs(), stopping.signal);
    stopping.signal.throwIfAborted();

    const switched = (async () => {
      await generations.enter(generation).parts.stop();
      world.live.become(next);
      await always(secrets.use);
      await always(() => carryOver(world.store.rules, next.config.rules, log));
      if (!(await succession.takeOver(stopping.signal))) throw isStopping();
      await always(() => parts.front.recovery.follow());
      await always(() => parts.definitions.start());
      await generation.parts.start(true, always);
      await generations.settle(kept);
    })();
    switching = switched.catch(() => {});
    await switched;
    switching = undefined;
    return { cutOff, position };
  };

  /** Undefined when it takes too long; then it goes on by itself. */
  const inTime = async (hooks: () => Promise<ReconcileAnswer>): Promise<ReconcileAnswer | null> => {
    const enough = new AbortController();
    const late = after(HOOKS_MS, null, { signal: enough.signal, ref: false }).catch(() => null);
    const found = hooks().catch(error => {
      log.warn('hooks not looked at', { error: coerceError(error) });
      return null;
    });
    try {
      return await Promise.race([found, late]);
    } finally {
      enough.abort();
    }
  };

  const told = async (request: ReloadRequest): Promise<ReloadAnswer> => {
    if (request.dryRun) return run(request);
    const ended = Promise.withResolvers<void>();
    const now = (): string => new Date(clock.now()).toISOString();
    try {
      await parts.onBegin(ended.promise);
      const answer = await run(request);
      status = { reloadedAt: now(), needsRestart: answer.needsRestart };
      return answer;
    } catch (thrown) {
      const error = coerceError(thrown);
      const summary = error instanceof ConfigError ? error.summary : error.message;
      if (!stopping.signal.aborted) logRefused(log, error);
      status = { needsRestart: [], ...status, refused: { error: summary, at: now() } };
      throw thrown;
    } finally {
      ended.resolve();
    }
  };

  return {
    reload(request = {}) {
      const isPlain = !request.dryRun && request.load === undefined;
      if (isPlain && waiting) return waiting;
      const asked = tail.then(() => {
        if (waiting === asked) waiting = undefined;
        return told(request);
      });
      if (isPlain) waiting = asked;
      tail = asked.catch(() => {});
      return asked;
    },
    status: () => status,
    async stop() {
      stopping.abort(isStopping());
      await switching;
    },
  };
}

/** Frames are for people at a terminal: the log has a line for each problem, with its parts as fields. */
function logRefused(log: Log, error: Error): void {
  const refused = 'config not reloaded, the one before goes on';
  if (!(error instanceof ConfigError)) {
    log.error(refused, { error });
    return;
  }
  log.error(refused, { code: error.code, problem: error.summary, hint: error.hint });
  for (const { code, severity, message, hint, file, line, column } of error.problems.slice(0, MAX_LOGGED)) {
    const place = file === null ? undefined : [file, line, column].filter(part => part !== null).join(':');
    log[severity === 'error' ? 'error' : 'warn']('config', {
      ...{ code, problem: message, place },
      ...(hint !== null && { hint }),
    });
  }
}

/** Problems of one file that are logged; podiod check shows them all. */
const MAX_LOGGED = 20;

const isStopping = (): PodiodError =>
  new PodiodError('STORE_UNAVAILABLE', 'podiod is stopping; its next start reads the config', {
    retry: 'never',
  });

function rolledBack(error: Error): PodiodError {
  const hint = isPodiodError(error) ? error.hint : undefined;
  const whose =
    error instanceof PluginError && error.rule !== undefined
      ? `plugin ${error.plugin} of rule ${error.rule}`
      : 'a plugin of the new config';
  return new PodiodError(
    'RELOAD_ROLLED_BACK',
    `${whose} could not be set up, so the config before goes on: ${error.message}`,
    {
      cause: error,
      retry: 'never',
      hint: hint ?? 'Mend it and reload again, or restart: a start tries a set-up until it works.',
    },
  );
}

async function parkedOf(
  parking: RuleWorld['store']['parking'],
  rules: readonly string[],
): Promise<ReloadAnswer['parked']> {
  const counts = await parking.counts();
  return rules.flatMap(rule => {
    const runs = counts.get(rule) ?? 0;
    return runs > 0 ? [{ rule, runs }] : [];
  });
}

/** As the config's `reconcile` allows. */
const nowHook = async ({ front }: ReloadParts): Promise<ReconcileAnswer> =>
  answerOf(await front.reconciler.now());

/** By a reconciler of its own, which changes nothing. */
async function wouldHook(
  { world, front }: ReloadParts,
  { config, identities }: Terms,
): Promise<ReconcileAnswer> {
  const { podio, fields, store, secrets, clock, log, options } = world;
  const { server } = config;
  const all = secrets.with(server);
  const publicUrl = options.publicUrl ? front.publicUrl() : server.publicUrl;
  const verifier = makeVerifier({ podio, identities, clock, log });
  const reconciler = makeReconciler({
    config: () => ({ ...config, publicUrl, secrets: all }),
    ...{ podio, identities, fields, settings: store.settings, verifier, clock, log, random: Math.random },
  });
  try {
    return await reconcile(reconciler, { dryRun: true, prune: false, move: false, allowDeletes: false });
  } finally {
    await reconciler.stop();
    verifier.stop();
  }
}

/** For the log: which rules are not what they were. */
const namesIn = ({ added, removed, renamed, changed }: RuleDiff): Readonly<Record<string, unknown>> => ({
  ...(added.length > 0 && { added }),
  ...(removed.length > 0 && { removed }),
  ...(renamed.length > 0 && { renamed: renamed.map(({ rule, was }) => `${was} to ${rule}`) }),
  ...(changed.length > 0 && { changed: changed.map(({ rule }) => rule) }),
});
