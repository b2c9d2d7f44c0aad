import { UsageError } from '../../core/errors.ts';
import { type CommandContext, withCommonOptions } from '../command.ts';
import type { CommonOptions } from '../io.ts';

interface EmulatorCommandOptions extends CommonOptions {
  readonly port: string;
  readonly host: string;
  readonly people?: string | boolean;
  readonly seed: string;
}

export function defineEmulator({ program, cli }: CommandContext): void {
  withCommonOptions(program.command('emulator'))
    .summary('the emulated Podio alone, for plugin authors and tests')
    .description(
      'Runs an emulated Podio on loopback until it is stopped. The apps, spaces and logins in it are those of the config: yours\nwhere one is found, else the example that comes with podiod.',
    )
    .option('-p, --port <port>', '0: any free one', '8090')
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--people [interval]', 'virtual people who edit items, one deed every so often (2s)')
    .option('--seed <n>', 'the same seed, the same deeds', '1')
    .addHelpText(
      'after',
      '\nExamples:\n  podiod emulator\n  podiod emulator --port 0 --people 500ms\n  podiod emulator --config my.yml',
    )
    .action(async (options: EmulatorCommandOptions) => {
      const [{ readConfigOrExample }, { startEmulatedPodio }, { parseDuration }, { onSignals }] =
        await Promise.all([
          import('../demo/config.ts'),
          import('../demo/podio.ts'),
          import('../../config/units.ts'),
          import('../process.ts'),
        ]);
      const port = wholeNumber('--port', options.port, 65_535);
      const seed = wholeNumber('--seed', options.seed, 2 ** 31);
      const everyMs =
        options.people === undefined
          ? undefined
          : parseDuration(options.people === true ? '2s' : String(options.people));
      if (Number.isNaN(everyMs))
        throw new UsageError(`--people must be like 500ms or 2s, got ${options.people}`);

      const config = await readConfigOrExample(cli, options);
      const podio = await startEmulatedPodio(config, { host: options.host, port, seed });
      const stopped = Promise.withResolvers<void>();
      onSignals(() => stopped.resolve());
      if (everyMs !== undefined) podio.startPeople(everyMs);

      cli.print(`An emulated Podio listens on ${podio.url} (${config.file}). Ctrl-C ends it.`);
      cli.print('\nPoint podiod at it, in its config:');
      cli.print(
        `  podio: { apiUrl: "${podio.url}", clientId: ${config.podio.clientId}, clientSecret: ${config.podio.clientSecret} }`,
      );
      cli.print('  server: { publicUrl: "http://127.0.0.1:8080/podio", allowNonPublicUrl: true }');
      cli.print('\nOr any Podio client: log in as an app');
      for (const { name, id, token } of podio.apps) cli.print(`  ${name}: app_id ${id}, app_token ${token}`);
      for (const { name, username, password } of config.logins.values()) {
        cli.print(`or as a user\n  ${name}: username ${username}, password ${password}`);
      }
      cli.print('\nfor example:');
      const [app] = podio.apps;
      cli.print(
        `  curl ${podio.url}/oauth/token/v2 -H 'Content-Type: application/json' -d '${JSON.stringify({
          grant_type: 'app',
          app_id: app?.id,
          app_token: app?.token,
          client_id: config.podio.clientId,
          client_secret: config.podio.clientSecret,
        })}'`,
      );
      await stopped.promise;
      await podio.stop();
    });
}

function wholeNumber(option: string, text: string, max: number): number {
  const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= max) return value;
  throw new UsageError(`${option} must be a whole number from 0 to ${max}, got ${text}`);
}
