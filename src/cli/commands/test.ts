import { coerceError } from '../../core/errors.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { CommonOptions } from '../io.ts';

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
    .option('-w, --watch', 'again whenever a file of the config or a test file changes')
    .action(async (files: string[], options: TestOptions) => {
      const [{ runTests }, { showTest, showUnknownFields, summaryOf }] = await Promise.all([
        import('../test/test.ts'),
        import('../test/show.ts'),
      ]);
      const once = async (): Promise<readonly string[]> => {
        const report = await runTests(cli, options, files, result => {
          if (!options.json) for (const line of showTest(cli, result)) cli.print(line);
        });
        const { ok, tests } = report;
        if (options.json) cli.printJson({ ok, tests });
        else if (tests.length === 0)
          cli.print('no tests: write `tests` into a rule, or a file *.test.yml beside the config');
        else {
          for (const line of showUnknownFields(cli, report)) cli.print(line);
          cli.print(summaryOf(cli, report));
        }
        exit(ok ? EXIT.done : EXIT.failed);
        return report.files;
      };
      if (!options.watch) return void (await once());

      const { changeOf } = await import('../test/watch.ts');
      const stopping = new AbortController();
      cli.io.onStop(() => stopping.abort());
      const onWaiting = () => cli.note(cli.style('gray', 'waiting for a change'));
      let watched: readonly string[] = [];
      let startedAt: number;
      do {
        startedAt = Date.now();
        try {
          watched = await once();
        } catch (error) {
          // What is being written may be wrong for a while; before there is anything to watch it is an error.
          if (watched.length === 0) throw error;
          cli.note(coerceError(error).message);
        }
      } while (await changeOf(watched, startedAt, stopping.signal, onWaiting));
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
