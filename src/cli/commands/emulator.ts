import { PodiodError } from '../../core/errors.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import type { ConfigOrExample } from '../demo/config.ts';
import type { EmulatedPodio } from '../demo/podio.ts';
import type { CommonOptions } from '../io.ts';

interface EmulatorCommandOptions extends CommonOptions {
  readonly port: string;
  readonly host: string;
  readonly people?: string | true;
  readonly seed: string;
}

export function defineEmulator({ program, cli }: CommandContext): void {
  const command = withCommonOptions(program.command('emulator'))
    .summary('the emulated Podio alone, for plugin authors and tests')
    .description(
      'Runs an emulated Podio on loopback until it is stopped. The apps, spaces and logins in it are those of the config: yours where one is found, else of the example that comes with podiod. Apps have the fields that the catalog knows and those that rules and their tests name.',
    )
    .option('-p, --port <port>', '0: any free one', '8090')
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--people [time]', 'virtual people who edit items, one deed every so often (2s)')
    .option('--seed <n>', 'the same seed, the same deeds', '1')
    .action(async ({ port, host, people, seed, ...options }: EmulatorCommandOptions) => {
      const [{ readConfigOrExample }, { startEmulatedPodio }, { duration, wholeNumber }] = await Promise.all([
        import('../demo/config.ts'),
        import('../demo/podio.ts'),
        import('../values.ts'),
      ]);
      const settings = {
        host,
        port: wholeNumber('--port', port, 0, 65_535),
        seed: wholeNumber('--seed', seed),
      };
      const everyMs =
        people === undefined ? undefined : duration('--people', people === true ? '2s' : people);

      const read = await readConfigOrExample(cli, options);
      const podio = await startEmulatedPodio(read.config, settings).catch(error => {
        throw notListening(error, host, port);
      });
      const stopped = Promise.withResolvers<void>();
      cli.io.onStop(() => stopped.resolve());
      if (everyMs !== undefined) podio.startPeople(everyMs);
      for (const line of howToUse(read, podio)) cli.print(line);
      await stopped.promise;
      await podio.stop();
    });
  withExamples(command, [
    ['podiod emulator', 'on port 8090, with the apps of your config'],
    ['podiod emulator --people', 'with somebody in it'],
    ['podiod emulator --port 0 --people 500ms --config my.yml', 'on any free port, busily'],
  ]);
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'it is taken',
  EACCES: 'this user may not',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'there is no such host',
};

function notListening(error: NodeJS.ErrnoException, host: string, port: string): Error {
  const reason = REASONS[error.code ?? ''];
  if (reason === undefined) return error;
  return new PodiodError('INGRESS_PORT', `can't listen on ${host}:${port}: ${reason}`, {
    hint: '--port 0 takes any free port.',
    retry: 'never',
    cause: error,
  });
}

/**
 * To be copied: YAML for podiod, a command line for everything else. Of the example everything is told; of a config of
 * one's own only where its credentials stand, since they are those of the real Podio.
 */
function* howToUse(
  { config, isExample }: ConfigOrExample,
  { url, apps, world }: EmulatedPodio,
): Generator<string> {
  const { file, podio, server, logins } = config;
  const { clientId } = podio;
  const port = server.port || 8080;
  const publicUrl = `http://127.0.0.1:${port}${server.path}`;
  const shown = (place: string, value: string): string => (isExample ? value : `<${place}>`);
  const clientSecret = shown('podio.clientSecret', podio.clientSecret);
  const tokenOf = ({ name, token }: EmulatedPodio['apps'][number]): string =>
    // An app without a token in the config got one from the emulator, which nobody else would tell.
    config.apps.get(name)?.token === undefined ? token : shown(`apps.${name}.token`, token);

  yield `An emulated Podio listens on ${url}, with what ${file} speaks of. Ctrl-C ends it.`;
  yield '';
  yield `Point podiod at it, in its config${isExample ? '' : ' (the rest of podio stays)'}:`;
  yield '';
  yield `  podio: ${yaml({ apiUrl: url, ...(isExample && { clientId, clientSecret }) })}`;
  yield `  server: ${yaml({ publicUrl, port, allowNonPublicUrl: true })}`;
  yield '';
  yield 'Or any Podio client, with that client id and secret, as an app or as a user:';
  yield '';
  for (const app of apps) yield `  ${app.name}: app_id ${app.id}, app_token ${tokenOf(app)}`;
  for (const { name, username, password } of logins.values()) {
    yield `  ${name}: username ${username}, password ${shown(`logins.${name}.password`, password)}`;
  }
  if (!isExample) {
    yield '';
    yield `What stands in <> is the name of a place in ${file}: put in what stands there.`;
  }
  const [app] = apps;
  if (!app) return;
  const body = {
    grant_type: 'app',
    app_id: app.id,
    app_token: tokenOf(app),
    client_id: clientId,
    client_secret: clientSecret,
  };
  yield '';
  yield 'For example:';
  yield '';
  yield `  curl ${url}/oauth/token/v2 -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(body))}`;
  const text = world.app(app.id)?.fields.find(({ type }) => type === 'text')?.externalId;
  const item = { fields: text === undefined ? {} : { [text]: 'A try' } };
  yield '';
  yield 'and an item, with the access_token of the answer in place of TOKEN; PUT to /item/ITEM_ID changes it:';
  yield '';
  yield `  curl ${url}/item/app/${app.id}/ -H 'Authorization: OAuth2 TOKEN' -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(item))}`;
}

/** On one line, with spaces: `{ apiUrl: "http://...", port: 8080 }`. */
const yaml = (values: object): string =>
  `{ ${Object.entries(values)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
    .join(', ')} }`;

/** For a shell: one word, whatever is in it. */
const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
