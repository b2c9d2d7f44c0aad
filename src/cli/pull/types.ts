/** TypeScript types of the apps in a catalog, for plugins: `podiod pull --types`. */
import { type Catalog, type CatalogApp, type CatalogField, isThere } from '../../core/catalog.ts';

/** From a field's type to the type in podiod/plugin that one of its values has; others are `UnknownValue`. */
const VALUES: Readonly<Record<string, string>> = {
  text: 'TextValue',
  number: 'NumberValue',
  progress: 'ProgressValue',
  duration: 'DurationValue',
  state: 'TextValue',
  date: 'DateValue',
  contact: 'ContactValue',
  image: 'FileValue',
  file: 'FileValue',
  embed: 'EmbedValue',
  location: 'LocationValue',
  phone: 'PhoneValue',
  tel: 'PhoneValue',
  email: 'EmailValue',
  tag: 'TextValue',
};

/** The same text for the same catalog. */
export function typesText({ apps }: Catalog): string {
  const named = [...apps].sort(([a], [b]) => (a < b ? -1 : 1));
  const names = typeNames(named.map(([name]) => name));
  const used = new Set<string>();
  const bodies = named.map(([name, app]) => appText(names.get(name) ?? '', app, used));
  const index = named.map(([name]) => `  ${key(name)}: ${names.get(name)};`);
  const imports = [...used].sort();
  return [
    '// Made by `podiod pull --types` from the definitions of the apps at Podio. Made anew each time: change nothing here.',
    ...(imports.length > 0 ? [`import type { ${imports.join(', ')} } from 'podiod/plugin';`, ''] : ['']),
    ...bodies.flatMap(body => [body, '']),
    '/** Every app by its name in the config. */',
    'export interface Apps {',
    ...index,
    '}',
    '',
  ].join('\n');
}

function appText(typeName: string, app: CatalogApp, used: Set<string>): string {
  const fields = app.fields.filter(isThere);
  const unique = new Map(fields.map(field => [field.externalId, field]));
  return [
    `/** The fields of ${comment(app.name)} (app ${app.id}) by external id. */`,
    `export interface ${typeName} {`,
    ...[...unique.values()].flatMap(field => [
      `  /** ${comment(field.label)}${field.required ? ', required' : ''} */`,
      `  ${key(field.externalId)}: { type: ${JSON.stringify(field.type)}; value: ${valueType(field, used)} };`,
    ]),
    '}',
  ].join('\n');
}

function valueType(field: CatalogField, used: Set<string>): string {
  const named = (name: string, ...parameters: readonly string[]): string => {
    used.add(name);
    return parameters.length > 0 ? `${name}<${parameters.join(' | ')}>` : name;
  };
  switch (field.type) {
    case 'category':
    case 'question':
      return named(
        'CategoryValue',
        ...(field.options ?? []).map(({ id, text }) => `{ id: ${id}; text: ${JSON.stringify(text)} }`),
      );
    case 'money':
      return named('MoneyValue', ...(field.currencies ?? []).map(currency => JSON.stringify(currency)));
    case 'app':
      return named('AppValue', ...(field.apps ?? []).map(String));
    case 'calculation':
      return calculated(field, named);
    default:
      return named((Object.hasOwn(VALUES, field.type) ? VALUES[field.type] : undefined) ?? 'UnknownValue');
  }
}

function calculated({ returnType }: CatalogField, named: (name: string) => string): string {
  if (returnType === 'number') return named('NumberValue');
  if (returnType === 'date') return named('DateValue');
  return returnType === 'text' ? named('TextValue') : named('UnknownValue');
}

/** `client-acme` is `ClientAcme`; where two names come to the same, the later ones are counted. */
function typeNames(names: readonly string[]): ReadonlyMap<string, string> {
  const taken = new Set([
    'Apps',
    'UnknownValue',
    'CategoryValue',
    'MoneyValue',
    'AppValue',
    ...Object.values(VALUES),
  ]);
  return new Map(
    names.map(name => {
      const words = name.split(/[^A-Za-z0-9]+/).filter(Boolean);
      const plain = words.map(word => word.charAt(0).toUpperCase() + word.slice(1)).join('');
      const base = /^[A-Za-z]/.test(plain) ? plain : `App${plain}`;
      let free = base;
      for (let n = 2; taken.has(free); n++) free = `${base}${n}`;
      taken.add(free);
      return [name, free];
    }),
  );
}

const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

/** Labels are what people typed: one line, and no end of the comment in it. */
const comment = (text: string): string => text.replace(/\s+/g, ' ').replaceAll('*/', '* /').trim();
