import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { showDuration } from '../core/duration.ts';
import type { FieldUse } from '../core/field-use.ts';
import type { Rule } from '../core/rule.ts';
import { DAY_MS } from '../core/zone.ts';
import { checkLogins, checkUniqueIds } from './accounts.ts';
import { check } from './check.ts';
import { complain, namesOf } from './context.ts';
import { showGiven } from './explain.ts';
import type { AppConfig, Config, LoginConfig, SpaceConfig } from './model.ts';
import { type MapNode, section } from './node.ts';
import { resolveRules } from './rules.ts';
import {
  AdminSchema,
  AlarmsSchema,
  AppSchema,
  CatchUpSchema,
  ConfigSchema,
  LoginSchema,
  OutboundSchema,
  PodioSchema,
  ReconcileSchema,
  RetentionSchema,
  SpaceSchema,
} from './schema.ts';
import { named, part, type ResolveContext } from './sections.ts';
import { checkAdminHost, checkApiUrl, checkPorts, resolveServer } from './server.ts';
import { resolveTests } from './tests.ts';

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
  checkAdminHost(context, admin);
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
  context.fields.aliases();
  const rules = await resolveRules(context);
  const disabledRules = rules && disabledOf(root, rules);
  const tests =
    rules &&
    (await resolveTests(context, {
      apps: namesOf(root, 'apps') ?? [],
      spaces: namesOf(root, 'spaces') ?? [],
      rules,
      disabled: disabledRules ?? [],
    }));
  const reconcile = await part(context, ReconcileSchema, 'reconcile');
  const catchUp = await part(context, CatchUpSchema, 'catchUp');
  const outbound = await part(context, OutboundSchema, 'outbound');
  const retention = await part(context, RetentionSchema, 'retention');
  checkExpectations(context, rules ?? [], retention?.events);
  const alarms = await part(context, AlarmsSchema, 'alarms');
  const stopTimeoutMs = await part(context, ConfigSchema.shape.stopTimeout, 'stopTimeout');
  const dataDir = await resolveDataDir(context);

  if (!server || !admin || !podio || !logins || !apps || !spaces || !rules || !tests) return undefined;
  if (
    !outbound ||
    !reconcile ||
    !catchUp ||
    !retention ||
    !alarms ||
    stopTimeoutMs === undefined ||
    dataDir === undefined
  )
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
    ...(context.catalog && { catalog: context.catalog }),
    fieldUses: usesOf(context, rules),
    rules,
    disabledRules: disabledRules ?? [],
    ...(tests.length > 0 && { tests }),
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
    outbound: { hosts: outbound.hosts, private: outbound.private },
    retention: { eventsMs: retention.events, runsMs: retention.runs, size: retention.size },
    alarms: { afterMs: alarms.after, disk: alarms.disk, budget: alarms.budget },
    stopTimeoutMs,
  };
}

/** When something last came is known for as long as its event is kept. */
function checkExpectations(
  context: ResolveContext,
  rules: readonly Rule[],
  eventsMs = Number.POSITIVE_INFINITY,
): void {
  for (const { name, expect } of rules) {
    if (expect === undefined || longestQuiet(expect) <= eventsMs) continue;
    const path = ['rules', name, 'expect', 'every'];
    const kept = `than events are kept (${showDuration(eventsMs)})`;
    const days = expect.days ? ', with the days in between that do not count,' : '';
    const said = `\`${path.join('.')}\`${days} is longer ${kept}`;
    complain(context, 'CONFIG_VALUE', path, said, { hint: 'make it shorter, or `retention.events` longer' });
  }
}

const HOUR_MS = 3_600_000;

/** How long it may be quiet at the longest, days that do not count included. Of these one may have 25 hours. */
function longestQuiet({ everyMs, days }: NonNullable<Rule['expect']>): number {
  if (days === undefined || days.length === 7) return everyMs;
  // It is longest from the beginning of some day on: after that, time that counts takes its own length.
  return Math.max(...Array.from({ length: 7 }, (_, first) => quietFrom(first, everyMs, days))) + HOUR_MS;
}

function quietFrom(first: number, everyMs: number, days: readonly number[]): number {
  let idle = 0;
  for (let day = first, left = everyMs; left > 0; day++) {
    if (days.includes(day % 7)) left -= DAY_MS;
    else idle += DAY_MS;
  }
  return everyMs + idle;
}

/** All rules are right, so those that are written and don't run are disabled. */
function disabledOf(root: MapNode, rules: readonly Rule[]): readonly string[] {
  const written = section(root, 'rules');
  const running = new Set(rules.map(({ name }) => name));
  return written?.kind === 'map' ? [...written.entries.keys()].filter(name => !running.has(name)) : [];
}

/** Of rules that run: a disabled one is checked, and otherwise as if it were not there. */
function usesOf({ fields, lineOf }: ResolveContext, rules: readonly Rule[]): readonly FieldUse[] {
  const names = new Set(rules.map(({ name }) => name));
  return fields
    .uses()
    .filter(({ rule }) => names.has(rule))
    .map(({ place, ...use }) => ({ ...use, file: place.file, line: lineOf(place) }));
}

/** Unknown keys only: each section is checked by itself. */
async function checkTopLevel(context: ResolveContext, root: MapNode): Promise<void> {
  const shape = Object.fromEntries(Object.keys(ConfigSchema.shape).map(key => [key, z.unknown()]));
  await check(z.strictObject(shape).partial(), root, { ...context, path: [] });
}

/** Whether this user may use it only shows where podiod runs: a config is also checked elsewhere, and by others. */
async function resolveDataDir(context: ResolveContext): Promise<string | undefined> {
  const dataDir = await wantedDataDir(context);
  const file = dataDir === undefined ? undefined : await context.fileAt(dataDir);
  if (file === undefined) return dataDir;
  const what = file === dataDir ? 'which' : `but ${file}`;
  complain(
    context,
    'CONFIG_DATA_DIR',
    ['dataDir'],
    `dataDir is to be the folder ${dataDir}, ${what} is not a folder`,
    {
      hint: 'move what is there away, or give another dataDir',
    },
  );
  return undefined;
}

async function wantedDataDir(context: ResolveContext): Promise<string | undefined> {
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
