import { type Command, Option } from 'commander';
import type { Cli } from './io.ts';

/** What a command's file gets to add itself to the command line. */
export interface CommandContext {
  readonly program: Command;
  readonly cli: Cli;
  /** Sets the exit code; 0 unless called. Errors are thrown instead. */
  exit(code: number): void;
}

/** The options of (nearly) every command, so that they can stand behind its name. */
export function withCommonOptions(command: Command, options: { json?: string } = {}): Command {
  command.option(
    '-c, --config <file>',
    'the config (else $PODIOD_CONFIG, .podiorc and its like upwards, /etc/podiod)',
  );
  command.addOption(
    new Option('--log-level <level>', 'what the log on stderr tells (or PODIOD_LOG_LEVEL)').choices([
      'error',
      'warn',
      'info',
      'debug',
    ]),
  );
  if (options.json) command.option('--json', options.json);
  return command;
}
