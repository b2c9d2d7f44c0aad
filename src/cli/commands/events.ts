import { eventToJson } from '../../admin/events.ts';
import type { EventQuery, EventWithRuns, StoreReader } from '../../store/contract.ts';
import { chunksOf } from '../chunks.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { follow, pages } from '../follow.ts';
import type { Cli, CommonOptions } from '../io.ts';
import type { Known } from '../known.ts';
import { MOST_ASKED, type Waits, withWaiting } from '../waits.ts';

interface EventsOptions extends CommonOptions {
  readonly limit?: string;
  readonly follow?: boolean;
  readonly rule?: string;
  readonly item?: string;
  readonly app?: string;
  readonly type?: string;
  readonly since?: string;
}

export function defineEvents({ program, cli }: CommandContext): void {
  const command = withCommonOptions(program.command('events'), {
    json: 'one JSON document; with --follow one object a line',
  })
    .summary('the journal, and what every rule made of it')
    .description(
      'Prints the journal, oldest first, each event with what every rule made of it, or what it waits for with it and until when. Works beside a running daemon and without one; a running one also tells what events wait for, of 100 at most, and the numbers that people see of items it has read lately. Names that are no longer in the config are found too. With --follow each event is told once, when its rules have done with it or after two seconds: what comes of it later is not shown, podiod why --event tells.',
    )
    .option('-n, --limit <n>', 'the last N events')
    .option('-f, --follow', 'go on with events as they arrive, until Ctrl-C')
    .option('--rule <name>', 'events that this rule has run for, or that wait for it')
    .option('--item <item>', 'of this item: its item_id, app/app_item_id, or the link in Podio')
    .option('--app <name>', 'of this app')
    .option('--type <type>', 'of this type, such as item.update')
    .option('--since <time>', 'taken in since: 2h or 7d ago, or an ISO 8601 time')
    .action(async (options: EventsOptions) => {
      const [{ loadPartialOrFail }, { openReader }, { adminClient }, { makeWaits }, { makeKnown }] =
        await Promise.all([
          import('../setup.ts'),
          import('../../store/index.ts'),
          import('../../admin/client.ts'),
          import('../waits.ts'),
          import('../known.ts'),
        ]);
      const filters = await filtersOf(options);
      const partial = await loadPartialOrFail(cli, options);
      const query = { ...filters, ...(await itemOf(cli, options)) };
      const reader = openReader(partial.dataDir);
      const client = adminClient(partial);
      const waits = makeWaits(reader, client);
      const onNone = async (): Promise<void> => {
        const { refuseUnknown } = await import('../unknown-names.ts');
        await refuseUnknown(cli, options, query, reader);
      };
      try {
        await (options.json && !options.follow
          ? printDocument(cli, withWaiting(reader, query, waits), waits, onNone)
          : printLines(cli, reader, query, { waits, known: makeKnown(reader, client), onNone }, options));
        if (waits.isPartial) cli.note(tellPartial(options));
      } finally {
        await reader.close();
      }
    });
  withExamples(command, [
    ['podiod events --limit 20', 'the last 20'],
    ['podiod events --follow --app leads', 'watch an app'],
    ['podiod events --item leads/42', 'all about one item'],
    ['podiod events --since 2h --type item.update --json', 'for scripts'],
  ]);
}

const tellPartial = ({ rule, limit }: EventsOptions): string => {
  const which = rule !== undefined && limit !== undefined ? 'the newest ' : 'the first ';
  const left =
    rule === undefined ? 'for later ones that is not shown' : `others that wait for ${rule} are left out`;
  return `What events wait for is asked of ${which}${MOST_ASKED} only; ${left}. --since, --app and --type leave fewer.`;
};

/** What can be understood without asking anybody. */
async function filtersOf({ limit, since, rule, app, type }: EventsOptions): Promise<EventQuery> {
  const { parseTime, wholeNumber } = await import('../values.ts');
  return {
    ...(limit !== undefined && { last: wholeNumber('--limit', limit, 1) }),
    ...(since !== undefined && { since: parseTime('--since', since, Date.now()) }),
    ...(rule !== undefined && { rule }),
    ...(app !== undefined && { app }),
    ...(type !== undefined && { type }),
  };
}

async function itemOf(cli: Cli, options: EventsOptions): Promise<Pick<EventQuery, 'itemId'>> {
  if (options.item === undefined) return {};
  const { resolveItem } = await import('../item.ts');
  return { itemId: await resolveItem(cli, options, options.item) };
}

/** An item_id has many digits: a short one is the number that people see, which each app counts by itself. */
const numberHint = (item = ''): string =>
  /^\d{1,6}$/.test(item) ? ` For the item's number in its app, give that too: --item APP/${item}.` : '';

async function printDocument(
  cli: Cli,
  entries: AsyncIterable<EventWithRuns>,
  waits: Waits,
  onNone: () => Promise<void>,
): Promise<void> {
  // Nothing is written before the first is read: what fails until then is told in a document of its own.
  let before = '{"events": [';
  for await (const entry of entries) {
    cli.io.stdout.write(`${before}\n  ${JSON.stringify(eventToJson(entry, await waits.of(entry)))}`);
    before = ',';
  }
  if (before !== ',') await onNone();
  cli.print(before === ',' ? '\n]}' : `${before}]}`);
}

/** Entries whose names are asked for together. */
const CHUNK = 100;

async function printLines(
  cli: Cli,
  reader: StoreReader,
  query: EventQuery,
  {
    waits,
    known,
    onNone,
  }: { readonly waits: Waits; readonly known: Known; readonly onNone: () => Promise<void> },
  options: EventsOptions,
): Promise<void> {
  const { printEntry } = await import('../show/entry.ts');
  const print = async (entry: EventWithRuns) => {
    const waiting = await waits.of(entry);
    if (options.json) cli.print(JSON.stringify(eventToJson(entry, waiting)));
    else printEntry(cli, entry, waiting, known);
  };
  const look = async (entries: readonly EventWithRuns[]) => {
    if (!options.json) await known.look(entries.map(({ event }) => event));
  };
  let last = query.after ?? 0;
  let any = false;
  // What waits now is told when its run has ended, by those who follow.
  const entries = options.follow ? pages(reader, query) : withWaiting(reader, query, waits);
  for await (const chunk of chunksOf(entries, CHUNK)) {
    await look(chunk);
    for (const entry of chunk) await print(entry);
    last = chunk.at(-1)?.event.seq ?? last;
    any = true;
  }
  if (!any) await onNone();
  if (!options.follow) {
    if (!any) cli.note(`No events.${numberHint(options.item)}`);
    return;
  }
  const stop = new AbortController();
  cli.io.onStop(() => stop.abort());
  const { last: _, ...filter } = query;
  for await (const entry of follow(reader, filter, last, stop.signal)) {
    await look([entry]);
    await print(entry);
  }
}
