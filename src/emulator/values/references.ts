/** Types whose value points at something else: options, items, people, files. */
import { notFound } from '../api-error.ts';
import type { CategoryOption, Field } from '../model.ts';
import { badValue, isObject, type JsonObject, type Kind, type Lookup, parseId } from './kind.ts';

export const optionsOf = (field: Field): readonly CategoryOption[] =>
  Array.isArray(field.settings.options) ? field.settings.options : [];

/** Options are kept by id, so that a renamed one shows its new text everywhere. */
export const category: Kind<number> = {
  single: false,
  compares: 'id',
  parse(input, field, look) {
    const options = optionsOf(field);
    const named =
      look.lenient && typeof input === 'string' && options.find(option => option.text === input)?.id;
    if (look.lenient && !named && typeof input === 'string' && !/^\d+$/.test(input))
      throw badValue(field, input, `one of its options: ${options.map(option => option.text).join(', ')}`);
    const id = named || parseId(input, ['id'], field);
    if (options.some(option => option.id === id && option.status === 'active')) return id;
    throw badValue(field, input, `one of its options: ${options.map(option => option.id).join(', ')}`);
  },
  render: (stored, field) => ({ value: { ...optionsOf(field).find(option => option.id === stored) } }),
  key: stored => stored,
  plain: (stored, field) => optionsOf(field).find(option => option.id === stored)?.text ?? stored,
};

const nameOf = (thing: JsonObject | undefined, key: string, id: number): string | number => {
  const name = thing?.[key];
  return typeof name === 'string' ? name : id;
};

export const app: Kind<number> = {
  single: false,
  compares: 'id',
  parse(input, field, look) {
    const id = parseId(input, ['item_id'], field);
    if (!look.item(id)) throw notFound(`No item with id ${id} could be found`);
    return id;
  },
  render: (stored, _field, look) => ({ value: look.item(stored) ?? { item_id: stored } }),
  key: stored => stored,
  plain: (stored, _field, look) => nameOf(look.item(stored), 'title', stored),
};

export const contact: Kind<number> = {
  single: false,
  compares: 'id',
  parse(input, field, look) {
    if (look.lenient && typeof input === 'string') return look.contactNamed(input);
    if (isObject(input) && input.type === 'mail') {
      const mail = input.id ?? input.mail;
      if (typeof mail !== 'string') throw badValue(field, input, 'a mail address under id');
      return look.contactNamed(mail);
    }
    const id = parseId(input, ['profile_id', 'id'], field);
    const profileId = isObject(input) && input.type === 'user' ? look.profileOfUser(id) : id;
    if (profileId === undefined || !look.contact(profileId))
      throw notFound(`No profile with id ${id} could be found`);
    return profileId;
  },
  render: (stored, _field, look) => ({ value: look.contact(stored) ?? { profile_id: stored } }),
  key: stored => stored,
  plain: (stored, _field, look) => nameOf(look.contact(stored), 'name', stored),
};

export const member: Kind<number> = {
  single: false,
  compares: 'id',
  parse(input, field, look) {
    const id = parseId(input, ['user_id', 'id'], field);
    if (!look.user(id)) throw notFound(`No user with id ${id} could be found`);
    return id;
  },
  render: stored => ({ value: stored }),
  key: stored => stored,
  plain: (stored, _field, look) => nameOf(look.user(stored), 'name', stored),
};

function parseFile(input: unknown, field: Field, look: Lookup): number {
  const id = parseId(input, ['file_id'], field);
  if (!look.file(id)) throw notFound(`No file with id ${id} could be found`);
  return id;
}

export const file: Kind<number> = {
  single: false,
  compares: 'id',
  parse: parseFile,
  render: (stored, _field, look) => ({ value: look.file(stored) ?? { file_id: stored } }),
  key: stored => stored,
  plain: (stored, _field, look) => nameOf(look.file(stored), 'name', stored),
};

/** Legacy: the id alone. */
export const video: Kind<number> = { ...file, render: stored => ({ value: stored }) };

export const embed: Kind<number> = {
  single: false,
  compares: 'id',
  parse(input, field, look) {
    if (look.lenient && typeof input === 'string') return look.embedOf(input);
    const id = parseId(input, ['embed', 'embed_id'], field);
    if (!look.embed(id)) throw notFound(`No embed with id ${id} could be found`);
    return id;
  },
  render: (stored, _field, look) => ({ embed: look.embed(stored) ?? { embed_id: stored }, file: null }),
  key: stored => stored,
  plain: (stored, _field, look) => nameOf(look.embed(stored), 'original_url', stored),
};
