import { FieldView, type PluginPodio } from 'podiod/plugin';

/** What an `assign` may come to: a mail address, a user id, a field of contacts, several of these. */
export type Assigned = unknown;

/** Who is to do something: a user of Podio, or a mail address that nobody is known for. */
export type Person =
  | { readonly type: 'user'; readonly id: number }
  | { readonly type: 'mail'; readonly id: string };

/** Everybody that is named, each once. Undefined where something is neither a user id nor a mail address. */
export function peopleIn(assigned: Assigned): readonly (number | string)[] | undefined {
  const named = new Set<number | string>();
  for (const one of [assigned].flat(3)) {
    const who = one instanceof FieldView ? one.each().flatMap(idOf) : [plain(one)];
    for (const each of who) {
      if (each === '') continue;
      if (each === undefined) return undefined;
      named.add(each);
    }
  }
  return [...named];
}

/** A contact may be a user, and else has a mail address, or nothing to be found by. */
const idOf = (contact: FieldView): (number | string | undefined)[] => {
  const [value] = contact.values;
  if (value === undefined) return [];
  const user = contact.part('user_id');
  return [typeof user === 'number' ? user : plain(contact.part('mail'))];
};

function plain(one: unknown): number | string | undefined {
  if (one === undefined || one === null) return '';
  if (typeof one === 'number') return Number.isSafeInteger(one) && one > 0 ? one : undefined;
  const text = typeof one === 'string' ? one.trim() : undefined;
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  return text === '' || /^[^\s@]+@[^\s@]+$/.test(text) ? text : undefined;
}

/** Members of a space change rarely, and a rule that assigns does so for many items in a row. */
const KEPT_MS = 10 * 60_000;

type Members = ReadonlyMap<string, number>;

/** Finds users by mail among the members of a space. */
export function makePeople(
  podio: PluginPodio,
): (who: number | string, spaceId: number | undefined) => Promise<Person> {
  const kept = new Map<number, { readonly at: number; readonly members: Promise<Members> }>();

  const membersOf = (spaceId: number): Promise<Members> => {
    const known = kept.get(spaceId);
    if (known && Date.now() - known.at < KEPT_MS) return known.members;
    const members = readMembers(podio, spaceId);
    kept.set(spaceId, { at: Date.now(), members });
    members.catch(() => kept.delete(spaceId));
    return members;
  };

  return async (who, spaceId) => {
    if (typeof who === 'number') return { type: 'user', id: who };
    const members = spaceId === undefined ? undefined : await membersOf(spaceId);
    const userId = members?.get(who.toLowerCase());
    return userId === undefined ? { type: 'mail', id: who } : { type: 'user', id: userId };
  };
}

/** By mail address in small letters. Empty where the caller may not list them: Podio may still know the address. */
async function readMembers(podio: PluginPodio, spaceId: number): Promise<Members> {
  let answer: unknown;
  try {
    answer = await podio.request('GET', `/space/${spaceId}/member/`);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'PODIO_FORBIDDEN' && code !== 'PODIO_NOT_FOUND' && code !== 'PODIO_INVALID') throw error;
  }
  const members = new Map<string, number>();
  for (const member of Array.isArray(answer) ? answer : []) {
    const { user, profile } = recordOf(member);
    const { user_id: userId, mail } = recordOf(user);
    if (typeof userId !== 'number') continue;
    for (const address of [mail, recordOf(profile).mail].flat()) {
      if (typeof address === 'string') members.set(address.toLowerCase(), userId);
    }
  }
  return members;
}

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
