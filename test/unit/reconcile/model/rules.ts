import type { AppConfig, SpaceConfig } from '../../../../src/config/model.ts';
import type { Rule, Trigger } from '../../../../src/core/rule.ts';

export const rule = (name: string, ...triggers: readonly Trigger[]): Rule => ({
  name,
  triggers,
  steps: [],
  concurrency: 1,
  startAt: 'head',
  timezone: 'UTC',
  fingerprint: name,
});

export const onApp = (app: string | readonly string[], ...events: readonly string[]): Trigger => ({
  kind: 'app',
  apps: typeof app === 'string' ? [app] : app,
  events,
});

export const onFields = (app: string, fields: readonly string[], ...events: readonly string[]): Trigger => ({
  kind: 'app',
  apps: [app],
  events,
  fields: fields.map(field => ({ field })),
});

export const onSpace = (space: string, ...events: readonly string[]): Trigger => ({
  kind: 'space',
  spaces: [space],
  events,
});

export const appsOf = (
  ids: Readonly<Record<string, number>>,
  fields: Readonly<Record<string, string>> = {},
): ReadonlyMap<string, AppConfig> =>
  new Map(
    Object.entries(ids).map(([name, id]) => [name, { name, id, token: 'token', login: undefined, fields }]),
  );

export const spacesOf = (ids: Readonly<Record<string, number>>): ReadonlyMap<string, SpaceConfig> =>
  new Map(Object.entries(ids).map(([name, id]) => [name, { name, id, login: 'bot' }]));
