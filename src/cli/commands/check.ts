import { type CommandContext, withCommonOptions } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { CommonOptions } from '../io.ts';

export function defineCheck({ program, cli, exit }: CommandContext): void {
  withCommonOptions(program.command('check'), { json: 'the problems as one JSON document' })
    .summary('is the config right? Offline')
    .description(
      'Checks the config with everything it includes, every plugin and its options. Tells all problems at once, each with its\nplace and what to do. Calls nobody.',
    )
    .option('--without-secrets', 'environment values, files and credentials may be missing here (for CI)')
    .addHelpText(
      'after',
      '\nExamples:\n  podiod check\n  podiod check --config staging.yml --without-secrets\n  podiod check --json | jq .problems\n\nExit codes: 0 no problem, 78 at least one.',
    )
    .action(async (options: CommonOptions & { withoutSecrets?: boolean }) => {
      const [{ readConfig }, { diagnosticsToJson, renderDiagnostics }] = await Promise.all([
        import('../setup.ts'),
        import('../../config/render.ts'),
      ]);
      const { config, diagnostics, sources } = await readConfig(cli, options);
      const { ok, problems } = diagnosticsToJson(diagnostics, sources);
      if (!ok) exit(EXIT.config);
      if (options.json) return cli.printJson({ ok, problems });

      const text = renderDiagnostics(diagnostics, sources, { cwd: cli.io.cwd, color: cli.colors });
      if (text) cli.print(text);
      const errors = problems.filter(({ severity }) => severity === 'error').length;
      const warnings = problems.length - errors;
      if (text) cli.print();
      if (!ok)
        return cli.print(cli.style('red', `${count(errors, 'problem')}, ${count(warnings, 'warning')}`));
      const what = config
        ? `${count(config.apps.size, 'app')}, ${count(config.rules.length, 'rule')}`
        : 'as far as it goes without secrets';
      cli.print(`${cli.style('green', 'ok')}: ${[...sources.texts.keys()][0] ?? 'config'} (${what})`);
    });
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
