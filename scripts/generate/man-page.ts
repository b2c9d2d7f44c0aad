/** podiod(1), made of the commands' own help. man(7) macros: every man has them. */
import { PassThrough } from 'node:stream';
import type { Command, Option } from 'commander';
import { examplesOf } from '../../src/cli/command.ts';
import { makeCli } from '../../src/cli/io.ts';
import { makeProgram } from '../../src/cli/main.ts';
import { version } from '../../src/daemon/package.ts';

const FILES: readonly (readonly [file: string, what: string])[] = [
  ['.podiorc.yml, /etc/podiod/podiorc.yml', 'the config, where --config and PODIOD_CONFIG name no other'],
  ['dataDir/podiod.db', 'the journal and everything else that podiod keeps'],
  [
    'dataDir/secret, dataDir/previous-secrets, dataDir/admin-token',
    'what hook URLs are made with, and were before, and what the admin API asks for; mode 0600',
  ],
  ['dataDir/run.json', 'where the running daemon listens'],
  ['/etc/credstore', `where systemd finds the credentials of the config, \${credential:NAME}`],
];

const ENVIRONMENT: readonly (readonly [name: string, what: string])[] = [
  ['PODIOD_CONFIG', 'the config, as --config'],
  ['PODIOD_LOG_LEVEL', 'error, warn, info or debug, as --log-level'],
  ['PODIOD_LOG_FORMAT', 'json or text, as --log-format'],
  ['STATE_DIRECTORY, CACHE_DIRECTORY, CREDENTIALS_DIRECTORY', 'as systemd sets them'],
  [
    'NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES',
    'as systemd sets them: readiness, signs of life, inherited sockets',
  ],
  ['NO_COLOR, FORCE_COLOR', 'no colours, or colours also where there is no terminal'],
];

const EXITS: readonly (readonly [code: string, what: string])[] = [
  ['0', 'done; of the daemon: a clean stop'],
  ['1', 'failed'],
  ['2', 'wrong usage'],
  ['78', 'the config is wrong: starting again would not mend it'],
];

export function manPage(): string {
  const stream = () => new PassThrough();
  const io = {
    stdin: stream(),
    stdout: stream(),
    stderr: stream(),
    env: {},
    cwd: '/',
    onStop() {},
    onReload() {},
    onUncaught() {},
    onForeignExit() {},
  };
  const program = makeProgram(makeCli(io), () => {});
  const commands = [...leaves(program)];
  return [
    '.\\" Made by `npm run generate` from the commands in src/cli.',
    `.TH PODIOD 1 "" "podiod ${version()}" "User Commands"`,
    '.SH NAME',
    'podiod \\- automation daemon for Podio',
    '.SH SYNOPSIS',
    '.B podiod',
    text('[options] [command]'),
    '.SH DESCRIPTION',
    text(program.description()),
    '.SH OPTIONS',
    ...optionsOf(program),
    '.SH COMMANDS',
    ...commands.flatMap(commandSection),
    '.SH EXIT STATUS',
    ...list(EXITS),
    '.SH ENVIRONMENT',
    ...list(ENVIRONMENT),
    '.SH FILES',
    ...list(FILES),
    '.SH SEE ALSO',
    text(
      'systemctl(1), journalctl(1), systemd.exec(5). The documentation that comes with the package: docs/.',
    ),
    '',
  ].join('\n');
}

/** Every command that can be given, `parked retry` too, in the order of the help. */
function* leaves(parent: Command, above = ''): Generator<{ command: Command; name: string }> {
  for (const command of parent.commands) {
    if (
      parent
        .createHelp()
        .visibleCommands(parent)
        .every(one => one !== command)
    )
      continue;
    const name = `${above}${command.name()}`;
    yield { command, name };
    yield* leaves(command, `${name} `);
  }
}

function commandSection({ command, name }: { command: Command; name: string }): string[] {
  const { examples, notes } = examplesOf(command);
  return [
    `.SS ${quoted(`podiod ${name} ${command.usage()}`.trim())}`,
    text(command.description()),
    ...optionsOf(command),
    ...(examples.length === 0
      ? []
      : [
          '.PP',
          'Examples:',
          '.PP',
          '.nf',
          '.RS 4',
          ...examples.map(([line, what]) => text(`${line}  # ${what}`)),
          '.RE',
          '.fi',
        ]),
    ...notes.flatMap(note => ['.PP', ...note.split('\n').map(text)]),
  ];
}

const optionsOf = (command: Command): string[] =>
  command
    .createHelp()
    .visibleOptions(command)
    .flatMap(option => ['.TP', `.B ${text(option.flags)}`, text(describe(option))]);

const describe = ({ description, defaultValue }: Option): string =>
  typeof defaultValue === 'string' ? `${description} (default: ${defaultValue})` : description;

const list = (entries: readonly (readonly [string, string])[]): string[] =>
  entries.flatMap(([term, what]) => ['.TP', `.B ${text(term)}`, text(what)]);

/** What roff would take for its own: backslashes, a dot or quote at the start; and hyphens, which it would make dashes of. */
const text = (words: string): string =>
  words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1');

const quoted = (words: string): string => `"${text(words).replaceAll('"', '\\(dq')}"`;
