import type { PauseAnswer } from '../../admin/admin.ts';
import { UsageError } from '../../core/errors.ts';
import type { Pausable } from '../../store/contract.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import type { CommonOptions } from '../io.ts';

interface PauseOptions extends CommonOptions {
  readonly rule?: string;
  readonly plugin?: string;
}

interface Wording {
  readonly name: 'pause' | 'resume';
  readonly summary: string;
  readonly description: string;
  readonly examples: readonly (readonly [command: string, why: string])[];
  /** What has become so, and what was so already. */
  told(what: string, answer: PauseAnswer): string;
}

const PAUSE: Wording = {
  name: 'pause',
  summary: 'holds a rule, or a plugin in all rules',
  description:
    'Asks the running daemon to start nothing more of a rule, or no step that uses a plugin, until podiod resume. What is in hand finishes; events go on being taken in and wait in their order. A restart does not forget it.',
  examples: [
    ['podiod pause --rule won-leads', 'its events wait'],
    ['podiod pause --plugin sales-slack', 'every step that uses it waits, in all rules'],
    ['podiod status', 'what is paused, and since when?'],
  ],
  told: (what, { changed, since }) =>
    changed
      ? `${upper(what)} is paused: its events wait for podiod resume --${what}.`
      : `${upper(what)} is paused already, since ${since ?? ''}.`,
};

const RESUME: Wording = {
  name: 'resume',
  summary: 'lets a paused rule or plugin go on',
  description:
    'Asks the running daemon to let a paused rule, or a paused plugin, go on: what has waited runs in its order, as if no time had passed.',
  examples: [
    ['podiod resume --rule won-leads', 'it goes on where it was'],
    ['podiod resume --plugin sales-slack', 'the steps that wait for it go on'],
  ],
  told: (what, { changed }) => (changed ? `${upper(what)} goes on.` : `${upper(what)} was not paused.`),
};

export const definePause = (context: CommandContext): void => define(context, PAUSE);
export const defineResume = (context: CommandContext): void => define(context, RESUME);

function define({ program, cli }: CommandContext, wording: Wording): void {
  const { name, summary, description, examples } = wording;
  const command = withCommonOptions(program.command(name), { json: 'how it is now, as one JSON document' })
    .summary(summary)
    .description(description)
    .option('--rule <name>', 'the rule')
    .option(
      '--plugin <name>',
      "the plugin: a key of the config's plugins, or its own name where a rule uses that",
    )
    .action(async ({ rule, plugin, ...options }: PauseOptions) => {
      const what = whatOf(name, rule, plugin);
      const [{ loadPartialOrFail }, { adminClient }] = await Promise.all([
        import('../setup.ts'),
        import('../../admin/client.ts'),
      ]);
      const client = adminClient(await loadPartialOrFail(cli, options));
      const answer = await client[name](what);
      if (options.json) cli.printJson(answer);
      else cli.print(wording.told(`${what.kind} ${what.name}`, answer));
    });
  withExamples(
    command,
    examples,
    'Exit codes: 0, 2 when there is no such rule or plugin, 1 when no daemon runs.',
  );
}

function whatOf(command: string, rule: string | undefined, plugin: string | undefined): Pausable {
  if (rule !== undefined && plugin === undefined) return { kind: 'rule', name: rule };
  if (plugin !== undefined && rule === undefined) return { kind: 'plugin', name: plugin };
  throw new UsageError(
    `${command} takes either --rule or --plugin, got ${rule === undefined ? 'neither' : 'both'}`,
    `Say which: podiod ${command} --rule NAME, or --plugin NAME.`,
  );
}

const upper = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
