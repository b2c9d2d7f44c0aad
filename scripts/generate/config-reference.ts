import type { ZodType } from 'zod';
import * as config from '../../src/config/schema.ts';
import { BACKOFF, DURATION, SHARE, SIZE } from '../../src/core/units.ts';
import { builtIns, type JsonSchema, toJsonSchema } from './json-schema.ts';

const INTRO = `# Config reference

This page is generated from the schema that a config is checked with; \`podiod check\` says where one does not fit it.
\`.podiorc.example.yml\` shows a whole one.

## Where it is looked for

The first that is there: \`--config FILE\`; \`$PODIOD_CONFIG\`; from the current directory up \`.podiorc\`, \`.podiorc.yml\`,
\`.podiorc.yaml\`, \`.podiorc.json\`, the same four without their first dot in \`.config/\`, and the key \`podio\` of
\`package.json\`; \`/etc/podiod/podiorc.yml\`. It is YAML 1.2 (or JSON), never code.

## Values

| form | meaning |
| --- | --- |
| \`\${NAME}\` | the environment variable; missing is a problem |
| \`\${NAME:-default}\` | the environment variable, or the default where it is missing or empty |
| \`\${file:PATH}\` | what the file holds, without one final newline |
| \`\${credential:NAME}\` | the systemd credential (\`LoadCredential=\`), without one final newline |
| \`$\${\` | a literal \`\${\` |

Variables that the environment lacks are read from \`--env-file FILE\`, \`NAME=value\` lines. (Node looks at that option before podiod
does: a file that is not there ends the command with \`node: FILE: not found\` and exit code 9.) An \`.env\` beside the config is not
read unasked; where it has a variable that is missing, the problem says so.

They stand in any value, not in keys, and are replaced after parsing: what a secret holds never changes the structure.
Where a number, \`true\` or \`false\` is wanted, the text is converted. A \`$NAME\` without
braces is text; \`check\` warns of it. Between \`{ }\` and \`[ ]\` they need quotes.

A **duration** has a unit: \`250ms\`, \`30s\`, \`10m\`, \`1h\`, \`7d\`. A **size** has one too: \`512b\`, \`64kb\`, \`10mb\`, \`2gb\` (1 kb
is 1024 bytes). A **share** is a percentage: \`30%\`. Relative paths are relative to the file they stand in. A **name** has
small letters, digits, \`-\` and \`_\`, and starts with a letter or digit. \`yes\`, \`no\`, \`on\` and \`off\` are text, not booleans.

Files under \`include\` merge into the config, map by map; the same name or setting twice is a problem. A pattern leaves out
files of tests (\`*.test.yml\`), which \`podiod test\` finds where they are. Top-level keys that start with \`x-\` are free for YAML
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
        retention: 'retention',
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
        'Each key is a name for steps. Besides `use` it holds options of the plugin; those of a step are merged over them ' +
        '(shallow). Built-in plugins need no entry. This is the only door for plugins of others.',
      schema: { properties: { use: of(config.PluginUseSchema) }, required: ['use'] },
    },
    { title: 'defaults', schema: of(config.DefaultsSchema), links: { delivery: 'delivery' } },
    {
      title: 'delivery',
      text:
        'In `defaults`, in a rule and (without `concurrency`) in a step; the innermost that says something counts. By default ' +
        `${Object.entries(config.DELIVERY_DEFAULTS)
          .map(([key, value]) => `\`${key}: ${value}\``)
          .join(', ')}.`,
      schema: of(config.DeliverySchema),
    },
    {
      title: 'rules',
      text: 'Each key is the name of a rule, with:',
      schema: of(config.RuleSchema),
      links: { on: 'triggers', steps: 'steps', delivery: 'delivery' },
    },
    {
      title: 'Triggers',
      text: 'What stands under `on`, one or a list of them. Changes in apps:',
      schema: of(config.AppTriggerSchema),
    },
    {
      title: '',
      text: 'Under `fields`, a map has for each field:',
      schema: of(config.FieldConditionSchema),
    },
    { title: '', text: 'A date of items in apps:', schema: of(config.DateTriggerSchema) },
    { title: '', text: 'Changes in spaces:', schema: of(config.SpaceTriggerSchema) },
    { title: '', text: 'The clock:', schema: of(config.ScheduleTriggerSchema) },
    { title: '', text: '`items` of a schedule:', schema: of(config.ItemSelectionSchema) },
    {
      title: 'Steps',
      text: "A step is a plugin's name, or a map with the plugin's name as a key (its value: options) and any of these beside it:",
      schema: of(config.StepHeadSchema),
      links: { delivery: 'delivery' },
    },
    { title: 'reconcile', schema: of(config.ReconcileSchema) },
    { title: 'catchUp', schema: of(config.CatchUpSchema) },
    { title: 'retention', schema: of(config.RetentionSchema) },
    ...builtIns.map(({ name, options }) => ({
      title: `Built in: ${name}`,
      text: `More on it in [its README](../plugins/${name}/README.md).`,
      schema: options,
    })),
  ];
};

export const configReference = (): string => `${INTRO}\n${sections().map(renderSection).join('\n')}`;

function renderSection({ title, text, schema, links = {} }: Section): string {
  const rows = Object.entries(schema.properties ?? {}).map(([key, value]) => {
    const shown = links[key] === undefined ? `\`${key}\`` : `[\`${key}\`](#${links[key]})`;
    const isRequired = schema.required?.includes(key) ?? false;
    const cells = [shown, typeOf(value), defaultOf(value, isRequired), value.description ?? ''];
    return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  const table = ['| key | type | default | meaning |', '| --- | --- | --- | --- |', ...rows];
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

function typeOf(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.map(value => `\`${String(value)}\``).join(' | ');
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.anyOf) {
    const types = [...new Set(schema.anyOf.map(typeOf))];
    // What a field can be compared with is about anything.
    return types.length > 4 ? 'value | list of values' : types.join(' | ');
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
