import { setTimeout as pause } from 'node:timers/promises';
import { UsageError } from '../../core/errors.ts';
import type { EventQuery, EventWithRuns, StoreReader } from '../../store/contract.ts';
import { type CommandContext, withCommonOptions } from '../command.ts';
import { type Cli, type CommonOptions, clip, plain } from '../io.ts';

interface EventsOptions extends CommonOptions {
  readonly limit?: string;
  readonly follow?: boolean;
  readonly rule?: string;
  readonly item?: string;
  readonly app?: string;
  readonly type?: string;
  readonly since?: string;
}

/** Entries of the journal read at a time. */
const PAGE = 500;
/** How often the journal is looked at for more. */
const LOOK_MS = 250;
/** How long an event is held back for what its rules make of it. */
const PATIENCE_MS = 2000;

export function defineEvents({ program, cli }: CommandContext): void {
  withCommonOptions(program.command('events'), { json: 'one JSON document; with --follow one object a line' })
    .summary('the journal, and what every rule made of it')
    .description(
      'Prints the journal, oldest first, each event with what every rule made of it. Works beside a running daemon and\nwithout one.',
    )
    .option('-n, --limit <n>', 'the last N events')
    .option('-f, --follow', 'go on with events as they arrive')
    .option('--rule <name>', 'events that this rule has run for')
    .option('--item <item>', 'of this item: its item_id, app/app_item_id, or the link in Podio')
    .option('--app <name>', 'of this app')
    .option('--type <type>', 'of this type: item.update')
    .option('--since <time>', 'taken in since: 2h, 7d, or an ISO 8601 time')
    .addHelpText(
      'after',
      '\nExamples:\n  podiod events --limit 20\n  podiod events --follow --app leads\n  podiod events --item leads/42 --json\n  podiod events --since 2h --type item.update',
    )
    .action(async (options: EventsOptions) => {
      const [{ loadPartialOrFail }, { openReader }] = await Promise.all([
        import('../setup.ts'),
        import('../../store/index.ts'),
      ]);
      const { dataDir } = await loadPartialOrFail(cli, options);
      const query = await queryOf(cli, options);
      const reader = openReader(dataDir);
      try {
        await (options.json && !options.follow
          ? printDocument(cli, reader, query)
          : printLines(cli, reader, query, options));
      } finally {
        await reader.close();
      }
    });
}

async function queryOf(cli: Cli, options: EventsOptions): Promise<EventQuery> {
  const [{ resolveItem }, { parseTime }] = await Promise.all([import('../item.ts'), import('../time.ts')]);
  const { limit, rule, item, app, type, since } = options;
  if (limit !== undefined && !/^[1-9][0-9]{0,8}$/.test(limit)) {
    throw new UsageError(`--limit must be a whole number from 1 on, got ${limit}`);
  }
  return {
    ...(limit !== undefined && { last: Number(limit) }),
    ...(rule !== undefined && { rule }),
    ...(item !== undefined && { itemId: await resolveItem(cli, options, item) }),
    ...(app !== undefined && { app }),
    ...(type !== undefined && { type }),
    ...(since !== undefined && { since: parseTime('--since', since, Date.now()) }),
  };
}

/** Page by page, so that a long journal is never in memory as a whole. */
async function* pages(reader: StoreReader, query: EventQuery): AsyncGenerator<readonly EventWithRuns[]> {
  if (query.last !== undefined) {
    yield await reader.journal.list(query);
    return;
  }
  for (let after = query.after ?? 0; ; ) {
    const page = await reader.journal.list({ ...query, after, limit: PAGE });
    if (page.length > 0) yield page;
    if (page.length < PAGE) return;
    after = page.at(-1)?.event.seq ?? after;
  }
}

const toJson = ({ event, runs }: EventWithRuns): object => ({
  ...event,
  runs: runs.map(({ rule, outcome, steps, error }) => ({ rule, outcome, steps, error: error ?? null })),
});

async function printDocument(cli: Cli, reader: StoreReader, query: EventQuery): Promise<void> {
  let separator = '';
  cli.io.stdout.write('{"events": [');
  for await (const page of pages(reader, query)) {
    for (const entry of page) {
      cli.io.stdout.write(`${separator}\n  ${JSON.stringify(toJson(entry))}`);
      separator = ',';
    }
  }
  cli.print('\n]}');
}

async function printLines(
  cli: Cli,
  reader: StoreReader,
  query: EventQuery,
  { follow, json }: EventsOptions,
): Promise<void> {
  const print = (entry: EventWithRuns) =>
    json ? cli.print(JSON.stringify(toJson(entry))) : printEntry(cli, entry);
  let last = 0;
  for await (const page of pages(reader, query)) {
    for (const entry of page) print(entry);
    last = page.at(-1)?.event.seq ?? last;
  }
  if (!follow) return;
  const { last: _, ...filter } = query;
  for (;;) {
    for await (const page of pages(reader, { ...filter, after: last })) {
      for (const entry of page) {
        if (!(await isSettled(reader, entry))) break;
        print(entry);
        last = entry.event.seq;
      }
    }
    await pause(LOOK_MS);
  }
}

/** Whether every rule that is at work has passed it; what takes long is shown as it stands then. */
async function isSettled(reader: StoreReader, { event }: EventWithRuns): Promise<boolean> {
  if (Date.now() - Date.parse(event.receivedAt) > PATIENCE_MS) return true;
  return (await reader.lanes.status()).every(({ cursor }) => cursor >= event.seq);
}

const MARKS = { settled: '✓', filtered: '·', parked: '!', dropped: 'x' } as const;
const COLORS = { settled: 'green', filtered: 'gray', parked: 'red', dropped: 'gray' } as const;

function printEntry(cli: Cli, { event, runs }: EventWithRuns): void {
  const where = event.app ?? event.space ?? `${event.ref.type}/${event.ref.id}`;
  const item =
    event.itemId === undefined
      ? ''
      : ` item ${event.itemId}${event.revision === undefined ? '' : ` rev ${event.revision}`}`;
  const source = event.source === 'webhook' ? '' : ` (${event.source})`;
  cli.print(
    `${cli.style('gray', `${String(event.seq).padStart(6)}  ${event.receivedAt}`)}  ${cli.style('cyan', event.type)}  ${plain(where)}${item}${source}`,
  );
  for (const { rule, outcome, error } of runs) {
    const text = `${rule}: ${outcome}${error === undefined ? '' : `: ${plain(error)}`}`;
    cli.print(
      `        ${cli.style(COLORS[outcome], MARKS[outcome])} ${clip(text, Math.max(cli.width - 10, 30))}`,
    );
  }
}
