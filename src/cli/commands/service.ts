import { Option } from 'commander';
import type { Unit } from '../../service/unit.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import type { Cli, CommonOptions } from '../io.ts';
import { wholeNumber } from '../values.ts';

interface ServiceOptions extends CommonOptions {
  readonly instance?: string;
  readonly port?: number;
  readonly dir?: string;
  readonly force?: boolean;
  readonly user?: boolean;
}

/** Where systemd looks for what an administrator adds. */
const DIR = '/etc/systemd/system';

export function defineService(context: CommandContext): void {
  const { program, cli } = context;
  const service = program
    .command('service')
    .summary('systemd units for this machine')
    .description(
      'Makes systemd units for this machine, with the places of this Node, this podiod and the config. systemd then starts podiod, restarts it when it fails, and holds its port meanwhile.',
    );
  const options = (name: string, json: string) =>
    withCommonOptions(service.command(name), { json })
      .addOption(
        new Option('--instance <name>', 'one of several, each with a config, data and port of its own'),
      )
      .addOption(
        new Option('--user', "for the user who runs this, without root: the user's own service manager"),
      )
      .addOption(
        new Option('--port <port>', "to take events in on; else the config's").argParser(text =>
          wholeNumber('--port', text, 1, 65_535),
        ),
      );
  const print = options('print', 'the units as one JSON document')
    .summary('shows them')
    .description('Shows the units, one after the other, each under its path.')
    .action(async (given: ServiceOptions) => {
      const units = await unitsHere(cli, given);
      const dir = dirOf(cli, given);
      if (given.json) cli.printJson({ units: units.map(unit => ({ path: `${dir}/${unit.name}`, ...unit })) });
      else
        cli.print(
          units
            .map(({ name, text }) => `# ${dir}/${name}\n${text}`)
            .join('\n')
            .trimEnd(),
        );
    });
  const install = options('install', 'what was written, as one JSON document')
    .summary('writes them')
    .description(
      'Writes the units and has systemd read them. Starts nothing. A unit that is there and says something else is left alone, unless --force is given.',
    )
    .option('--dir <folder>', `where to write (default: ${DIR}, or the user's own folder)`)
    .option('--force', 'also over units that are there and say something else')
    .action(async (given: ServiceOptions) => {
      const { installUnits } = await import('../../service/install.ts');
      const { force = false, user = false } = given;
      const dir = given.dir ?? dirOf(cli, given);
      const units = await unitsHere(cli, given);
      const written = await installUnits(units, {
        dir,
        force,
        ...(dir === dirOf(cli, given) && { manager: user ? 'user' : 'system' }),
      });
      if (given.json) return cli.printJson({ units: written });
      for (const { path, isNew } of written) cli.print(`${isNew ? 'written  ' : 'unchanged'} ${path}`);
      const systemctl = `systemctl${user ? ' --user' : ''}`;
      const usual = dirOf(cli, given);
      // Elsewhere systemd does not see them.
      const first = dir === usual ? '' : `put them into ${usual}, ${systemctl} daemon-reload, `;
      const names = startable(units, given.instance).join(' ');
      cli.print(`\nNext: ${first}${systemctl} enable --now ${names}`);
      if (user) cli.print('      loginctl enable-linger   # it runs while you are not logged in, too');
    });
  withExamples(service, [
    ['podiod service print', 'what it would be'],
    ['sudo podiod service install', 'write it'],
    ['podiod service install --user', 'without root, for yourself'],
  ]);
  withExamples(
    print,
    [
      ['podiod service print', 'for the config that is found here, else /etc/podiod/podiorc.yml'],
      ['podiod service print --instance acme --port 8082', 'one of several clients'],
    ],
    'Exit codes: 0.',
  );
  withExamples(
    install,
    [
      [
        'sudo podiod service install --config /etc/podiod/podiorc.yml',
        'then: systemctl enable --now podiod.socket podiod',
      ],
      ['sudo podiod service install --instance acme --port 8082', 'config: /etc/podiod/acme/podiorc.yml'],
    ],
    'Exit codes: 0, or 1 when something could not be written.',
  );
}

/** Where the units belong. */
function dirOf({ io: { env } }: Cli, { user = false }: ServiceOptions): string {
  return user ? `${configHome(env)}/systemd/user` : DIR;
}

const configHome = ({ XDG_CONFIG_HOME, HOME }: Cli['io']['env']): string =>
  XDG_CONFIG_HOME || `${HOME ?? ''}/.config`;

async function unitsHere(
  cli: Cli,
  { config: file, instance, port, user = false }: ServiceOptions,
): Promise<readonly Unit[]> {
  const [
    { readServiceFacts },
    { unitsOf, instanceConfig, homeOf },
    { closedToOthers },
    { readVariables },
    { packageFile },
    { readFileSync, realpathSync },
    { basename, resolve },
    { UsageError },
  ] = await Promise.all([
    import('../../config/service.ts'),
    import('../../service/unit.ts'),
    import('../../service/reach.ts'),
    import('../env-file.ts'),
    import('../../daemon/package.ts'),
    import('node:fs'),
    import('node:path'),
    import('../../core/errors.ts'),
  ]);
  if (instance !== undefined && !/^[a-z0-9][a-z0-9_-]*$/.test(instance)) {
    throw new UsageError(`--instance must be a name of small letters, digits, - and _, got ${instance}`);
  }
  if (user && instance !== undefined) {
    throw new UsageError("--instance and --user don't go together");
  }
  const { env, cwd } = cli.io;
  const usual = file ?? (instance === undefined ? undefined : instanceConfig(instance));
  const facts = await readServiceFacts({
    cwd,
    env,
    ...(usual !== undefined && { file: resolve(cwd, usual) }),
  });
  const place = facts?.file ?? resolve(cwd, usual ?? `${user ? configHome(env) : '/etc'}/podiod/podiorc.yml`);
  if (!facts)
    cli.note(`There is no config at ${place} yet; the port and the credentials are the usual ones.`);
  const data = `/var/lib/podiod${instance === undefined ? '' : `/${instance}`}`;
  if (facts && !user && facts.dataDir !== data) {
    cli.note(
      facts.dataDir === undefined
        ? `Write dataDir: ${data} into ${place}: the service keeps its data there, and commands in a shell then find it.`
        : `The service can't write to dataDir (${facts.dataDir}). Write dataDir: ${data} into ${place}.`,
    );
  }
  // What the unit's fence leaves open: its /tmp is another one than everybody's.
  const open = [data, data.replace('/lib/', '/cache/')];
  for (const [name, path] of user ? [] : (facts?.logs ?? [])) {
    if (open.some(folder => path.startsWith(`${folder}/`))) continue;
    cli.note(
      `The service can't write to path of the plugin ${name} (${path}). Write path: ${data}/${basename(path)} into ${place}.`,
    );
  }
  const script = realpathSync(packageFile('bin/podiod.js'));
  if (!user) noteWhatIsClosed(cli, closedToOthers, [process.execPath, script, place]);
  const variables = user ? `${configHome(env)}/podiod/podiod.env` : `${homeOf(instance)}/podiod.env`;
  const given = readVariables(variables);
  const missing = given && facts?.variables.filter(name => given[name] === undefined);
  if (missing?.length)
    cli.note(`The service takes variables from ${variables}, which lacks ${missing.join(', ')}.`);
  return unitsOf({
    service: readFileSync(packageFile('config/podiod.service'), 'utf8'),
    socket: readFileSync(packageFile('config/podiod.socket'), 'utf8'),
    node: process.execPath,
    script,
    config: instance !== undefined && file === undefined ? instanceConfig('%i') : place,
    listen: { host: facts?.host ?? '127.0.0.1', port: port ?? facts?.port ?? 8080 },
    // One that is not there would stop a user's service: only those that are asked for.
    credentials: facts?.credentials ?? (user ? [] : ['podio-client-secret']),
    user,
    ...(instance !== undefined && { instance }),
  });
}

function noteWhatIsClosed(
  cli: Cli,
  closedToOthers: (path: string) => string | undefined,
  paths: readonly string[],
): void {
  for (const path of paths) {
    const closed = closedToOthers(path);
    if (closed === undefined) continue;
    const remedy =
      closed === path ? `chmod o+r ${path}` : `${closed} is closed to others. Put it where all can`;
    cli.note(`The service runs as a user of its own, who can't read ${path}: ${remedy}.`);
  }
}

/** What `systemctl enable` is told. */
const startable = (units: readonly Unit[], instance: string | undefined): readonly string[] =>
  units.map(({ name }) => name.replace('@.', `@${instance}.`)).reverse();
