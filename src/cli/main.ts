import { Console } from 'node:console';
import { resolve } from 'node:path';
import { Command, CommanderError } from 'commander';
import { coerceError, isPodiodError, UsageError } from '../core/errors.ts';
import { suggestion } from '../core/suggest.ts';
import type { ConfigError } from '../daemon/config.ts';
import { version } from '../daemon/package.ts';
import {
  type CommandContext,
  configOption,
  envFileOption,
  inheritOptions,
  jsonOption,
  logFormatOf,
  logFormatOption,
  logLevelOf,
  logLevelOption,
  withExamples,
} from './command.ts';
import { defineApply } from './commands/apply.ts';
import { defineBacktest } from './commands/backtest.ts';
import { defineBackup, defineRestore } from './commands/backup.ts';
import { defineCheck } from './commands/check.ts';
import { defineDemo } from './commands/demo.ts';
import { defineDoctor } from './commands/doctor.ts';
import { defineEmulator } from './commands/emulator.ts';
import { defineEvents } from './commands/events.ts';
import { defineFire } from './commands/fire.ts';
import { defineInit } from './commands/init.ts';
import { defineLogLevel } from './commands/log-level.ts';
import { defineParked } from './commands/parked.ts';
import { definePause, defineResume } from './commands/pause.ts';
import { definePlan } from './commands/plan.ts';
import { definePull } from './commands/pull.ts';
import { defineReceive } from './commands/receive.ts';
import { defineReload } from './commands/reload.ts';
import { defineReplay } from './commands/replay.ts';
import { defineRun, runDaemon } from './commands/run.ts';
import { defineSecret } from './commands/secret.ts';
import { defineService } from './commands/service.ts';
import { defineStatus } from './commands/status.ts';
import { defineTest } from './commands/test.ts';
import { defineWhy } from './commands/why.ts';
import { loadEnvFile } from './env-file.ts';
import { EXIT } from './exit.ts';
import { type Cli, type CommonOptions, type Io, makeCli } from './io.ts';
import { processIo } from './process.ts';

/** Each adds its commands; what they need is imported when they run, so that `--help` is quick. */
const GROUPS: readonly (readonly [title: string, define: readonly ((context: CommandContext) => void)[]])[] =
  [
    ['Begin:', [defineDemo, defineInit, defineEmulator]],
    [
      'Look before you leap:',
      [definePull, defineCheck, defineTest, defineBacktest, defineReceive, definePlan, defineApply],
    ],
    [
      'Run it:',
      [
        defineRun,
        defineReload,
        defineStatus,
        defineDoctor,
        defineEvents,
        defineWhy,
        defineParked,
        defineReplay,
        defineFire,
        definePause,
        defineResume,
        defineLogLevel,
        defineService,
      ],
    ],
    ['Keep it:', [defineBackup, defineRestore, defineSecret]],
  ];

/** Names that are kept for commands of later versions. */
const RESERVED: ReadonlySet<string> = new Set('schema plugin'.split(' '));

/** Lines of help that are wider than this are hard to read, however wide the terminal. */
const HELP_WIDTH = 100;

/** Runs one command line. Answers the exit code. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const cli = makeCli(io);
  let code: number = EXIT.done;
  const program = makeProgram(cli, status => {
    code = status;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (thrown) {
    return reportError(thrown, cli, argv.includes('--json'), program);
  }
}

/** Every command with its options; `exit` is told the exit code. */
export function makeProgram(cli: Cli, exit: CommandContext['exit']): Command {
  const { io } = cli;
  const helpWidth = () => Math.min(cli.width, HELP_WIDTH);
  const program = new Command('podiod')
    .usage('[options] [command]')
    .description(
      'Automation daemon for Podio: durable webhooks, rules in YAML, plugins over an event stream. Without a command it runs the daemon.',
    )
    .version(version(), '-V, --version', 'its version')
    .helpOption('-h, --help', 'this help')
    .addOption(configOption())
    .addOption(envFileOption())
    .addOption(logLevelOption())
    .addOption(logFormatOption())
    .addOption(jsonOption('one JSON document on stdout and nothing else, of commands that read'))
    .enablePositionalOptions()
    .helpCommand(false)
    .configureOutput({
      writeOut: text => void io.stdout.write(text),
      // Help of a command that was left out, which commander takes for an error.
      writeErr: () => {},
      // The one place that prints errors is below: under --json they are a document.
      outputError: () => {},
      getOutHelpWidth: helpWidth,
      getErrHelpWidth: helpWidth,
      getOutHasColors: () => cli.colors,
    })
    .configureHelp({ minWidthToWrap: 20, styleTitle: text => cli.style('bold', text) })
    .exitOverride();
  const context: CommandContext = { program, cli, exit };
  for (const [title, commands] of GROUPS) {
    program.commandsGroup(title);
    for (const define of commands) define(context);
  }
  defineHelp(program);
  withExamples(
    program,
    [
      ['podiod demo', 'see it work, with an emulated Podio'],
      ['podiod init', 'a first config, from your own apps'],
      ['podiod check', 'is the config right?'],
      ['podiod plan', 'what would change at Podio, and why?'],
      ['podiod run', 'the daemon'],
      ['podiod help events', 'options and examples of a command'],
    ],
    'Exit codes: 0 done, 1 failed, 2 wrong usage, 78 the config is wrong.',
  );
  // No command, or none that there is: commander would take the word for an argument of a default command.
  program
    .argument('[command...]')
    .allowUnknownOption()
    .action(async (_words: string[], options: CommonOptions) => {
      const [word] = program.args;
      if (word !== undefined) throw unknown(program, word);
      if (options.json) throw new UsageError('podiod run has no --json');
      await runDaemon(context, options);
    });
  return program.hook('preAction', (_program, command) => {
    inheritOptions(command);
    const { envFile } = command.opts<CommonOptions>();
    if (envFile !== undefined) loadEnvFile(resolve(io.cwd, envFile), io.env);
    logLevelOf(cli, {});
    logFormatOf(cli, {});
  });
}

/** Own rather than commander's, which shows the whole help for a command that there isn't. */
function defineHelp(program: Command): void {
  program
    .command('help [command...]', { hidden: true })
    .description('Tells how a command is used.')
    .action((words: string[]) => {
      let command = program;
      for (const word of words) {
        const next = command.commands.find(one => one.name() === word);
        if (!next) throw unknown(command, word);
        command = next;
      }
      command.help();
    });
}

/** Of a word where a command is expected. */
function unknown(parent: Command, word: string): UsageError {
  const help = 'podiod --help lists the commands.';
  if (word.startsWith('-')) {
    const options = parent.options.flatMap(({ long }) => long ?? []);
    return new UsageError(`unknown option ${word}`, hintOf(suggestion(word, options, 'options'), help));
  }
  if (RESERVED.has(word)) {
    return new UsageError(`there is no podiod ${word} in this version (${version()}) yet`, help);
  }
  const names = parent.commands.map(command => command.name());
  return new UsageError(`unknown command ${word}`, hintOf(suggestion(word, names, 'commands'), help));
}

const hintOf = (...sentences: readonly (string | undefined)[]): string =>
  sentences.flatMap(text => (text ? text.replace(/^(did|options|commands)/, capital) : [])).join('\n');

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** Entry point of bin/podiod.js. Ends the process when the command has ended, whatever is still open. */
export async function main(argv: readonly string[]): Promise<void> {
  const io = processIo();
  // Results go to stdout, and a plugin may say something meanwhile.
  globalThis.console = new Console({ stdout: process.stderr, stderr: process.stderr });
  let isClosed = false;
  io.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    // The terminal was closed: whatever runs in it is told by a signal, and is to end in good order.
    isClosed ||= code === 'EIO';
    // `podiod events | head`: the reader has gone, which is no fault.
    if (isClosed) return;
    if (code !== 'EPIPE') io.stderr.write(`podiod: what it has to say can't be written: ${message}\n`);
    io.end(code === 'EPIPE' ? EXIT.done : EXIT.failed);
  });
  // A log that nobody reads any more, or that its disk has no room for, is no reason to take no events in.
  io.stderr.on('error', () => {});
  const code = await run(argv, io);
  await Promise.all([io.stdout, io.stderr].map(stream => new Promise(done => stream.write('', done))));
  io.end(code);
}

/** What, and what next; under --json as a document. Answers the exit code. */
function reportError(thrown: unknown, cli: Cli, json: boolean, program: Command): number {
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0) return EXIT.done;
    const group = thrown.code === 'commander.help' ? groupMeant(program) : undefined;
    if (group) {
      const verbs = group.commands.map(command => `podiod ${group.name()} ${command.name()}`).join(', ');
      const message = `podiod ${group.name()} does nothing by itself`;
      report(cli, json, {
        code: 'USAGE',
        message,
        hint: hintOf(`There are: ${verbs}`, ...usageHints(program)),
      });
      return EXIT.usage;
    }
    const [message = '', ...hint] = thrown.message.replace(/^error: /, '').split('\n');
    report(cli, json, {
      code: 'USAGE',
      message,
      hint: hintOf(...hint.map(text => text.replace(/^\(|\)$/g, '')), ...usageHints(program)),
    });
    return EXIT.usage;
  }
  const error = coerceError(thrown);
  if (isConfigError(error)) {
    const { code, hint, problems, summary, message } = error;
    // For people the message shows every problem in its frame.
    if (json) cli.printJson({ error: { code, message: summary, hint, problems } });
    else cli.note(`${message}\n${hint}`);
    return EXIT.config;
  }
  if (isPodiodError(error)) {
    const isUsage = error.code === 'USAGE';
    const next = isUsage ? hintOf(...usageHints(program)) : undefined;
    report(cli, json, { code: error.code, message: error.message, hint: error.hint ?? next });
    return isUsage ? EXIT.usage : EXIT.failed;
  }
  // What the system refused is no fault in podiod: a full disk, a folder that can't be read.
  const isFault = !('syscall' in error);
  const hint = isFault ? 'This is a fault in podiod.' : undefined;
  report(cli, json, { code: 'INTERNAL', message: error.message, hint });
  if (isFault && !json && error.stack) cli.note(error.stack);
  return EXIT.failed;
}

/** `podiod secret`, which has commands and is none. */
const groupMeant = (program: Command): Command | undefined =>
  program.commands.find(command => command.name() === program.args[0]);

/** What to try next, for the command that was meant. */
function usageHints(program: Command): readonly string[] {
  let command = program;
  let name = 'podiod';
  for (;;) {
    const next = command.commands.find(one => one.name() === command.args[0]);
    if (!next) break;
    command = next;
    name += ` ${next.name()}`;
  }
  const word = optionOfWord(command);
  return [
    ...(word === undefined ? [] : [`${word.what} is given as ${name} ${word.options}`]),
    `${name} --help tells its options.`,
  ];
}

/** `podiod pause won-deal`, `podiod why leads/42`: the options that say so, where a lone word stands for a rule or an item. */
function optionOfWord(command: Command): { readonly what: string; readonly options: string } | undefined {
  const [word, ...more] = command.args;
  const takes = (name: string): boolean =>
    command.options.some(({ long }) => long === `--${name}`) && command.getOptionValue(name) === undefined;
  if (word === undefined || more.length > 0 || word.startsWith('-')) return undefined;
  if (command.registeredArguments.length > 0) return undefined;
  const isItem = /^(?:[^/]+\/)?\d+$/.test(word) && takes('item');
  if (!isItem && !takes('rule')) return undefined;
  const option = isItem ? '--item' : '--rule';
  const others = command.options.filter(({ mandatory, long }) => mandatory && long !== option);
  const wanted = others.map(option => {
    const given: unknown = command.getOptionValue(option.attributeName());
    return `${option.long} ${typeof given === 'string' ? given : option.attributeName().toUpperCase()}`;
  });
  return { what: isItem ? 'An item' : 'A rule', options: [`${option} ${word}`, ...wanted].join(' ') };
}

/** By its code: its class would bring the whole of the config with it. */
const isConfigError = (error: Error): error is ConfigError =>
  isPodiodError(error) && error.code === 'CONFIG_INVALID' && 'problems' in error;

function report(
  cli: Cli,
  json: boolean,
  error: { code: string; message: string; hint?: string | undefined },
): void {
  const hint = error.hint && hintOf(error.hint);
  if (json) cli.printJson({ error: { ...error, hint } });
  else cli.note([`podiod: ${error.message}`, ...(hint ? [hint] : [])].join('\n'));
}
