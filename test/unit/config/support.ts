import { definePlugin, z } from 'podiod/plugin';
import email from '../../../plugins/email/index.ts';
import fieldChangeFilter from '../../../plugins/field-change-filter/index.ts';
import fileLogger from '../../../plugins/file-logger/index.ts';
import httpRequest from '../../../plugins/http-request/index.ts';
import podioComment from '../../../plugins/podio-comment/index.ts';
import podioFind from '../../../plugins/podio-find/index.ts';
import podioItem from '../../../plugins/podio-item/index.ts';
import podioTask from '../../../plugins/podio-task/index.ts';
import slackNotifier from '../../../plugins/slack-notifier/index.ts';
import split from '../../../plugins/split/index.ts';
import type { LoadPlugin, PluginInfo } from '../../../src/config/load.ts';

export const builtIns = ['field-change-filter', 'file-logger', 'slack-notifier'];

/** A plugin of somebody else: options of every kind, none of them strict, with a secret and a number. */
const invoice: PluginInfo = {
  name: 'invoice',
  options: z.object({
    url: z.url(),
    retries: z.number().int().min(0).default(3),
    live: z.boolean().default(false),
    pass: z.string().min(8).meta({ secret: true }).optional(),
    lines: z.array(z.object({ sku: z.string(), amount: z.number().positive() })).optional(),
    mode: z.union([z.literal('draft'), z.object({ send: z.email() })]).optional(),
  }),
};

/** One that says what it writes at Podio. */
const writer = definePlugin({
  name: 'writer',
  options: z.object({
    app: z.string().optional(),
    set: z.record(z.string(), z.string()),
    hook: z.boolean().optional(),
  }),
  writes: ({ app, set, hook }) => [{ app, event: 'item.update', fields: Object.keys(set), hook }],
  setup: () => ({ operator: messages$ => messages$ }),
});

const known = new Map<string, PluginInfo>([
  ['field-change-filter', fieldChangeFilter],
  ['file-logger', fileLogger],
  ['slack-notifier', slackNotifier],
  ['email', email],
  ['podio-comment', podioComment],
  ['podio-find', podioFind],
  ['podio-item', podioItem],
  ['podio-task', podioTask],
  ['http-request', httpRequest],
  ['split', split],
  ['acme-invoice', invoice],
  ['acme-writer', writer],
]);

/** The built-ins as they are, the package `acme-invoice`, and nothing else. */
export const loadPlugin: LoadPlugin = async use => {
  const plugin = known.get(use);
  if (plugin) return plugin;
  if (use.endsWith('invoice.ts')) return invoice;
  return {
    error: `plugin ${use.split('/').at(-1)} can't be loaded: there is no such file`,
    hint: 'install it',
  };
};
