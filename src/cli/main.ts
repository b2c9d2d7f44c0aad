import { Command, CommanderError } from 'commander';
import { coerceError, isPodiodError } from '../core/errors.ts';
import { version } from '../daemon/package.ts';
import type { CommandContext } from './command.ts';
import { defineApply } from './commands/apply.ts';
import { defineCheck } from './commands/check.ts';
import { defineDemo } from './commands/demo.ts';
import { defineEmulator } from './commands/emulator.ts';
import { defineEvents } from './commands/events.ts';
import { defineParked } from './commands/parked.ts';
import { definePlan } from './commands/plan.ts';
import { defineReceive } from './commands/receive.ts';
import { defineRun } from './commands/run.ts';
import { defineStatus } from './commands/status.ts';
import { EXIT } from './exit.ts';
import { type Cli, type Io, makeCli } from './io.ts';

/** Each adds one command; what it needs is imported when it runs, so that `--help` is quick. */
const COMMANDS = [
  defineRun,
  defineCheck,
  definePlan,
  defineApply,
  defineStatus,
  defineEvents,
  defineParked,
  defineReceive,
  defineDemo,
  defineEmulator,
];

/** Runs one command line. Answers the exit code. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const cli = makeCli(io);
  let code: number = EXIT.done;
  const program = new Command('podiod')
    .description(
      'Automation daemon for Podio: durable webhooks, rules in YAML, plugins over an event stream.',
    )
    .version(version(), '-V, --version')
    .helpCommand(true)
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: text => void io.stdout.write(text),
      writeErr: text => void io.stderr.write(text),
      // The one place that prints errors is below: under --json they are a document.
      outputError: () => {},
      getOutHelpWidth: () => cli.width,
      getErrHelpWidth: () => cli.width,
      getOutHasColors: () => cli.colors,
    })
    .exitOverride();
  const context: CommandContext = {
    program,
    cli,
    exit(status) {
      code = status;
    },
  };
  for (const define of COMMANDS) define(context);
  program.addHelpText(
    'after',
    '\nExamples:\n  podiod demo                       see it work, with an emulated Podio\n  podiod check                      is the config right?\n  podiod plan                       what would change at Podio?\n  podiod run                        the daemon\n\nExit codes: 0 done, 1 failed, 2 wrong usage, 78 the config is wrong.',
  );
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (thrown) {
    return reportError(thrown, cli, argv.includes('--json'));
  }
}

/** Entry point of bin/podiod.js. Ends the process when the command has ended, whatever is still open. */
export async function main(argv: readonly string[]): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    // `podiod events | head`: the reader has gone, which is no fault.
    stream.on('error', (error: NodeJS.ErrnoException) =>
      process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed),
    );
  }
  const { stdin, stdout, stderr, env } = process;
  const code = await run(argv, { stdin, stdout, stderr, env, cwd: process.cwd() });
  await Promise.all([stdout, stderr].map(stream => new Promise(done => stream.write('', done))));
  process.exit(code);
}

/** What, and what next; under --json as a document. Answers the exit code. */
function reportError(thrown: unknown, cli: Cli, json: boolean): number {
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0) return EXIT.done;
    const message = thrown.message.replace(/^error: /, '').replace(/\n/g, ' ');
    report(cli, json, {
      code: 'USAGE',
      message,
      hint: 'podiod --help lists the commands, podiod COMMAND --help its options.',
    });
    return EXIT.usage;
  }
  const error = coerceError(thrown);
  if (!isPodiodError(error)) {
    report(cli, json, { code: 'INTERNAL', message: error.message, hint: 'This is a fault in podiod.' });
    if (!json && error.stack) cli.note(error.stack);
    return EXIT.failed;
  }
  report(cli, json, { code: error.code, message: error.message, hint: error.hint });
  if (error.code === 'USAGE') return EXIT.usage;
  return error.code === 'CONFIG_INVALID' ? EXIT.config : EXIT.failed;
}

function report(
  cli: Cli,
  json: boolean,
  error: { code: string; message: string; hint?: string | undefined },
): void {
  if (json) cli.printJson({ error });
  else cli.note(`podiod: ${error.message}${error.hint ? `\n${error.hint}` : ''}`);
}
