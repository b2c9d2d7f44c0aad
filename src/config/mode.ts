import type { BatchEnd, Mode, Trigger } from '../core/rule.ts';
import { didYouMean } from '../core/suggest.ts';
import { parseTimeOfDay } from '../language/time-of-day.ts';
import { check } from './check.ts';
import { type Context, complain } from './context.ts';
import { showGiven } from './explain.ts';
import { type ConfigNode, child, type Path, showPath } from './node.ts';
import { BatchSchema, SettleSchema, ThrottleSchema } from './schema.ts';

const EXAMPLES = {
  settle: '{ settle: 2m }',
  batch: '{ batch: { max: 100, within: 10m } }',
  throttle: '{ throttle: { max: 10, per: 1m } }',
} as const;
const KINDS = ['settle', 'batch', 'throttle'] as const;
const WORDS = `each, latest, ${EXAMPLES.settle}, ${EXAMPLES.batch} or ${EXAMPLES.throttle}`;

/** Where nobody says otherwise, edits that never stop are waited for so many times as long as one pause. */
const PATIENCE = 30;

/** What stands under `mode`. Undefined where it has a problem (reported) or can't be known. */
export async function resolveMode(
  context: Context,
  node: ConfigNode,
  path: Path,
  triggers: readonly Trigger[] | undefined,
): Promise<Mode | 'each' | undefined> {
  if (node.kind === 'unknown') return undefined;
  if (node.kind === 'scalar' && (node.value === 'each' || node.value === 'latest')) {
    return node.value === 'each' ? 'each' : { kind: 'latest' };
  }
  const kinds = node.kind === 'map' ? KINDS.filter(kind => node.entries.has(kind)) : [];
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    const keys = node.kind === 'map' ? [...node.entries.keys()] : [];
    const map = keys.length > 0 ? `a map with ${keys.map(key => `\`${key}\``).join(', ')}` : showGiven(node);
    const given = kinds.length > 1 ? `both ${kinds.join(' and ')}` : map;
    const code = node.kind === 'list' ? 'CONFIG_TYPE' : 'CONFIG_VALUE';
    const [hint] =
      node.kind === 'scalar'
        ? [hintFor(String(node.value))]
        : keys.flatMap(key => (kinds.length === 0 && didYouMean(key, KINDS)) || []);
    complain(context, code, path, `\`${showPath(path)}\` must be ${WORDS}, given ${given}`, { hint });
    return undefined;
  }
  if (kind === 'settle') return resolveSettle(context, node, path);
  const found = await check(kind === 'batch' ? BatchSchema : ThrottleSchema, node, { ...context, path });
  if (found === undefined) return undefined;
  if ('throttle' in found) return { kind: 'throttle', max: found.throttle.max, perMs: found.throttle.per };
  const closes = resolveEnd(context, found.batch, child(node, 'batch'), [...path, 'batch'], triggers);
  return closes && { kind: 'batch', max: found.batch.max, closes };
}

/** One that is named, but not how. */
function hintFor(given: string): string | undefined {
  const named = KINDS.find(kind => kind === given);
  return named ? `write \`mode: ${EXAMPLES[named]}\`` : didYouMean(given, ['each', 'latest', ...KINDS]);
}

async function resolveSettle(context: Context, node: ConfigNode, path: Path): Promise<Mode | undefined> {
  const found = await check(SettleSchema, node, { ...context, path });
  if (found === undefined) return undefined;
  const { settle: quietMs, atMost: atMostMs = PATIENCE * quietMs } = found;
  if (atMostMs >= quietMs) return { kind: 'settle', quietMs, atMostMs };
  complain(
    context,
    'CONFIG_VALUE',
    [...path, 'atMost'],
    `\`${showPath([...path, 'atMost'])}\` is shorter than \`settle\``,
    {
      hint: 'it says how long edits that do not stop are waited for in all',
    },
  );
  return undefined;
}

function resolveEnd(
  context: Context,
  batch: { within?: number | undefined; at?: string | readonly string[] | undefined },
  node: ConfigNode | undefined,
  path: Path,
  triggers: readonly Trigger[] | undefined,
): BatchEnd | undefined {
  const { within, at } = batch;
  if (['within', 'at'].some(key => child(node, key)?.kind === 'unknown')) return undefined;
  if ((within === undefined) === (at === undefined)) {
    const said = within === undefined ? 'does not say when a batch is run that is not full' : 'says it twice';
    complain(
      context,
      within === undefined ? 'CONFIG_MISSING' : 'CONFIG_VALUE',
      path,
      `\`${showPath(path)}\` ${said}`,
      {
        hint: 'write `within: 10m`, `at: "09:00"` or `at: run`',
      },
    );
    return undefined;
  }
  if (within !== undefined) return { kind: 'within', ms: within };
  if (at === 'run') {
    const strange = triggers?.findIndex(
      trigger => trigger.kind !== 'schedule' || trigger.items === undefined,
    );
    if (strange === undefined || strange < 0) return { kind: 'run' };
    complain(context, 'CONFIG_VALUE', [...path, 'at'], '`at: run` is for schedules with `items` only', {
      hint: 'what starts this rule has no end to wait for: write `within: 10m` or `at: "09:00"`',
    });
    return undefined;
  }
  const minutes = [at ?? []].flat().flatMap(text => parseTimeOfDay(text) ?? []);
  return { kind: 'at', minutes: [...new Set(minutes)].sort((a, b) => a - b) };
}
