import { coerceError } from '../../core/errors.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { CommonOptions } from '../io.ts';
import type { TestResult } from '../test/test.ts';

interface TestOptions extends CommonOptions {
  readonly rule?: string;
  readonly grep?: string;
  readonly watch?: boolean;
}

export function defineTest({ program, cli, exit }: CommandContext): void {
  const command = withCommonOptions(program.command('test [files...]'), {
    json: 'what came of each test, as one JSON document',
  })
    .summary('the tests of your rules, offline')
    .description(
      'Runs the tests in the config (`tests` of a rule, and at the top) and in files beside it (`*.test.yml`), or those in FILES. Nothing is called and nothing is written: Podio is emulated, what steps would send is kept and compared, time is turned by hand. Secrets may be missing.',
    )
    .option('--rule <name>', 'only tests about this rule')
    .option('-g, --grep <text>', 'only tests with this in their name')
    .option(
      '-w, --watch',
      'again whenever a file of the config, a plugin, the catalog or a test file changes',
    )
    .action(async (files: string[], options: TestOptions) => {
      const [{ runTests }, { showTest, showUnknownFields, summaryOf }] = await Promise.all([
        import('../test/test.ts'),
        import('../test/show.ts'),
      ]);
      const once = async (edition?: string, onFiles?: (read: Iterable<string>) => void): Promise<void> => {
        const settings = { ...options, ...(edition !== undefined && { edition }) };
        const onResult = (result: TestResult): void => {
          if (!options.json) for (const line of showTest(cli, result)) cli.print(line);
        };
        const report = await runTests(cli, settings, files, onResult, onFiles);
        const { ok, tests, notRun } = report;
        if (options.json) cli.printJson(report);
        else if (tests.length === 0 && notRun.length === 0)
          cli.print('no tests: write `tests` into a rule, or a file *.test.yml beside the config');
        else {
          for (const line of showUnknownFields(cli, report)) cli.print(line);
          cli.print(summaryOf(cli, report));
        }
        exit(ok ? EXIT.done : EXIT.failed);
      };
      if (!options.watch) return await once();

      const { changeOf } = await import('../test/watch.ts');
      const stopping = new AbortController();
      cli.io.onStop(() => stopping.abort());
      const onWaiting = () => cli.note(cli.style('gray', 'waiting for a change'));
      // What was once read stays: where it is no longer, it may be put back.
      const watched = new Set<string>();
      let isFirst = true;
      let startedAt: number;
      do {
        startedAt = Date.now();
        try {
          await once(String(startedAt), read => {
            for (const file of read) watched.add(file);
          });
        } catch (error) {
          // What is being written may be wrong for a while; what is wrong from the start is an error.
          if (isFirst) throw error;
          cli.note(coerceError(error).message);
        }
        isFirst = false;
      } while (await changeOf([...watched], startedAt, stopping.signal, onWaiting));
    });
  withExamples(
    command,
    [
      ['podiod test', 'all tests'],
      ['podiod test --rule won-deal --watch', 'while you write a rule'],
      ['podiod test -g "large deal" --json', 'for scripts'],
    ],
    'Exit codes: 0 all passed, 1 at least one failed, 78 the config or a test is wrong.',
  );
}
