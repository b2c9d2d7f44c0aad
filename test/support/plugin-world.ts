import type { Clock } from '../../src/core/clock.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { PodioEvent } from '../../src/core/event.ts';
import type { Log, LogFields } from '../../src/core/log.ts';
import type { Item } from '../../src/core/podio.ts';
import type { Rule, Step } from '../../src/core/rule.ts';
import { makeAttribution } from '../../src/plugin/attribution.ts';
import type { Changes, PluginDefinition, PluginPodio } from '../../src/plugin/contract.ts';
import { type HostDeps, makePluginHost, type StepTask } from '../../src/plugin/host.ts';
import type { ItemReader } from '../../src/podio/contract.ts';

/** A log that keeps its lines, children's fields included. */
function keepingLog(): Log & {
  readonly lines: { level: string; message: string; fields: LogFields }[];
} {
  const lines: { level: string; message: string; fields: LogFields }[] = [];
  const at = (outer: LogFields): Log => {
    const write =
      (level: string) =>
      (message: string, fields: LogFields = {}) => {
        lines.push({ level, message, fields: { ...outer, ...fields } });
      };
    return {
      error: write('error'),
      warn: write('warn'),
      info: write('info'),
      debug: write('debug'),
      child: fields => at({ ...outer, ...fields }),
    };
  };
  return Object.assign(at({}), { lines });
}

export const event = (over: Partial<PodioEvent> = {}): PodioEvent => ({
  seq: 7,
  id: 'item.update:4711:3',
  type: 'item.update',
  source: 'webhook',
  ref: { type: 'app', id: 101 },
  app: 'leads',
  itemId: 4711,
  revision: 3,
  params: { type: 'item.update', item_id: '4711', item_revision_id: '3' },
  receivedAt: '2026-01-01T00:00:00.000Z',
  ...over,
});

export const task = (over: Partial<StepTask> = {}): StepTask => ({
  event: event(),
  data: {},
  deliveryKey: 'won/item.update:4711:3/probe',
  deadlineMs: 5000,
  signal: new AbortController().signal,
  ...over,
});

export const step = (over: Partial<Step> = {}): Step => ({
  name: 'probe',
  plugin: 'probe',
  use: 'probe',
  options: {},
  onError: 'park',
  delivery: {
    retryForMs: 86_400_000,
    backoff: { fromMs: 1000, toMs: 60_000 },
    deadlineMs: 5000,
    whenExhausted: 'park',
  },
  ...over,
});

export const rule = (steps: readonly Step[], over: Partial<Rule> = {}): Rule => ({
  name: 'won',
  triggers: [],
  steps,
  concurrency: 4,
  startAt: 'head',
  timezone: 'UTC',
  fingerprint: 'f',
  ...over,
});

export const wonItem: Item = {
  item_id: 4711,
  app_item_id: 12,
  title: 'Acme & Sons',
  link: 'https://podio.com/x?a=1&b=2',
  fields: [
    {
      field_id: 1,
      external_id: 'status',
      type: 'category',
      label: 'Status',
      values: [{ value: { id: 3, text: 'Won' } }],
    },
    {
      field_id: 2,
      external_id: 'deal-value-2',
      type: 'money',
      label: 'Value',
      values: [{ value: '1000.0000', currency: 'USD' }],
    },
  ],
  tags: ['vip'],
};

export const wonChanges = (): Changes =>
  new Map([
    [
      'status',
      {
        fieldId: 1,
        type: 'category',
        label: 'Status',
        from: [{ value: { id: 1, text: 'Open <1>' } }],
        to: [{ value: { id: 3, text: 'Won' } }],
      },
    ],
  ]);

/** A reader of one item; of comments, files and tasks there are none unless given. */
export const readerOf = (
  item: ItemReader['item'],
  changes: ItemReader['changes'] = async () => new Map(),
  over: Partial<ItemReader> = {},
): ItemReader => ({
  item,
  changes,
  spanned: async events => changes(events.at(-1) ?? event()),
  actor: async () => undefined,
  comment: async () => undefined,
  files: async () => [],
  task: async () => undefined,
  ...over,
});

/** A host with one plugin; everything else is memory. Effects can be replaced. */
export function pluginWorld(
  plugin: PluginDefinition | Error,
  over: Partial<HostDeps> & { clock?: Clock } = {},
) {
  const log = keepingLog();
  const attribution = makeAttribution(log);
  const values = new Map<string, unknown>();
  const host = makePluginHost({
    loader: {
      load: async () => {
        if (plugin instanceof Error) throw plugin;
        return plugin;
      },
    },
    reader: readerOf(
      async () => wonItem,
      async () => wonChanges(),
    ),
    podioFor: () => ({}) as PluginPodio,
    values: {
      get: async (space, key) => values.get(`${space}:${key}`),
      set: async (space, key, value) => void values.set(`${space}:${key}`, value),
      delete: async (space, key) => void values.delete(`${space}:${key}`),
      async update(space, key, fn) {
        values.set(`${space}:${key}`, fn(values.get(`${space}:${key}`)));
        return values.get(`${space}:${key}`);
      },
    },
    log,
    clock: systemClock,
    fetch: globalThis.fetch,
    attribution,
    apps: app =>
      app === 'leads' || app === 101 ? { id: 101, fields: { value: 'deal-value-2' } } : undefined,
    random: () => 1,
    ...over,
  });
  return { host, log, attribution, values };
}
