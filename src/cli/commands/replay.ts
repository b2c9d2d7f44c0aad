import { UsageError } from '../../core/errors.ts';
import type { ReplayAnswer } from '../../dispatch/replay-desk.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { confirmed, unasked } from '../confirm.ts';
import { EXIT } from '../exit.ts';
import type { CommonOptions } from '../io.ts';
import { parseTime } from '../values.ts';

interface ReplayOptions extends CommonOptions {
  readonly rule: string;
  readonly from: string;
  readonly to?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export function defineReplay({ program, cli, exit }: CommandContext): void {
  const command = withCommonOptions(program.command('replay'), {
    json: 'how many, and the id of the replay, as one JSON document (with --yes or --dry-run)',
  })
    .summary('runs a rule again over old events')
    .description(
      'Asks the running daemon to run a rule again over old events that fit its triggers now, behind live work. The wish is kept on disk: podiod status tells how far it is.',
    )
    .requiredOption('--rule <name>', 'the rule')
    .requiredOption('--from <seq|time>', 'the first event: its seq, or a time like 2h, 7d or ISO 8601')
    .option('--to <seq|time>', 'the last event; else the newest there is')
    .option('--dry-run', 'only tell how many')
    .option('-y, --yes', 'do not ask')
    .action(async ({ rule, from, to, dryRun = false, yes = false, ...options }: ReplayOptions) => {
      const interactive = cli.terminal && Boolean(cli.io.stdin.isTTY) && !options.json;
      if (!dryRun && !yes && !interactive) {
        throw new UsageError(
          `replay asks before it runs anything again, and ${unasked(options)}`,
          'Say --yes, or --dry-run to see how many it would be.',
        );
      }
      const now = Date.now();
      const wish = {
        rule,
        from: placeOf('--from', from, now),
        ...(to !== undefined && { to: placeOf('--to', to, now) }),
      };
      if (isAfter(wish.from, wish.to)) {
        throw new UsageError(`--from must not come after --to, got ${from} and ${to}`);
      }
      const [{ loadPartialOrFail }, { adminClient }] = await Promise.all([
        import('../setup.ts'),
        import('../../admin/client.ts'),
      ]);
      const client = adminClient(await loadPartialOrFail(cli, options));
      const looked = await client.replay({ ...wish, dryRun: true });
      const say = (answer: ReplayAnswer, line: string) =>
        options.json ? cli.printJson(answer) : cli.print(line);
      if (dryRun || looked.events === 0) {
        return say(looked, `${events(looked)} of rule ${rule} would be run again${modeOf(looked)}.`);
      }
      if (
        !yes &&
        !(await confirmed(cli, `Run rule ${rule} again over ${events(looked)}${modeOf(looked)}?`))
      ) {
        cli.note('Nothing is run again.');
        return exit(EXIT.failed);
      }
      // By seq, so that it is what was told.
      const answer = await client.replay({ rule, from: looked.from, to: looked.to, dryRun: false });
      say(answer, `${events(answer)} will be run again, behind live work: replay ${answer.id ?? ''}.`);
    });
  withExamples(
    command,
    [
      ['podiod replay --rule won-leads --from 2h --dry-run', 'how many would it be?'],
      ['podiod replay --rule won-leads --from 2026-01-31T08:00Z --to 2026-01-31T09:30Z', 'asks, then does'],
      ['podiod replay --rule won-leads --from 1200 --to 1200 --yes', 'one event, by its seq'],
    ],
    'Exit codes: 0, 2 when there is no such rule, 1 when the answer was no or no daemon runs.',
  );
}

const modeOf = ({ mode }: ReplayAnswer): string => (mode === undefined ? '' : `, ${mode}`);

const events = ({ events: count }: ReplayAnswer): string => `${count} ${count === 1 ? 'event' : 'events'}`;

/** A seq and a time can't be told by themselves which comes first. */
const isAfter = (from: number | string, to: number | string | undefined): boolean =>
  typeof from === typeof to && to !== undefined && from > to;

/** Digits alone are a seq; all else is a time, which goes out as ISO 8601. */
const placeOf = (option: string, text: string, now: number): number | string =>
  /^\d{1,15}$/.test(text) ? Number(text) : new Date(parseTime(option, text, now)).toISOString();
