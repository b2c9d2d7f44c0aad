import type { ZodType } from 'zod';
import * as config from '../../src/config/schema.ts';
import { BACKOFF, DURATION, SHARE, SIZE } from '../../src/core/units.ts';
import { builtIns, type JsonSchema, toJsonSchema } from './json-schema.ts';

const INTRO = `# Config reference

This page is generated from the schema that podiod checks a config with. \`podiod check\` names every place where a config does not
fit it. \`.podiorc.example.yml\` is a complete example.

## Where podiod looks for it

podiod takes the first of these:

1. \`--config FILE\`
2. \`$PODIOD_CONFIG\`
3. in the current directory, then in each one above it: \`.podiorc\`, \`.podiorc.yml\`, \`.podiorc.yaml\`, \`.podiorc.json\`, the same four
   without the first dot in \`.config/\`, and the key \`podio\` of \`package.json\`
4. \`/etc/podiod/podiorc.yml\`

The file is YAML 1.2 (or JSON), never code.

## Values

| form | meaning |
| --- | --- |
| \`\${NAME}\` | the environment variable; it is a problem if it is missing |
| \`\${NAME:-default}\` | the environment variable, or the default if it is missing or empty |
| \`\${file:PATH}\` | what the file holds, without one final newline |
| \`\${credential:NAME}\` | the systemd credential (\`LoadCredential=\`), without one final newline |
| \`$\${\` | a literal \`\${\` |

They can be part of any value, but not of a key. They are replaced after parsing, so the text of a secret never changes the config's
structure. Where a number, \`true\` or \`false\` is wanted, the text is converted. Between \`{ }\` and \`[ ]\` they need quotes. A \`$NAME\`
without braces is plain text; \`check\` warns of it.

Variables that the environment lacks are taken from \`--env-file FILE\`, which has \`NAME=value\` lines. (If there is no such file, Node
ends the command before podiod starts, with \`node: FILE: not found\` and exit code 9.) An \`.env\` beside the config is not read unless
\`--env-file\` names it; if it has a variable that is missing, the problem says so.

A **duration** has a unit: \`250ms\`, \`30s\`, \`10m\`, \`1h\`, \`7d\`. A **size** has one too: \`512b\`, \`64kb\`, \`10mb\`, \`2gb\` (1 kb
is 1024 bytes). A **share** is a percentage: \`30%\`. A **name** has small letters, digits, \`-\` and \`_\`, and starts with a letter or
digit. Relative paths are relative to the file that they stand in. \`yes\`, \`no\`, \`on\` and \`off\` are text, not booleans.

Files under \`include\` are merged into the config, map by map; it is a problem if a name or setting is given twice. Patterns leave out
files of tests (\`*.test.yml\`), which \`podiod test\` finds by itself. Top-level keys that start with \`x-\` are free for YAML
anchors, and merge keys (\`<<: *anchor\`) work.
`;

interface Section {
  readonly title: string;
  readonly text?: string;
  readonly schema: JsonSchema;
  /** Keys that have a section of their own are linked to it. */
  readonly links?: Readonly<Record<string, string>>;
}

const sections = (): readonly Section[] => {
  const of = (schema: ZodType) => toJsonSchema(schema);
  return [
    {
      title: 'Top level',
      schema: of(config.ConfigSchema),
      links: {
        server: 'server',
        admin: 'admin',
        podio: 'podio',
        logins: 'logins',
        apps: 'apps',
        spaces: 'spaces',
        plugins: 'plugins',
        defaults: 'defaults',
        rules: 'rules',
        reconcile: 'reconcile',
        catchUp: 'catchup',
        outbound: 'outbound',
        retention: 'retention',
        alarms: 'alarms',
      },
    },
    { title: 'server', schema: of(config.ServerSchema) },
    { title: 'admin', schema: of(config.AdminSchema) },
    { title: 'podio', schema: of(config.PodioSchema) },
    { title: 'logins', text: 'Each key is a name, with:', schema: of(config.LoginSchema) },
    {
      title: 'apps',
      text: 'Each key is a name, with an `id` and a `token` or a `login`:',
      schema: of(config.AppSchema),
    },
    { title: 'spaces', text: 'Each key is a name, with:', schema: of(config.SpaceSchema) },
    {
      title: 'plugins',
      text:
        'Each key is a name that steps use. Besides `use` it holds options of the plugin; an option of a step replaces the one ' +
        'given here. Built-in plugins need no entry; all others must have one.',
      schema: { properties: { use: of(config.PluginUseSchema) }, required: ['use'] },
    },
    { title: 'defaults', schema: of(config.DefaultsSchema), links: { delivery: 'delivery' } },
    {
      title: 'delivery',
      text:
        'Stands in `defaults`, in a rule and (without `concurrency`) in a step. A key of the step counts before that of the rule, ' +
        'and that of the rule before that of `defaults`. By default ' +
        `${Object.entries(config.DELIVERY_DEFAULTS)
          .map(([key, value]) => `\`${key}: ${value}\``)
          .join(', ')}.`,
      schema: of(config.DeliverySchema),
    },
    {
      title: 'rules',
      text: 'Each key is the name of a rule, with:',
      schema: of(config.RuleSchema),
      links: { on: 'triggers', steps: 'steps', mode: 'mode', expect: 'expect', delivery: 'delivery' },
    },
    {
      title: 'Triggers',
      text: '`on` has one trigger or a list of them. For changes in apps:',
      schema: of(config.AppTriggerSchema),
    },
    {
      title: '',
      text: 'If `fields` is a map, each field in it has:',
      schema: of(config.FieldConditionSchema),
    },
    { title: '', text: 'For a date that items have:', schema: of(config.DateTriggerSchema) },
    { title: '', text: 'For changes in spaces:', schema: of(config.SpaceTriggerSchema) },
    { title: '', text: 'For a schedule:', schema: of(config.ScheduleTriggerSchema) },
    { title: '', text: '`items` of a schedule:', schema: of(config.ItemSelectionSchema) },
    { title: '', text: 'For trouble with podiod itself:', schema: of(config.PodiodTriggerSchema) },
    {
      title: 'mode',
      text: '`mode` is `each`, `latest` or one of three maps. The first gathers the edits of an item:',
      schema: of(config.SettleSchema),
    },
    {
      title: '',
      text: 'The second, `batch`, gathers events of many items. It holds a map:',
      schema: within(of(config.BatchSchema), 'batch'),
    },
    {
      title: '',
      text: 'The third, `throttle`, also holds a map:',
      schema: within(of(config.ThrottleSchema), 'throttle'),
    },
    { title: 'expect', schema: within(of(config.RuleHeadSchema), 'expect') },
    {
      title: 'Steps',
      text: "A step is a plugin's name, or a map with the plugin's name as a key, whose value has the options, and any of these beside it:",
      schema: of(config.StepHeadSchema),
      links: { delivery: 'delivery' },
    },
    { title: 'reconcile', schema: of(config.ReconcileSchema) },
    { title: 'catchUp', schema: of(config.CatchUpSchema) },
    { title: 'outbound', schema: of(config.OutboundSchema) },
    { title: 'retention', schema: of(config.RetentionSchema) },
    { title: 'alarms', schema: of(config.AlarmsSchema) },
    ...builtIns.map(({ name, options }) => ({
      title: `Built in: ${name}`,
      text: `Explained in [its README](../plugins/${name}/README.md).`,
      schema: options,
    })),
  ];
};

/** Of one key, which is a map itself. */
const within = (schema: JsonSchema, key: string): JsonSchema => schema.properties?.[key] ?? {};

export const configReference = (): string => `${INTRO}\n${sections().map(renderSection).join('\n')}`;

function renderSection({ title, text, schema, links = {} }: Section): string {
  const rows = Object.entries(schema.properties ?? {}).map(([key, value]) => {
    const shown = links[key] === undefined ? `\`${key}\`` : `[\`${key}\`](#${links[key]})`;
    const isRequired = schema.required?.includes(key) ?? false;
    const cells = [shown, typeOf(value), defaultOf(value, isRequired), value.description ?? ''];
    return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  const head = ['| key | type | default | meaning |', '| --- | --- | --- | --- |'];
  const table = rows.length === 0 ? ['No options.'] : [...head, ...rows];
  return [...(title ? [`## ${title}`, ''] : []), ...(text ? [text, ''] : []), ...table, ''].join('\n');
}

function defaultOf(schema: JsonSchema, isRequired: boolean): string {
  if (isRequired) return '(required)';
  const { default: value } = schema;
  // What consists of defaults only has them in its own section.
  if (value === undefined || (typeof value === 'object' && value !== null && !Array.isArray(value)))
    return '';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

const UNITS = new Map([
  [DURATION.source, 'duration'],
  [SIZE.source, 'size'],
  [SHARE.source, 'share'],
  [BACKOFF.source, 'duration..duration'],
  [config.NAME.source, 'name'],
]);

const FORMATS = new Map([
  ['uri', 'URL'],
  ['path', 'path'],
]);

const ANY_VALUE = 'value | list of values';

function typeOf(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.map(value => `\`${String(value)}\``).join(' | ');
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.anyOf) {
    const types = [...new Set(schema.anyOf.map(typeOf))];
    // What a field can be compared with is about anything.
    if (types.length > 4 || types.includes(ANY_VALUE)) return ANY_VALUE;
    return types.join(' | ');
  }
  switch (schema.type) {
    case 'string':
      return (schema.pattern && UNITS.get(schema.pattern)) ?? FORMATS.get(schema.format ?? '') ?? 'text';
    case 'integer':
      return 'whole number';
    case 'boolean':
      return '`true` | `false`';
    case 'array':
      return `list of ${schema.items ? typeOf(schema.items).replaceAll(' | ', ' or ') : 'anything'}`;
    case 'object':
      return 'map';
    case undefined:
      return 'anything';
    default:
      return schema.type;
  }
}
