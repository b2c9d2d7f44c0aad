import { type Command, Option } from 'commander';
import { UsageError } from '../core/errors.ts';
import type { LogLevel } from '../core/log.ts';
import type { Cli, CommonOptions, LogFormat } from './io.ts';

/** What a command's file gets to add itself to the command line. */
export interface CommandContext {
  readonly program: Command;
  readonly cli: Cli;
  /** Sets the exit code; 0 unless called. Errors are thrown instead. */
  exit(code: number): void;
}

export const LEVELS: readonly LogLevel[] = ['error', 'warn', 'info', 'debug'];

export const configOption = (): Option =>
  new Option(
    '-c, --config <file>',
    'the config; else $PODIOD_CONFIG, .podiorc upwards from here, /etc/podiod',
  );

export const envFileOption = (): Option =>
  new Option(
    '--env-file <file>',
    'variables for the config, NAME=value lines; the environment goes before it',
  );

export const logLevelOption = (): Option =>
  new Option(
    '--log-level <level>',
    'of the log on stderr: error, warn, info or debug (or PODIOD_LOG_LEVEL)',
  ).argParser(text => levelOf('--log-level', text));

export const logFormatOption = (): Option =>
  new Option(
    '--log-format <format>',
    'of the log on stderr: json or text (or PODIOD_LOG_FORMAT); else text on a terminal',
  ).argParser(text => formatOf('--log-format', text));

export const jsonOption = (description: string): Option => new Option('--json', description);

/** The options of (nearly) every command, so that they can stand behind its name as well as before it. */
export function withCommonOptions(command: Command, { json }: { json?: string } = {}): Command {
  command.addOption(configOption()).addOption(envFileOption()).addOption(logLevelOption());
  if (json !== undefined) command.addOption(jsonOption(json));
  return command;
}

interface Examples {
  readonly examples: readonly (readonly [line: string, what: string])[];
  readonly notes: readonly string[];
}

const EXAMPLES = new WeakMap<Command, Examples>();

/** What stands at the end of a command's help, for its man page. */
export const examplesOf = (command: Command): Examples =>
  EXAMPLES.get(command) ?? { examples: [], notes: [] };

/** The end of a command's help: what people will copy. */
export function withExamples(
  command: Command,
  examples: readonly (readonly [line: string, what: string])[],
  ...notes: readonly string[]
): Command {
  EXAMPLES.set(command, { examples, notes });
  const wide = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, what]) => `  ${line.padEnd(wide)}  # ${what}`);
  return command.addHelpText(
    'after',
    ['', 'Examples:', ...lines, ...notes.flatMap(note => ['', note])].join('\n'),
  );
}

/** Hands down what stands before the command's name: `podiod --config x plan` means `podiod plan --config x`. */
export function inheritOptions(command: Command): void {
  for (let parent = command.parent; parent; parent = parent.parent) {
    for (const option of parent.options) {
      const key = option.attributeName();
      if (parent.getOptionValueSource(key) !== 'cli') continue;
      const own = command.options.find(one => one.attributeName() === key);
      if (!own) throw new UsageError(`podiod ${pathOf(command)} has no ${option.long}`);
      if (command.getOptionValueSource(key) !== 'cli') {
        command.setOptionValueWithSource(key, parent.getOptionValue(key), 'cli');
      }
    }
  }
}

/** `parked retry` */
const pathOf = (command: Command): string =>
  command.parent?.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();

/** `--log-level`, else PODIOD_LOG_LEVEL, which has to be right too. */
export function logLevelOf({ io }: Cli, { logLevel }: CommonOptions): LogLevel | undefined {
  const { PODIOD_LOG_LEVEL: given } = io.env;
  return logLevel ?? (given ? levelOf('PODIOD_LOG_LEVEL', given) : undefined);
}

/** `--log-format`, else PODIOD_LOG_FORMAT, which has to be right too. */
export function logFormatOf({ io }: Cli, { logFormat }: CommonOptions): LogFormat | undefined {
  const { PODIOD_LOG_FORMAT: given } = io.env;
  return logFormat ?? (given ? formatOf('PODIOD_LOG_FORMAT', given) : undefined);
}

function formatOf(source: string, text: string): LogFormat {
  if (text === 'json' || text === 'text') return text;
  throw new UsageError(`${source} must be json or text, got ${text}`);
}

function levelOf(source: string, text: string): LogLevel {
  const level = LEVELS.find(one => one === text);
  if (level) return level;
  throw new UsageError(`${source} must be one of ${LEVELS.join(', ')}, got ${text}`);
}
