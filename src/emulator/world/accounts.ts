/** API clients, people, spaces and who is in them. */
import type { Context } from '../context.ts';
import type { Actor, Authorship, Client, Contact, Space, User, Via } from '../model.ts';
import { PODIO_UI } from '../model.ts';

/** A person by name or user name (made when nobody is called so), or anybody by type and id. */
export type By = string | Actor;

export interface ChangeOptions {
  /** Default: the first user. */
  readonly by?: By;
  /** Default: Podio's own user interface. */
  readonly via?: Via;
  /** False: fires no hooks. */
  readonly hook?: boolean;
  /** True: no stream entry, so `last_event_on` stays. Says nothing about hooks. */
  readonly silent?: boolean;
}

export interface Accounts {
  addClient(client: { clientId: string; clientSecret: string; name?: string }): Client;
  /** Without a password the person can't log in; without `spaces` they are a member of all. */
  addUser(user: {
    name: string;
    username?: string;
    password?: string;
    userId?: number;
    spaces?: readonly number[];
  }): User;
  addContact(contact: { name: string; mail?: readonly string[]; phone?: readonly string[] }): Contact;
  addSpace(space: { name: string; spaceId?: number }): Space;
  /** Fires member.add; for a user who is a member of all spaces, only that. */
  addMember(spaceId: number, userId: number): void;
  removeMember(spaceId: number, userId: number): void;
  client(clientId: string): Client | undefined;
  user(userId: number): User | undefined;
  users(): readonly User[];
  userNamed(nameOrUsername: string): User | undefined;
  contact(profileId: number): Contact | undefined;
  /** By name or mail address; made when there is none. */
  contactNamed(text: string): Contact;
  contacts(): readonly Contact[];
  space(spaceId: number): Space | undefined;
  spaces(): readonly Space[];
  isMember(userId: number, spaceId: number): boolean;
  /** Who, when and through what: for the record of a change made now. */
  authorship(options: ChangeOptions): Authorship;
}

export function makeAccounts(context: Context): Accounts {
  const clients = new Map<string, Client>();
  const users = new Map<number, User>();
  const contacts = new Map<number, Contact>();
  const spaces = new Map<number, Space>();

  const accounts: Accounts = {
    addClient({ clientId, clientSecret, name = clientId }) {
      const client = { id: context.nextId('client'), clientId, clientSecret, name };
      clients.set(clientId, client);
      return client;
    },
    addUser({ name, username = mailOf(name), password, userId = context.nextId('user'), spaces: of }) {
      const profileId = context.nextId('profile');
      const user = { userId, profileId, username, password, name, spaces: of && new Set(of) };
      users.set(userId, user);
      contacts.set(profileId, { profileId, userId, name, mail: [username], phone: [] });
      return user;
    },
    addContact({ name, mail = [], phone = [] }) {
      const contact = { profileId: context.nextId('profile'), userId: null, name, mail, phone };
      contacts.set(contact.profileId, contact);
      return contact;
    },
    addSpace({ name, spaceId = context.nextId('space') }) {
      const space = { spaceId, name };
      spaces.set(spaceId, space);
      return space;
    },
    addMember(spaceId, userId) {
      users.get(userId)?.spaces?.add(spaceId);
      context.emit({
        type: 'member.add',
        refs: [{ type: 'space', id: spaceId }],
        params: [['user_id', String(userId)]],
      });
    },
    removeMember(spaceId, userId) {
      users.get(userId)?.spaces?.delete(spaceId);
      context.emit({
        type: 'member.remove',
        refs: [{ type: 'space', id: spaceId }],
        params: [['user_id', String(userId)]],
      });
    },
    client: clientId => clients.get(clientId),
    user: userId => users.get(userId),
    users: () => [...users.values()],
    userNamed: text => [...users.values()].find(user => user.username === text || user.name === text),
    contact: profileId => contacts.get(profileId),
    contactNamed(text) {
      const known = [...contacts.values()].find(each => each.name === text || each.mail.includes(text));
      if (known) return known;
      return text.includes('@')
        ? accounts.addContact({ name: text.slice(0, text.indexOf('@')), mail: [text] })
        : accounts.addContact({ name: text, mail: [mailOf(text)] });
    },
    contacts: () => [...contacts.values()],
    space: spaceId => spaces.get(spaceId),
    spaces: () => [...spaces.values()],
    isMember(userId, spaceId) {
      const user = users.get(userId);
      return user !== undefined && (user.spaces === undefined || user.spaces.has(spaceId));
    },
    authorship({ by, via = PODIO_UI }) {
      return { on: context.clock.now(), by: resolve(by), via };
    },
  };

  function resolve(by: By | undefined): Actor {
    if (typeof by === 'object') return by;
    const [first] = users.values();
    const user =
      by === undefined
        ? (first ?? accounts.addUser({ name: 'Ada Lindqvist' }))
        : (accounts.userNamed(by) ?? accounts.addUser({ name: by }));
    return { type: 'user', id: user.userId };
  }

  return accounts;
}

const mailOf = (name: string): string =>
  `${name
    .normalize('NFD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '.')}@example.com`;
