import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { DeliveryPolicy, Rule, Trigger } from '../core/rule.ts';
import { check } from './check.ts';
import { complain, namesOf } from './context.ts';
import { showGiven } from './explain.ts';
import type { AppConfig, Config, LoginConfig, ServerConfig, SpaceConfig } from './model.ts';
import {
  type ConfigNode,
  child,
  emptyMap,
  type MapNode,
  type Path,
  placeAt,
  replaceAt,
  section,
  showPath,
} from './node.ts';
import { notSupported, reservedKey } from './reserved.ts';
import {
  AdminSchema,
  AppSchema,
  CatchUpSchema,
  ConfigSchema,
  DELIVERY_DEFAULTS,
  DefaultsSchema,
  DeliverySchema,
  LoginSchema,
  NAME,
  PodioSchema,
  ReconcileSchema,
  RetentionSchema,
  RuleHeadSchema,
  ServerSchema,
  SpaceSchema,
} from './schema.ts';
import { makePluginTable, type PluginTable, resolveSteps, type StepContext } from './steps.ts';
import { suggestion } from './suggest.ts';
import { checkTimezone, resolveTriggers } from './triggers.ts';
import { isLoopback, publicUrlProblems } from './urls.ts';

export interface ResolveContext extends StepContext {
  /** The config's main file, absolute. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * From the located tree to the config. Every part is checked by itself, so that a problem in one hides none in another;
 * undefined when there was an error (reported) or a value can't be known.
 */
export async function resolveConfig(context: ResolveContext): Promise<Config | undefined> {
  const { root } = context;
  if (root.kind === 'unknown') return undefined;
  if (root.kind !== 'map') {
    complain(
      context,
      'CONFIG_TYPE',
      [],
      `the config must be a map with keys like \`server\` and \`rules\`, given ${showGiven(root)}`,
    );
    return undefined;
  }
  await checkTopLevel(context, root);

  const server = await resolveServer(context);
  const admin = await part(context, AdminSchema, 'admin');
  checkPorts(context, server, admin);
  const podio = await part(context, PodioSchema, 'podio');
  checkApiUrl(context);
  const logins = await named(
    context,
    'logins',
    LoginSchema,
    (name, login): LoginConfig => ({ name, ...login }),
  );
  const apps = await named(
    context,
    'apps',
    AppSchema,
    (name, app): AppConfig => ({
      name,
      id: app.id,
      token: app.token,
      login: app.login,
      fields: app.fields,
    }),
  );
  const spaces = await named(
    context,
    'spaces',
    SpaceSchema,
    (name, space): SpaceConfig => ({ name, ...space }),
  );
  for (const key of ['apps', 'spaces'] as const) {
    checkLogins(context, key);
    checkUniqueIds(context, key);
  }
  const rules = await resolveRules(context);
  const reconcile = await part(context, ReconcileSchema, 'reconcile');
  const catchUp = await part(context, CatchUpSchema, 'catchUp');
  const retention = await part(context, RetentionSchema, 'retention');
  const stopTimeoutMs = await part(context, ConfigSchema.shape.stopTimeout, 'stopTimeout');
  const dataDir = await resolveDataDir(context);

  if (!server || !admin || !podio || !logins || !apps || !spaces || !rules) return undefined;
  if (!reconcile || !catchUp || !retention || stopTimeoutMs === undefined || dataDir === undefined)
    return undefined;
  return {
    file: context.file,
    dir: context.dir,
    server,
    admin: { host: admin.host, port: admin.port, token: admin.token },
    podio: { ...podio, apiUrl: podio.apiUrl.replace(/\/+$/, '') },
    dataDir,
    logins,
    apps,
    spaces,
    rules,
    reconcile: {
      everyMs: reconcile.every,
      mode: reconcile.mode,
      delete: reconcile.delete,
      maxDelete: reconcile.maxDelete,
    },
    catchUp: {
      everyMs: catchUp.every,
      overlapMs: catchUp.overlap,
      onStart: catchUp.onStart,
      unhooked: catchUp.unhooked,
    },
    retention: { eventsMs: retention.events, runsMs: retention.runs, size: retention.size },
    stopTimeoutMs,
  };
}

/** Unknown keys only: each section is checked by itself. */
async function checkTopLevel(context: ResolveContext, root: MapNode): Promise<void> {
  const shape = Object.fromEntries(Object.keys(ConfigSchema.shape).map(key => [key, z.unknown()]));
  await check(z.strictObject(shape).partial(), root, { ...context, path: [] });
}

/** One section; left out (or left empty) it consists of its defaults. */
async function part<T extends z.ZodType>(
  context: ResolveContext,
  schema: T,
  key: string,
): Promise<z.output<T> | undefined> {
  const node = section(context.root, key);
  if (node) return check(schema, node, { ...context, path: [key], onUnknownKey: reservedKey });
  const nothing = schema.safeParse(undefined);
  if (nothing.success) return nothing.data;
  const place = placeAt(context.root, [key]);
  return check(schema, emptyMap({ ...place }), { ...context, path: [key] });
}

/** A map of names; undefined when an entry has a problem. */
async function named<T extends z.ZodType, R>(
  context: ResolveContext,
  key: string,
  schema: T,
  make: (name: string, value: z.output<T>) => R,
): Promise<ReadonlyMap<string, R> | undefined> {
  const found = new Map<string, R>();
  let whole = true;
  const entries = entriesOf(context, key);
  for (const [name, node] of entries ?? []) {
    const value = await check(schema, node, { ...context, path: [key, name] });
    if (value === undefined) whole = false;
    else found.set(name, make(name, value));
  }
  return entries && whole ? found : undefined;
}

/** The entries of a section of names, with what is wrong about the section and the names reported. */
function entriesOf(context: ResolveContext, key: string): [string, ConfigNode][] | undefined {
  const node = section(context.root, key);
  if (!node) return [];
  if (node.kind === 'unknown') return undefined;
  if (node.kind !== 'map') {
    complain(context, 'CONFIG_TYPE', [key], `\`${key}\` must be a map of names, given ${showGiven(node)}`, {
      hint: node.kind === 'list' ? 'write `name: {...}` instead of `- {...}`' : undefined,
    });
    return undefined;
  }
  for (const [name, entry] of node.entries) {
    if (NAME.test(name)) continue;
    context.report({
      severity: 'error',
      code: 'CONFIG_NAME',
      message: `\`${name}\` is not a name for ${key}`,
      hint: 'names have small letters, digits, - and _, and start with a letter or digit',
      place: entry.key,
      path: [key, name],
    });
  }
  return [...node.entries].map(([name, entry]) => [name, entry.value]);
}

// ------------------------------------------------------------------------------------------------ server

async function resolveServer(context: ResolveContext): Promise<ServerConfig | undefined> {
  const server = await part(context, ServerSchema, 'server');
  const url = checkPublicUrl(context);
  if (!server || !url) return undefined;
  const { publicUrl: _, path = url.pathname, ...rest } = server;
  return {
    ...rest,
    secret: server.secret,
    publicUrl: `${url.origin}${url.pathname}`.replace(/\/+$/, ''),
    path: path.replace(/\/+$/, ''),
  };
}

/** Looked at by itself, since it is worth checking also where another setting of `server` can't be known. */
function checkPublicUrl(context: ResolveContext): URL | undefined {
  const server = section(context.root, 'server');
  const path = ['server', 'publicUrl'];
  const url = urlAt(child(server, 'publicUrl'));
  if (!url) return undefined;
  if (url.search || url.hash || url.username) {
    complain(context, 'CONFIG_PUBLIC_URL', path, 'the public URL can have no query, fragment or user name', {
      hint: 'leave only https://host/path',
    });
    return undefined;
  }
  const allowed = child(server, 'allowNonPublicUrl');
  const isAllowed = allowed?.kind === 'scalar' && String(allowed.value) === 'true';
  const problems = publicUrlProblems(url);
  for (const { message, hint } of problems) {
    complain(context, 'CONFIG_PUBLIC_URL', path, message, {
      severity: isAllowed ? 'warning' : 'error',
      hint: isAllowed ? hint : `${hint}; for tests, \`allowNonPublicUrl: true\` makes this a warning`,
    });
  }
  return url;
}

function checkApiUrl(context: ResolveContext): void {
  const path = ['podio', 'apiUrl'];
  const url = urlAt(child(section(context.root, 'podio'), 'apiUrl'));
  if (url?.protocol !== 'http:' || isLoopback(url)) return;
  complain(
    context,
    'CONFIG_INSECURE_URL',
    path,
    '`podio.apiUrl` must start with https://: tokens go over this line',
    {
      hint: 'plain http is for an emulator on this machine',
    },
  );
}

/** Undefined for what is no http URL, which the schema tells. */
function urlAt(node: ConfigNode | undefined): URL | undefined {
  if (node?.kind !== 'scalar' || typeof node.value !== 'string' || !/^https?:\/\//i.test(node.value))
    return undefined;
  return URL.parse(node.value) ?? undefined;
}

function checkPorts(
  context: ResolveContext,
  server: { host: string; port: number } | undefined,
  admin: { host: string; port: number } | undefined,
): void {
  if (!server || !admin || server.port === 0 || server.port !== admin.port) return;
  const all = (host: string) => host === '0.0.0.0' || host === '::';
  if (server.host !== admin.host && !all(server.host) && !all(admin.host)) return;
  const adminPort = child(section(context.root, 'admin'), 'port');
  const path = adminPort ? ['admin', 'port'] : ['server', 'port'];
  complain(
    context,
    'CONFIG_PORT_CLASH',
    path,
    `\`server\` and \`admin\` would both listen on port ${admin.port}`,
    {
      hint: 'give one of them another port',
    },
  );
}

async function resolveDataDir(context: ResolveContext): Promise<string | undefined> {
  const node = section(context.root, 'dataDir');
  if (!node) return defaultDataDir(context.file, context.env);
  const given = await check(ConfigSchema.shape.dataDir, node, { ...context, path: ['dataDir'] });
  return given === undefined ? undefined : resolve(dirname(node.place.file), given);
}

/** systemd's STATE_DIRECTORY may list several; the first is ours. */
export function defaultDataDir(file: string, env: Readonly<Record<string, string | undefined>>): string {
  const state = env.STATE_DIRECTORY?.split(':')[0];
  return state ? resolve(state) : resolve(dirname(file), 'data');
}

// ------------------------------------------------------------------------------------------------ apps, spaces

function checkLogins(context: ResolveContext, key: 'apps' | 'spaces'): void {
  const logins = namesOf(context.root, 'logins');
  const entries = section(context.root, key);
  if (entries?.kind !== 'map') return;
  for (const [name, { value }] of entries.entries) {
    const login = child(value, 'login');
    if (key === 'apps' && value.kind === 'map' && !login && !child(value, 'token')) {
      complain(
        context,
        'CONFIG_CREDENTIALS',
        ['apps', name],
        `the app \`${name}\` has neither a token nor a login`,
        {
          hint: 'give it the `token` from its Developer page, or the `login` of a user who sees it',
        },
      );
    }
    if (login?.kind !== 'scalar' || typeof login.value !== 'string' || login.value === '') continue;
    if (logins === undefined || logins.includes(login.value)) continue;
    complain(context, 'CONFIG_UNKNOWN_LOGIN', [key, name, 'login'], `unknown login ${showGiven(login)}`, {
      hint: suggestion(login.value, logins, 'configured') ?? 'add it to `logins`',
    });
  }
}

/** An event names one app; two names for one id would leave open which. */
function checkUniqueIds(context: ResolveContext, key: 'apps' | 'spaces'): void {
  const entries = section(context.root, key);
  if (entries?.kind !== 'map') return;
  const first = new Map<number, string>();
  for (const [name, { value }] of entries.entries) {
    const id = child(value, 'id');
    const number =
      id?.kind === 'scalar' && id.value !== null && id.value !== '' ? Number(id.value) : Number.NaN;
    if (!Number.isSafeInteger(number)) continue;
    const other = first.get(number);
    if (other === undefined) first.set(number, name);
    else {
      complain(
        context,
        'CONFIG_DUPLICATE_NAME',
        [key, name, 'id'],
        `\`${name}\` and \`${other}\` have the same id`,
        {
          hint: 'keep one of them and use its name in all rules',
          related: { place: placeAt(context.root, [key, other, 'id']), message: 'first here' },
        },
      );
    }
  }
}

// ------------------------------------------------------------------------------------------------ rules

type DeliveryPart = z.output<typeof DeliverySchema>;

async function resolveRules(context: ResolveContext): Promise<readonly Rule[] | undefined> {
  const defaults = await part(context, DefaultsSchema, 'defaults');
  const timezone =
    resolveTimezone(context, section(context.root, 'defaults'), ['defaults', 'timezone']) ??
    machineTimezone();
  const plugins = makePluginTable(context);
  const entries = entriesOf(context, 'rules');
  const rules: Rule[] = [];
  let whole = entries !== undefined && defaults !== undefined;
  const hooks = countHooks(context);
  for (const [name, node] of entries ?? []) {
    const rule = await resolveRule(context, plugins, name, node, timezone, defaults?.delivery ?? {});
    if (!rule) whole = false;
    else if (rule !== 'disabled') {
      rules.push(rule);
      hooks.add(rule.triggers, ['rules', name, 'on']);
    }
  }
  await plugins.checkUnused();
  return whole ? rules : undefined;
}

async function resolveRule(
  context: ResolveContext,
  plugins: PluginTable,
  name: string,
  written: ConfigNode,
  fallbackZone: string,
  defaults: DeliveryPart,
): Promise<Rule | 'disabled' | undefined> {
  const path = ['rules', name];
  let node = written;
  const enabled = child(node, 'enabled');
  if (enabled?.kind === 'scalar' && enabled.value === 'shadow') {
    context.report({
      severity: 'error',
      ...notSupported('`enabled: shadow`'),
      hint: 'write `enabled: true` or `enabled: false`',
      place: enabled.place,
      path: [...path, 'enabled'],
    });
    node = replaceAt(node, ['enabled'], { ...enabled, value: true });
  }
  const head = await check(RuleHeadSchema, node, {
    ...context,
    path,
    ignore: new Set(['on', 'steps']),
    onUnknownKey: reservedKey,
  });
  const timezone = resolveTimezone(context, node, [...path, 'timezone']) ?? fallbackZone;
  if (node.kind !== 'map') return undefined;
  for (const key of ['on', 'steps']) {
    if (node.entries.has(key)) continue;
    const near = key === 'on' ? 'say what starts the rule' : 'say what to do: a list of plugins';
    complain(context, 'CONFIG_MISSING', path, `\`${showPath([...path, key])}\` is missing`, { hint: near });
  }
  const on = child(node, 'on');
  const stepsNode = child(node, 'steps');
  const triggers = on && (await resolveTriggers(context, on, [...path, 'on'], timezone));
  const ruleDelivery = head?.delivery ?? {};
  const policy = (step: DeliveryPart): DeliveryPolicy => makePolicy(defaults, ruleDelivery, step);
  const steps = stepsNode && (await resolveSteps(context, plugins, stepsNode, [...path, 'steps'], policy));
  if (!head || !triggers || !steps) return undefined;
  if (!head.enabled) return 'disabled';
  return {
    name,
    triggers,
    steps: steps.steps,
    concurrency: ruleDelivery.concurrency ?? defaults.concurrency ?? DELIVERY_DEFAULTS.concurrency,
    startAt: head.startAt,
    timezone,
    fingerprint: steps.fingerprint,
  };
}

const BUILT_IN_POLICY = DeliverySchema.required().omit({ attempts: true }).parse(DELIVERY_DEFAULTS);

/** Each setting from the innermost that says it: step, rule, defaults, podiod's own. */
function makePolicy(...outerToInner: readonly DeliveryPart[]): DeliveryPolicy {
  const said: DeliveryPart = Object.assign({}, ...outerToInner.map(definedOnly));
  return {
    ...(said.attempts === undefined ? {} : { attempts: said.attempts }),
    retryForMs: said.retryFor ?? BUILT_IN_POLICY.retryFor,
    backoff: said.backoff ?? BUILT_IN_POLICY.backoff,
    deadlineMs: said.deadline ?? BUILT_IN_POLICY.deadline,
    whenExhausted: said.whenExhausted ?? BUILT_IN_POLICY.whenExhausted,
  };
}

const definedOnly = (part: DeliveryPart) =>
  Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined));

function resolveTimezone(
  context: ResolveContext,
  node: ConfigNode | undefined,
  path: Path,
): string | undefined {
  const zone = child(node, 'timezone');
  if (zone?.kind !== 'scalar' || typeof zone.value !== 'string' || zone.value === '') return undefined;
  return checkTimezone(context, zone.value, zone, path);
}

const machineTimezone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

const MAX_HOOKS = 10;

/** Podio's limit. One hook serves all rules that want the same, so only the fields of an app can add up to many. */
function countHooks(context: ResolveContext) {
  const apps = section(context.root, 'apps');
  const seen = new Map<string, Set<string>>();
  return {
    add(triggers: readonly Trigger[], path: Path) {
      const isList = child(nodeOf(context.root, path.slice(0, -1)), 'on')?.kind === 'list';
      for (const [index, trigger] of triggers.entries()) {
        if (trigger.kind !== 'app') continue;
        for (const app of trigger.apps) {
          for (const event of trigger.events) {
            const objects = seen.get(`${app} ${event}`) ?? new Set();
            seen.set(`${app} ${event}`, objects);
            const before = objects.size;
            if (!trigger.fields) objects.add('');
            for (const { field } of trigger.fields ?? []) objects.add(aliasOf(apps, app, field));
            if (before > MAX_HOOKS || objects.size <= MAX_HOOKS) continue;
            const at = isList ? [...path, index] : path;
            complain(
              context,
              'CONFIG_TOO_MANY_HOOKS',
              trigger.fields ? [...at, 'fields'] : at,
              `the rules up to here need ${objects.size} hooks for ${event} on the app \`${app}\`; Podio allows ${MAX_HOOKS}`,
              {
                hint: `watch the whole app with \`events: ${event}\` and let field-change-filter pick the fields`,
              },
            );
          }
        }
      }
    },
  };
}

function nodeOf(root: ConfigNode, path: Path): ConfigNode | undefined {
  return path.reduce<ConfigNode | undefined>((node, key) => child(node, String(key)), root);
}

function aliasOf(apps: ConfigNode | undefined, app: string, field: string): string {
  const alias = child(child(child(apps, app), 'fields'), field);
  return alias?.kind === 'scalar' ? String(alias.value) : field;
}
