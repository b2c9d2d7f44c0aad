import { UsageError } from '../../core/errors.ts';
import type { LogLevel } from '../../core/log.ts';
import type { LevelsStatus } from '../../log/levels.ts';
import { type CommandContext, LEVELS, withCommonOptions, withExamples } from '../command.ts';
import type { CommonOptions } from '../io.ts';
import { duration } from '../values.ts';

const RESET = 'reset';

export function defineLogLevel({ program, cli }: CommandContext): void {
  const command = withCommonOptions(program.command('log-level'), { json: 'the levels as one JSON document' })
    .summary('what the running daemon logs')
    .description(
      'Shows or changes which lines the running daemon logs: everything from a level on, for all or for one module. A restart forgets it.',
    )
    .usage('[options] [[module] error|warn|info|debug|reset]')
    .argument('[words...]')
    .option('--for <time>', 'goes back by itself after so long, like 10m')
    .action(async (words: string[], options: CommonOptions & { for?: string }) => {
      const change = changeOf(words, options.for);
      const [{ loadPartialOrFail }, { adminClient }] = await Promise.all([
        import('../setup.ts'),
        import('../../admin/client.ts'),
      ]);
      const client = adminClient(await loadPartialOrFail(cli, options));
      const levels = await (change ? client.setLogLevel(change) : client.logLevels());
      if (options.json) cli.printJson(levels);
      else for (const line of linesOf(levels)) cli.print(line);
    });
  withExamples(
    command,
    [
      ['podiod log-level', 'which levels are in force?'],
      ['podiod log-level podio debug --for 10m', 'every call to Podio, for ten minutes'],
      ['podiod log-level warn', 'less, of everything that has no level of its own'],
      ['podiod log-level reset', 'as it was started'],
    ],
    'Exit codes: 0, 2 when there is no such module, 1 when no daemon runs.',
  );
}

function changeOf(words: readonly string[], time: string | undefined) {
  const [module, level] = words.length > 1 ? words : [undefined, words[0]];
  if (words.length > 2) throw new UsageError(`log-level takes a module and a level, got ${words.join(' ')}`);
  if (time !== undefined && (level === undefined || level === RESET)) {
    throw new UsageError(
      '--for is for a level, which then goes back',
      'Say which: podiod log-level debug --for 10m',
    );
  }
  if (level === undefined) return undefined;
  return {
    ...(module !== undefined && { module }),
    ...(level !== RESET && { level: known(level) }),
    ...(time !== undefined && { forMs: duration('--for', time) }),
  };
}

function known(word: string): LogLevel {
  const level = LEVELS.find(one => one === word);
  if (level) return level;
  throw new UsageError(`unknown level ${word}`, `It is one of ${LEVELS.join(', ')}, or ${RESET}.`);
}

function linesOf({ level, modules, until }: LevelsStatus): string[] {
  const rows = [
    ['all', level, until['']],
    ...Object.entries(modules).map(([name, own]) => [name, own, until[name]]),
  ];
  const wide = Math.max(...rows.map(([name]) => name?.length ?? 0));
  return rows.map(([name = '', own = '', end]) =>
    `${name.padEnd(wide)}  ${own}${end === undefined ? '' : `, until ${end}`}`.trimEnd(),
  );
}
