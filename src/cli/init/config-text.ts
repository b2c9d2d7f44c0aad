/** The first config, as text: people go on from it by hand. */
import { isLoopback, publicUrlProblems } from '../../config/urls.ts';
import type { SeenApp } from '../../podio/discover.ts';

export interface InitialApp {
  readonly name: string;
  readonly app: SeenApp;
  /** The variable that holds its token; undefined where Podio gave none: then the login serves. */
  readonly tokenVariable: string | undefined;
}

export interface InitialConfig {
  readonly apps: readonly InitialApp[];
  /** Undefined: a place to put it. */
  readonly publicUrl: string | undefined;
  /** Undefined: Podio's own. */
  readonly apiUrl: string | undefined;
  /** The editor's schema, as it is called beside the config. */
  readonly schema: string;
}

export const LOGIN = 'bot';

/** Where nothing better is known: an address that nobody has. */
export const PLACEHOLDER_URL = 'https://hooks.example.com/podio';

export function configText({ apps, publicUrl, apiUrl, schema }: InitialConfig): string {
  const url = publicUrl === undefined ? undefined : new URL(publicUrl);
  const isPublic = url === undefined || publicUrlProblems(url, true).length === 0;
  const needsLogin = apps.some(({ tokenVariable }) => tokenVariable === undefined);
  // Nothing stands between this machine and itself.
  const port = url && isLoopback(url) && url.port !== '' ? url.port : '8080';
  return [
    `# yaml-language-server: $schema=./${schema}`,
    '# Made by `podiod init`. Every key is explained in docs/config.md. Secrets stand in .env: `podiod run --env-file .env`.',
    '',
    'server:',
    `  publicUrl: ${publicUrl ?? PLACEHOLDER_URL} # what Podio calls: https on 443, or http on 80`,
    ...(publicUrl === undefined
      ? ['  # ^ put your own here: a host that the internet can reach, with a proxy']
      : []),
    ...(isPublic ? [] : ['  allowNonPublicUrl: true # Podio itself can not call this one']),
    `  port: ${port} # where podiod listens`,
    'podio:',
    ...(apiUrl === undefined ? [] : [`  apiUrl: ${apiUrl}`]),
    `  clientId: ${variable('PODIO_CLIENT_ID')}`,
    `  clientSecret: ${variable('PODIO_CLIENT_SECRET')}`,
    'dataDir: ./data',
    ...(needsLogin
      ? [
          'logins: # for apps whose token nobody gave',
          `  ${LOGIN}: { username: "${variable('PODIO_USERNAME')}", password: "${variable('PODIO_PASSWORD')}" }`,
        ]
      : []),
    'apps:',
    ...apps.map(appLine),
    'plugins:',
    '  audit: { use: file-logger, path: ./events.ndjson }',
    '',
    'rules:',
    '  # One line of JSON for everything that happens to items. See it work, then write rules of your own.',
    '  everything:',
    '    on: { app: "*", events: "item.*" }',
    '    steps: [audit]',
    '',
  ].join('\n');
}

function appLine({ name, app, tokenVariable }: InitialApp): string {
  const access = tokenVariable === undefined ? `login: ${LOGIN}` : `token: "${variable(tokenVariable)}"`;
  const comment = `${app.name}, in ${app.space.name}`.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
  return `  ${yamlKey(name)}: { id: ${app.id}, ${access} } # ${comment}`;
}

/** A name that YAML would read as something else: 007, true, null. */
const yamlKey = (name: string): string =>
  /^([0-9].*|true|false|null|[yn]|yes|no|on|off)$/.test(name) ? `"${name}"` : name;

const variable = (name: string): string => `\${${name}}`;
