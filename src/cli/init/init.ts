import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { catalogFileOf, editorSchemaFileOf } from '../../config/catalog-file.ts';
import { findConfig } from '../../config/find.ts';
import type { AppConfig } from '../../config/model.ts';
import { isLoopback } from '../../config/urls.ts';
import { type CatalogApp, toCatalogApp } from '../../core/catalog.ts';
import { coerceError, UsageError } from '../../core/errors.ts';
import { listApps, listSpaces, readAppWithToken, type SeenApp } from '../../podio/discover.ts';
import { isGone } from '../../podio/errors.ts';
import { replaceFile } from '../../store/files.ts';
import { withVariables } from '../env-file.ts';
import type { Cli, CommonOptions } from '../io.ts';
import { openPrompt, type Prompt } from '../prompt.ts';
import { catalogOutputs, writeOutputs } from '../pull/outputs.ts';
import { makeCommandLog } from '../setup.ts';
import { plain } from '../text.ts';
import { askAccount, openSession, type Session } from './account.ts';
import { chooseApps, configNames, fullName, variableOf } from './choose.ts';
import { configText, type InitialApp, LOGIN, PLACEHOLDER_URL } from './config-text.ts';

export interface InitOptions extends CommonOptions {
  readonly apps?: string;
  readonly publicUrl?: string;
  readonly apiUrl?: string;
  readonly yes?: boolean;
  readonly force?: boolean;
}

interface Files {
  readonly config: string;
  readonly env: string;
  readonly catalog: string;
  readonly schema: string;
}

/**
 * Asks, looks around at Podio, writes. Nothing is written before everything is known. Answers whether all went well: every
 * chosen app is in, and nobody said no.
 */
export async function init(cli: Cli, options: InitOptions): Promise<boolean> {
  const files = filesOf(cli, options);
  const apiUrl = urlOption('--api-url', options.apiUrl);
  if (apiUrl?.startsWith('http:') && !isLoopback(new URL(apiUrl)))
    throw new UsageError('--api-url must be https, but for this machine', 'What goes there is a password.');
  const givenUrl = urlOption('--public-url', options.publicUrl);
  if (options.yes && options.apps === undefined) {
    throw new UsageError(
      'with --yes nobody is asked which apps',
      'Say --apps with names or ids, or --apps all.',
    );
  }

  using prompt = openPrompt(cli);
  if (!(await mayReplace(cli, prompt, files, options))) {
    cli.note('Nothing is written.');
    return false;
  }
  const account = await askAccount(cli, prompt, !options.yes);
  const log = makeCommandLog(cli, options, [account.clientSecret, account.password], 'error');
  const session = openSession(account, { apiUrl, log });
  const chosen = await askApps(cli, prompt, await listAll(cli, session), options.apps);
  const publicUrl = givenUrl ?? (options.yes ? undefined : await askPublicUrl(cli, prompt));

  const names = configNames(chosen);
  const variables = new Map([
    ['PODIO_CLIENT_ID', account.clientId],
    ['PODIO_CLIENT_SECRET', account.clientSecret],
  ]);
  const initial: InitialApp[] = [];
  const configs = new Map<string, AppConfig>();
  const catalog = new Map<string, CatalogApp>();
  const read = await readApps(cli, session, chosen);
  for (const { app, definition, token } of read) {
    const name = names.get(app) as string;
    const tokenVariable = token === undefined ? undefined : variableOf(name);
    if (token !== undefined && tokenVariable !== undefined) variables.set(tokenVariable, token);
    initial.push({ name, app, tokenVariable });
    configs.set(name, {
      name,
      id: app.id,
      token,
      login: token === undefined ? LOGIN : undefined,
      fields: {},
    });
    catalog.set(name, toCatalogApp(definition));
  }
  // A password is kept only where nothing else will do.
  if (initial.some(({ tokenVariable }) => tokenVariable === undefined)) {
    variables.set('PODIO_USERNAME', account.username).set('PODIO_PASSWORD', account.password);
  }

  const env = withVariables(existsSync(files.env) ? await readFile(files.env, 'utf8') : '', variables);
  const outputs = await catalogOutputs(files.config, configs, { apps: catalog });
  // The config comes last: where it is there, all that it needs is.
  await replaceFile(files.env, env, 0o600);
  await writeOutputs(outputs);
  const text = configText({ apps: initial, publicUrl, apiUrl, schema: basename(files.schema) });
  await replaceFile(files.config, text, 0o644);
  if (options.json) cli.printJson({ files, apps: initial.map(toJson), publicUrl: publicUrl ?? null });
  else tell(cli, files, initial, publicUrl, await isFound(cli, files.config));
  return read.length === chosen.length;
}

function filesOf({ io }: Cli, { config }: InitOptions): Files {
  const file = resolve(io.cwd, config ?? io.env.PODIOD_CONFIG ?? '.podiorc.yml');
  if (!/\.ya?ml$|(^|[\\/])\.podiorc$/.test(file)) {
    throw new UsageError(
      `init writes YAML, and ${basename(file)} is not called so`,
      'Name a file that ends with .yml.',
    );
  }
  return {
    config: file,
    env: join(dirname(file), '.env'),
    catalog: catalogFileOf(file),
    schema: editorSchemaFileOf(file),
  };
}

function urlOption(option: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const problem = urlProblem(text);
  if (problem === undefined) return written(text);
  throw new UsageError(`${option} ${problem}, got ${text}`);
}

/** Without what YAML or podiod would read as something else: a space, a brace. */
const written = (url: string): string => new URL(url).href.replace(/\/+$/, '');

function urlProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) return 'must be a URL that starts with https:// or http://';
  if (url.username || url.password) return 'must have no user name or password in it';
  return url.search || url.hash ? 'must have no query and no fragment' : undefined;
}

/** Before anything is asked: whoever says no has typed nothing for nothing. */
async function mayReplace(
  cli: Cli,
  prompt: Prompt,
  files: Files,
  { force, yes }: InitOptions,
): Promise<boolean> {
  const there = [files.config, files.env].filter(existsSync).map(file => shown(cli, file));
  if (there.length === 0 || force) return true;
  const are = there.length === 1 ? 'is' : 'are';
  if (yes || !prompt.terminal) {
    throw new UsageError(
      `${there.join(' and ')} ${are} there already`,
      '--force writes a new config in its place. Other variables in .env stay as they are.',
    );
  }
  cli.note(`${there.join(' and ')} ${are} there already. Other variables in .env stay as they are.`);
  const answer = await prompt.ask('Write a new config in its place? Only "yes" is taken for one: ');
  return /^y(es)?$/i.test(answer);
}

/** Every app of every space that the user sees, in Podio's order. A space that can't be looked into is told. */
async function listAll(cli: Cli, { request, user }: Session): Promise<readonly SeenApp[]> {
  const spaces = await listSpaces(request, user);
  const looks = await Promise.allSettled(spaces.map(space => listApps(request, user, space)));
  for (const [index, look] of looks.entries()) {
    if (look.status === 'rejected') {
      const { message } = coerceError(look.reason);
      cli.note(`The space ${plain(spaces[index]?.name ?? '')} could not be looked into: ${plain(message)}`);
    }
  }
  const apps = looks.flatMap(look => (look.status === 'fulfilled' ? look.value : []));
  if (apps.length > 0) return apps;
  throw new UsageError('this user sees no app', 'Take a user who is a member of the spaces.');
}

/** One that this user may see in a list only is told and left out, as long as there are others. */
async function readApps(cli: Cli, { request, user }: Session, chosen: readonly SeenApp[]) {
  const looks = await Promise.allSettled(
    chosen.map(async app => ({ app, ...(await readAppWithToken(request, user, app.id)) })),
  );
  const read = looks.flatMap(look => (look.status === 'fulfilled' ? look.value : []));
  for (const [index, look] of looks.entries()) {
    if (look.status === 'fulfilled') continue;
    const app = chosen[index] as SeenApp;
    if (read.length === 0 || !isGone(look.reason)) throw look.reason;
    const { message } = coerceError(look.reason);
    cli.note(
      `The app ${plain(fullName(app))} (${app.id}) could not be read and is left out: ${plain(message)}`,
    );
  }
  return read;
}

async function askApps(
  cli: Cli,
  prompt: Prompt,
  apps: readonly SeenApp[],
  given: string | undefined,
): Promise<readonly SeenApp[]> {
  if (given !== undefined) return chooseApps(given, apps, { numbered: false });
  if (prompt.terminal) showApps(cli, apps);
  for (;;) {
    const answer = await prompt.ask('Which apps? Numbers, names or ids with commas between, or all: ');
    try {
      return chooseApps(answer, apps, { numbered: prompt.terminal });
    } catch (error) {
      if (!(error instanceof UsageError) || !prompt.terminal) throw error;
      cli.note(`${error.message}. ${error.hint ?? ''}`);
    }
  }
}

function showApps(cli: Cli, apps: readonly SeenApp[]): void {
  const wide = String(apps.length).length;
  let last: SeenApp['space'] | undefined;
  for (const [index, { id, name, space }] of apps.entries()) {
    if (space !== last) cli.note(`\n${plain([space.organization, space.name].filter(Boolean).join(' / '))}`);
    last = space;
    cli.note(`  ${String(index + 1).padStart(wide)}  ${plain(name)} (${id})`);
  }
  cli.note('');
}

/** Undefined: to be put in later. */
async function askPublicUrl(cli: Cli, prompt: Prompt): Promise<string | undefined> {
  for (;;) {
    const answer = await prompt.ask(
      'URL that Podio will call, like https://hooks.example.com/podio (empty: later): ',
    );
    if (answer === '') return undefined;
    const problem = urlProblem(answer);
    if (problem === undefined) return written(answer);
    if (!prompt.terminal) throw new UsageError(`the URL ${problem}, got ${answer}`);
    cli.note(`It ${problem}.`);
  }
}

const toJson = ({ name, app, tokenVariable }: InitialApp) => ({
  name,
  id: app.id,
  app: app.name,
  space: app.space.name,
  token: tokenVariable ?? null,
});

function tell(
  cli: Cli,
  files: Files,
  apps: readonly InitialApp[],
  publicUrl: string | undefined,
  isFound: boolean,
): void {
  const { env } = files;
  cli.print(
    `Wrote ${Object.values(files)
      .map(file => shown(cli, file))
      .join(', ')}: ${apps.length === 1 ? 'one app' : `${apps.length} apps`}.`,
  );
  const without = apps.filter(({ tokenVariable }) => tokenVariable === undefined).map(({ name }) => name);
  if (without.length > 0)
    cli.print(
      `Podio gave no token for ${without.join(', ')}: the login serves, and its password is in .env.`,
    );
  cli.print(
    `${shown(cli, env)} holds secrets (mode 0600): keep it out of git. The other files belong into it.`,
  );
  if (publicUrl === undefined)
    cli.print(`Put your own URL in place of ${PLACEHOLDER_URL} in ${shown(cli, files.config)}.`);
  const options = `${isFound ? '' : ` --config ${shown(cli, files.config)}`} --env-file ${shown(cli, env)}`;
  cli.print();
  cli.print('Next:');
  const wide = `podiod check${options}`.length;
  for (const [command, what] of [
    ['check', 'is it right?'],
    ['plan', 'what would be made at Podio?'],
    ['run', 'the daemon'],
  ] as const) {
    cli.print(`  ${`podiod ${command}${options}`.padEnd(wide)}  # ${what}`);
  }
}

/** Whether the commands find it by themselves: another one may stand before it. */
async function isFound({ io }: Cli, file: string): Promise<boolean> {
  const found = await findConfig({ cwd: io.cwd, env: io.env });
  return 'file' in found && found.file === file;
}

const shown = ({ io }: Cli, file: string): string => {
  const path = relative(io.cwd, file);
  return path.startsWith('..') ? file : path;
};
