/** Fields that the options of a step name and that it looks at: what its plugin's `reads` says, looked up at its place. */
import { type CatalogField, toAppField } from '../core/catalog.ts';
import type { ReadInto, StepRead, ValueFault } from '../core/rule.ts';
import { type Context, complain, each, namesOf } from './context.ts';
import { type FieldCheck, fieldNameOf } from './field-check.ts';
import { nameOf } from './field-values.ts';
import {
  type ConfigNode,
  hasUnknown,
  isInterpolated,
  nodeAt,
  type Path,
  standInsIn,
  toPlain,
} from './node.ts';

export function checkRead(
  context: Context,
  fields: FieldCheck,
  reads: readonly StepRead[],
  options: ConfigNode,
  by: { readonly rule: string; readonly apps: readonly string[] },
  placed: (path: Path) => Path,
): void {
  const configured = new Set(namesOf(context.root, 'apps'));
  const appsOf = (app: string | undefined): readonly string[] =>
    app === undefined ? by.apps : [app].filter(name => configured.has(name));
  for (const read of reads) {
    const { app, at, name: said, compared = false, unfit, into } = read;
    const apps = appsOf(app);
    const node = nodeAt(options, at);
    const last = at.at(-1);
    if (apps.length === 0 || node === undefined || last === undefined) continue;
    const atKey = nodeAt(options, at.slice(0, -1))?.kind === 'map';
    const written = atKey ? { name: String(last), shown: String(last), atKey } : fieldNameOf(node);
    if (written === undefined) continue;
    const name = said === undefined ? written : { ...written, name: said, shown: said };
    const path = placed([...at]);
    const isOpen = hasTemplate(node);
    const found = fields.anyField(name, path, apps, {
      rule: by.rule,
      values: compared && !isOpen ? [node] : [],
    });
    if (found.length === 0) continue;
    const misfit = into && misfitOf(into, found, fields.peek(into.field, appsOf(into.app)));
    if (unfit && found.every(({ type }) => unfit.types.includes(type))) {
      const [first] = found;
      complain(context, 'CONFIG_FIELD_VALUE', path, `\`${name.shown}\` (${first?.type}) ${unfit.why}`, {
        hint: 'leave it out, or name another field',
        atKey,
      });
    } else if (misfit !== undefined) {
      complain(context, 'CONFIG_FIELD_VALUE', path, `\`${name.shown}\` ${misfit}`, {
        hint: 'leave it out, or name a field of another type',
        atKey,
      });
    } else if (compared && atKey) {
      const isFine =
        isOpen ||
        !found.every(hasOptions) ||
        isTaken(read, node, found) ||
        fields.values(node, path, found, 'to');
      if (isFine) checkValue(context, read, node, path, found);
    }
  }
}

/** Whether the plugin says itself that it takes what stands there: it may be written in more ways than it is compared in. */
export const isTaken = (
  { wrong }: Pick<StepRead, 'wrong'>,
  node: ConfigNode,
  fields: readonly CatalogField[],
): boolean =>
  wrong !== undefined &&
  fields.some(field => heard(() => wrong(toAppField(field), toPlain(node))) === undefined);

/** What stands under a field's name, as its plugin takes it: in no app is there a field that it fits. */
export function checkValue(
  context: Context,
  { wrong }: Pick<StepRead, 'wrong'>,
  node: ConfigNode,
  path: Path,
  fields: readonly CatalogField[],
): void {
  if (wrong === undefined || fields.length === 0 || hasUnknown(node) || standInsIn(node).next().done !== true)
    return;
  const faultsOf = (value: unknown) => fields.map(field => heard(() => wrong(toAppField(field), value)));
  const tell = (at: Path, [fault, ...others]: readonly (ValueFault | undefined)[]): boolean => {
    if (fault === undefined || others.includes(undefined)) return false;
    // What a plugin says shows the value.
    const message = isShown
      ? fault.message
      : `what stands here does not fit ${nameOf(fields[0] as CatalogField)}`;
    complain(context, 'CONFIG_FIELD_VALUE', at, message, { hint: fault.hint });
    return true;
  };
  const isShown = !hasInterpolated(node);
  const single = node.kind === 'list' ? each(node, path) : [];
  const told = single.map(one => tell(one.path, faultsOf(toPlain(one.node))));
  if (!told.includes(true)) tell(path, faultsOf(toPlain(node)));
}

/** Why nothing of the one goes into the other, whichever of the apps it is. */
function misfitOf(
  { app, field, misfit }: ReadInto,
  from: readonly CatalogField[],
  to: readonly CatalogField[],
): string | undefined {
  const pairs = from.flatMap(one => to.map(other => [one, other] as const));
  const whys = pairs.map(([one, other]) => {
    const why = heard(() => misfit(typeOf(one), typeOf(other)));
    const where = app === undefined ? '' : ` of \`${app}\``;
    return why && `(${one.type}) can’t be copied to \`${field}\`${where} (${other.type}), ${why}`;
  });
  return whys.includes(undefined) ? undefined : whys[0];
}

const hasInterpolated = (node: ConfigNode): boolean =>
  node.kind === 'map'
    ? [...node.entries.values()].some(({ value }) => hasInterpolated(value))
    : node.kind === 'list'
      ? node.items.some(hasInterpolated)
      : isInterpolated(node);

/** A plugin of somebody else, too: where it throws it has said nothing, and the check goes on. */
function heard<T>(ask: () => T | undefined): T | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}

/** What a calculation results in is what counts. */
const typeOf = ({ type, returnType = type }: CatalogField): string =>
  type === 'calculation' ? returnType : type;

/** Whether what it is given can be checked: dates, amounts and the like are written in more ways than they are compared in. */
export const hasOptions = ({ type }: CatalogField): boolean => type === 'category' || type === 'question';

export const hasTemplate = (node: ConfigNode): boolean =>
  node.kind === 'scalar'
    ? /\{[{%]/.test(String(node.value))
    : node.kind === 'list' && node.items.some(hasTemplate);
