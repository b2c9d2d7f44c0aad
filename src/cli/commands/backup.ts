import { resolve } from 'node:path';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import type { CommonOptions } from '../io.ts';

export function defineBackup({ program, cli }: CommandContext): void {
  const command = withCommonOptions(program.command('backup <file>'), {
    json: 'what is in the backup as one JSON document',
  })
    .summary('a copy of the data, beside the running daemon')
    .description(
      'Copies the journal, the runs and all else that dataDir holds into one file, as of one moment, while the daemon goes on or without one. The file is checked, appears when it is whole, and is for its owner only: it holds the keys to the hooks. Of the config only dataDir is read.',
    )
    .action(async (file: string, options: CommonOptions) => {
      const [{ loadPartialOrFail }, { backUp }, { showSize }] = await Promise.all([
        import('../setup.ts'),
        import('../../store/index.ts'),
        import('../../core/units.ts'),
      ]);
      const { dataDir } = await loadPartialOrFail(cli, options);
      const facts = backUp(dataDir, resolve(cli.io.cwd, file));
      if (options.json) return cli.printJson({ ...facts, newestAt: iso(facts.newestAt) });
      const { bytes, events, head } = facts;
      cli.print(`${facts.file}: ${showSize(bytes)}, ${events} events up to ${head}. Checked and on disk.`);
    });
  withExamples(command, [
    ['podiod backup /backup/podiod-monday.db', 'whether a daemon runs or not'],
    ['podiod backup "/backup/podiod-$(date +%F).db"', 'every day, by a timer'],
  ]);
}

export function defineRestore({ program, cli, exit }: CommandContext): void {
  const command = withCommonOptions(program.command('restore <file>'), {
    json: 'what was restored as one JSON document; wants --yes',
  })
    .summary('puts a backup in the place of the data')
    .description(
      'Puts a backup in the place of the database in dataDir, with the daemon stopped. It is checked first; what was there stays beside it under another name. Changes that came after the backup are looked for at Podio at the next start.',
    )
    .option('-y, --yes', 'do not ask')
    .action(async (file: string, options: CommonOptions & { readonly yes?: boolean }) => {
      const [{ loadPartialOrFail }, { restore }, { confirmed }, { EXIT }, { UsageError }] = await Promise.all(
        [
          import('../setup.ts'),
          import('../../store/index.ts'),
          import('../confirm.ts'),
          import('../exit.ts'),
          import('../../core/errors.ts'),
        ],
      );
      const { dataDir } = await loadPartialOrFail(cli, options);
      const path = resolve(cli.io.cwd, file);
      if (!options.yes) {
        if (options.json || !cli.io.stdin.isTTY)
          throw new UsageError('restore asks on a terminal', 'Add --yes where nobody can answer.');
        if (!(await confirmed(cli, `Put ${path} in the place of the data in ${dataDir}?`))) {
          cli.print('Nothing was changed.');
          return exit(EXIT.failed);
        }
      }
      const facts = await restore(path, dataDir, Date.now());
      if (options.json) return cli.printJson({ ...facts, newestAt: iso(facts.newestAt) });
      const newest = iso(facts.newestAt);
      cli.print(`${facts.events} events up to ${facts.head} are back in ${dataDir}.`);
      if (facts.files.length > 0) cli.print(`Back too: ${facts.files.join(', ')}.`);
      if (facts.keptAs) cli.print(`What was there is now ${facts.keptAs}; remove it when it is not needed.`);
      if (newest)
        cli.print(
          `The newest event came in at ${newest}. Changes of items since then are looked for at the next start, and runs of them are made again.`,
        );
    });
  withExamples(
    command,
    [
      ['podiod restore /backup/podiod-monday.db', 'asks first'],
      ['systemctl stop podiod && podiod restore --yes podiod.db', 'in a script'],
    ],
    'Exit codes: 0, or 1 when a daemon runs, the file is no good backup, or the answer was no.',
  );
}

const iso = (time: number | undefined): string | null =>
  time === undefined ? null : new Date(time).toISOString();
