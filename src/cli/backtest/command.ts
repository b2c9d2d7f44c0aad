import { resolve } from 'node:path';
import { adminClient } from '../../admin/client.ts';
import type { Config } from '../../config/model.ts';
import { systemClock } from '../../core/clock.ts';
import { showDuration } from '../../core/duration.ts';
import { isPodiodError, PodiodError, PodioError, UsageError } from '../../core/errors.ts';
import { silentLog } from '../../core/log.ts';
import { appsOf } from '../../core/rule.ts';
import { suggestion } from '../../core/suggest.ts';
import { connectForReading } from '../../daemon/index.ts';
import { makePluginLoader } from '../../plugin/load.ts';
import {
  callsOver,
  makeFieldDirectory,
  makeIdentities,
  makeNames,
  type PodioClient,
} from '../../podio/index.ts';
import type { StoreReader } from '../../store/contract.ts';
import { openReader } from '../../store/index.ts';
import { makeMemoryStore } from '../../store/memory.ts';
import { confirmed, unasked } from '../confirm.ts';
import type { Cli, CommonOptions } from '../io.ts';
import { statusLine } from '../progress.ts';
import { loadConfigOrFail, noteLogins } from '../setup.ts';
import { parseTime } from '../values.ts';
import { type BacktestResult, planBacktest } from './backtest.ts';
import { headOf, keepAnswers, patiently, type Request, throughDaemon } from './reads.ts';
import { showPlan } from './show.ts';

export interface BacktestSettings extends CommonOptions {
  readonly rule: string;
  readonly since: string;
  readonly until?: string;
  readonly journal?: boolean;
  readonly fresh?: boolean;
  readonly state?: string;
  readonly yes?: boolean;
  readonly limit: number;
}

/** Answers are kept. */
const GOES_ON = 'The same command goes on where it was.';

export interface BacktestReport extends BacktestResult {
  readonly calls: {
    /** Made now. */
    readonly made: number;
    /** Answers that were there from a run before. */
    readonly kept: number;
  };
}

/** Undefined: the answer was no. */
export async function backtest(cli: Cli, options: BacktestSettings): Promise<BacktestReport | undefined> {
  const { config } = await loadConfigOrFail(cli, options);
  const names = config.rules.map(({ name }) => name);
  const rule = config.rules.find(({ name }) => name === options.rule);
  if (!rule)
    throw new UsageError(`there is no rule ${options.rule}`, suggestion(options.rule, names, 'There are'));
  const interactive = cli.terminal && Boolean(cli.io.stdin.isTTY) && !options.json;
  if (!options.yes && !interactive && !options.journal) {
    throw new UsageError(
      `backtest asks before it reads from Podio, and ${unasked(options)}`,
      'Say --yes, or --journal to go by the journal alone.',
    );
  }
  const startedAt = Date.now();
  const file = resolve(cli.io.cwd, options.state ?? `${config.dataDir}/backtest-${rule.name}.ndjson`);
  if (options.fresh) keepAnswers(file, {}).forget();
  // The time of an earlier start that was cut off is kept: asked again later, other items would be listed.
  const wanted = { rule: rule.name, since: options.since, until: options.until ?? null };
  const span = spanIn(file, wanted) ?? {
    since: parseTime('--since', options.since, startedAt),
    until: options.until === undefined ? startedAt : parseTime('--until', options.until, startedAt),
  };
  if (span.since >= span.until) throw new UsageError('--since must be before --until');
  using kept = keepAnswers(file, { ...wanted, span });

  const stopping = new AbortController();
  cli.io.onStop(() =>
    stopping.abort(new PodiodError('STOPPED', 'it was stopped', { hint: GOES_ON, retry: 'never' })),
  );
  using line = statusLine(cli.io.stderr);
  await using ending = new AsyncDisposableStack();
  const { raw, share, connection, where } = await wayTo(config, options.journal ? [] : appsOf(rule.triggers));
  if (connection) noteLogins(cli, config, connection.loginsTakeMs);
  let made = 0;
  let inFlight = 0;
  const counted: Request = async (as, call) => {
    try {
      const answer = await raw(as, call);
      made++;
      return answer;
    } catch (error) {
      // What a daemon refuses to ask for has cost nothing.
      if (!isPodiodError(error) || error.code !== 'USAGE') made++;
      throw error;
    }
  };
  let toldOf: string | undefined;
  const patient = patiently(counted, {
    clock: systemClock,
    signal: stopping.signal,
    onWait: (ms, error) => {
      const why = error.code === 'PODIO_RATE_LIMITED' ? 'no call is spare' : error.message;
      line.show(`  ${why}: waiting ${showDuration(Math.ceil(ms / 1000) * 1000)}`);
      // Where no line is shown a log may be kept: once for a reason is enough there.
      if (!cli.io.stderr.isTTY && toldOf !== error.code) cli.note(`waiting: ${why}`);
      toldOf = error.code;
    },
    onGiveUp: ({ code, message }) =>
      stopping.abort(
        new PodioError(code, `Podio is not there: ${message}`, { hint: GOES_ON, retry: 'never' }),
      ),
  });
  const keeping = kept.over(patient);
  const request: Request = async (as, call) => {
    inFlight++;
    try {
      return await keeping(as, call);
    } finally {
      inFlight--;
    }
  };
  const podio: PodioClient = {
    ...callsOver(request),
    share,
    budgets: () => [],
    outage: () => ({ hasAnswered: true }),
  };
  const settings = makeMemoryStore().settings;
  const fields = await makeFieldDirectory({ settings, apps: podio.apps });
  const identities = connection?.identities ?? (await makeIdentities(config, { settings, fields }));
  const store = openStore(config, ending);
  const planned = await planBacktest({
    config,
    rule,
    span,
    untilNow: options.until === undefined,
    loader: makePluginLoader({ configDir: config.dir }),
    podio,
    identities,
    names: makeNames(config, fields),
    fields,
    store,
    journalOnly: options.journal ?? false,
    inFlight: () => inFlight,
    signal: stopping.signal,
    limit: options.limit,
    onProgress: words => line.show(`  ${words}`),
  }).catch((error: unknown) => {
    // However what was under way took it.
    stopping.signal.throwIfAborted();
    throw error;
  });
  if (!options.json) {
    for (const told of showPlan(planned.apps, span, where)) cli.note(told);
    if (kept.before > 0) cli.note(`${kept.before} answers are there from a run that was cut off.`);
  }
  if (!options.yes && !options.journal && !(await confirmed(cli, 'Go on?'))) return undefined;
  const result = await planned.run();
  // What it counted until Podio went away would look like the whole to a script.
  if (stopping.signal.reason instanceof PodioError) throw stopping.signal.reason;
  if (!result.interrupted) kept.forget();
  return { ...result, calls: { made, kept: kept.before } };
}

interface WayToPodio {
  readonly raw: Request;
  readonly share: PodioClient['share'];
  readonly connection?: Awaited<ReturnType<typeof connectForReading>>;
  readonly where: string;
}

/** Podio's limits for an hour, until it has told others. */
const USUAL = { general: 1000, limited: 250 };

/** Through the daemon where one runs, so that there is one budget; else by a client of its own. */
async function wayTo(config: Config, about: readonly string[]): Promise<WayToPodio> {
  const client = adminClient(config);
  const runs = await client.readiness().then(
    () => true,
    () => false,
  );
  if (runs) {
    const { backgroundShare } = config.podio;
    const share = { general: USUAL.general * backgroundShare, limited: USUAL.limited * backgroundShare };
    return { raw: throughDaemon(client), share: () => share, where: 'through the running daemon' };
  }
  const connection = await connectForReading(config, { log: silentLog }, about);
  return {
    raw: connection.podio.request,
    share: connection.podio.share,
    connection,
    where: 'no daemon runs here',
  };
}

function openStore({ dataDir }: Config, ending: AsyncDisposableStack): StoreReader | undefined {
  try {
    const reader = openReader(dataDir);
    ending.defer(() => reader.close());
    return reader;
  } catch (error) {
    if (isPodiodError(error) && ['STORE_UNAVAILABLE', 'STORE_ACCESS'].includes(error.code)) return undefined;
    throw error;
  }
}

/** Of a run that was cut off, if it was asked the same. */
function spanIn(file: string, wanted: object): { since: number; until: number } | undefined {
  const head = headOf(file);
  if (head === undefined) return undefined;
  const { span, ...rest } = head;
  return JSON.stringify(rest) === JSON.stringify(wanted)
    ? (span as { since: number; until: number })
    : undefined;
}
