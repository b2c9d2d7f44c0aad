import { basename } from 'node:path';
import { Option } from 'commander';
import { showDuration } from '../../core/duration.ts';
import type { Overdrawn, Stretched } from '../../daemon/forecast.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { CommonOptions } from '../io.ts';

interface CheckOptions extends CommonOptions {
  readonly withoutSecrets?: boolean;
  readonly graph?: 'text' | 'mermaid';
}

export function defineCheck({ program, cli, exit }: CommandContext): void {
  const command = withCommonOptions(program.command('check'), { json: 'the problems as one JSON document' })
    .summary('is the config right? offline')
    .description(
      'Checks the config with everything it includes, every plugin and its options. Tells all problems at once, each with its place and what to do. With the catalog that `podiod pull` makes, fields, options and types are looked up too. Calls nobody.',
    )
    .option('--without-secrets', 'environment values, files and credentials may be missing here (for CI)')
    .addOption(
      new Option('--graph [format]', 'also which rules write what other rules watch: as text, or mermaid')
        .choices(['text', 'mermaid'])
        .preset('text'),
    )
    .action(async ({ graph: drawn, ...options }: CheckOptions) => {
      const [{ readConfig }, { diagnosticsToJson, renderDiagnostics }] = await Promise.all([
        import('../setup.ts'),
        import('../../config/render.ts'),
      ]);
      const { config, sources, fields, graph, ...found } = await readConfig(cli, options);
      const diagnostics = [...found.diagnostics, ...(found.openFiles ?? [])];
      const { ok, problems } = diagnosticsToJson(diagnostics, sources);
      if (!ok) exit(EXIT.config);
      if (options.json) return cli.printJson({ ok, problems, ...(drawn && { graph: graph ?? null }) });

      if (drawn && graph) {
        const { graphMermaid, graphText } = await import('../show/graph.ts');
        cli.print((drawn === 'mermaid' ? graphMermaid : graphText)(graph));
        if (drawn === 'mermaid') return;
        cli.print();
      }
      const text = renderDiagnostics(diagnostics, sources, { cwd: cli.io.cwd, color: cli.colors });
      if (text) cli.print(text);
      const errors = problems.filter(({ severity }) => severity === 'error').length;
      const warnings = problems.length - errors;
      if (text) cli.print();
      const also = warnings > 0 ? `, ${count(warnings, 'warning')}` : '';
      if (!ok) {
        cli.print(cli.style('red', `${count(errors, 'problem')}${also}`));
        if (!options.withoutSecrets && problems.some(({ code }) => code === 'CONFIG_MISSING_VALUE'))
          cli.print(
            'where values are missing for a reason, as in CI: podiod check --without-secrets checks the rest',
          );
        return;
      }
      const what = config
        ? `${count(config.apps.size, 'app')}, ${count(config.rules.length, 'rule')}`
        : 'as far as it goes without secrets';
      const file = [...sources.texts.keys()][0] ?? 'config';
      cli.print(`${cli.style('green', 'ok')}: ${file} (${what}${also})`);
      const isTold = problems.some(({ code }) => code === 'CONFIG_CATALOG');
      if (fields && fields.unchecked > 0 && !isTold) cli.print(tellUnchecked(fields));
      if (!config) return;
      if (config.rules.length === 0) cli.print(tellNoRules(config.disabledRules ?? []));
      const { forecast, overdrawn } = await import('../../daemon/forecast.ts');
      const notes = [
        ...(await forecast(config)).map(tellStretched),
        ...(await overdrawn(config, Date.now())).map(tellOverdrawn),
      ];
      for (const note of notes.slice(0, MANY)) cli.print(note);
      if (notes.length > MANY) {
        cli.print(
          `note: ${notes.length - MANY} more like these; podiod status tells how it is while podiod runs`,
        );
      }
    });
  withExamples(
    command,
    [
      ['podiod check', 'the config that is found here'],
      ['podiod check --config staging.yml --without-secrets', 'in CI, which has no tokens'],
      ['podiod check --json | jq .problems', 'for editors and scripts'],
      ['podiod check --graph mermaid > rules.mmd', 'which rules set each other off, drawn'],
    ],
    'Exit codes: 0 no problem, 78 at least one.',
  );
}

/** Each app may be an identity of its own, with a budget of its own. */
const MANY = 5;

const tellNoRules = (disabled: readonly string[]): string =>
  disabled.length > 0
    ? 'note: no rule is enabled, so nothing would happen'
    : 'note: there are no rules yet, so nothing would happen; docs/guide.md leads to a first one';

function tellUnchecked({ catalog, unchecked }: { catalog: string; unchecked: number }): string {
  const named = unchecked === 1 ? 'one field is named that was' : `${unchecked} fields are named that were`;
  return `note: ${named} not looked up, nor options and types: there is no ${basename(catalog)}, which \`podiod pull\` makes`;
}

/** No problem, but nothing that one would expect from the intervals in the config. */
function tellStretched({ identity, work, count, limit, share, configuredMs, everyMs }: Stretched): string {
  const needed = Math.ceil((count * 3_600_000) / configuredMs);
  const [what, looked] = {
    hooks: [`${count} apps, spaces and fields`, 'hooks are looked at'],
    changes: [`${count} apps`, 'missed changes are looked for'],
    timers: [
      `${count} apps of rules with \`date\` or \`for\``,
      'what these wait for and nobody told of is looked for',
    ],
  }[work];
  const calls = work === 'hooks' ? 'calls' : 'rate limited calls';
  return (
    `note: ${identity}: ${what} need ${needed} ${calls} an hour, podio.backgroundShare of ${limit} is ${share}: ` +
    `${looked} every ${showDuration(everyMs)} instead of ${showDuration(configuredMs)}`
  );
}

const tellOverdrawn = ({ identity, rules, calls, limit }: Overdrawn): string =>
  `note: ${identity}: schedules with \`items\` of ${rules.join(', ')} need ${calls} rate limited calls in an hour, and Podio allows ${limit}: ` +
  'what comes after has to wait';

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
