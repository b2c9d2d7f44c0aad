/** Virtual people who work in the emulated Podio: they make items, move them through stages, change values, comment. */
import type { App, CategoryOption, Field, Item } from './model.ts';
import { makeRandom, type Random } from './random.ts';
import { stamp } from './time.ts';
import type { World } from './world/world.ts';

export interface PeopleOptions {
  /** Same seed over the same world, same deeds. Default: 1. */
  readonly seed?: number;
  /** Mean time between two deeds. Left out: they act on `step` alone. */
  readonly everyMs?: number;
  /** Where they work. Default: in every app. */
  readonly apps?: readonly number[];
}

/** What somebody has just done. */
export interface Deed {
  readonly who: string;
  readonly what: 'create' | 'move' | 'change' | 'comment';
  readonly appId: number;
  readonly itemId: number;
  /** External ids of the fields that were written. */
  readonly fields: readonly string[];
}

export interface People {
  /** Somebody does something now. Undefined when there is no app to work in. */
  step(): Deed | undefined;
  stop(): void;
}

const NAMES = [
  'Ada Lindqvist',
  'Bo Andersen',
  'Carla Moretti',
  'Dinesh Rao',
  'Ewa Nowak',
  'Farid Haddad',
  'Grace Okafor',
  'Hanna Weiss',
];
const COMPANIES = [
  'Alder & Sons',
  'Baltic Rail',
  'Cobalt Labs',
  'Delta Foods',
  'Elm Street Press',
  'Fjord Energy',
  'Granite Bank',
  'Harbour Hotels',
  'Iris Optics',
  'Juniper Health',
  'Kestrel Air',
  'Lumen Studios',
];
const MATTERS = [
  'annual contract',
  'pilot project',
  'office move',
  'new website',
  'training week',
  'renewal',
  'spare parts',
  'workshop',
  'data migration',
];
const CITIES = ['Copenhagen', 'Malmö', 'Hamburg', 'Gdańsk', 'Utrecht', 'Lyon'];
const REMARKS = [
  'Called them, they want an offer by Friday.',
  'Waiting for their lawyer.',
  'Sent the revised numbers.',
  'They asked for a discount & got 5%.',
  'Meeting moved to next week.',
  'Looks good, let us close this.',
];
const DAY = 86_400_000;

/** A few items are wanted before people start to change them. */
const ENOUGH_ITEMS = 3;

export function startPeople(world: World, options: PeopleOptions = {}): People {
  const { seed = 1, everyMs, apps: only } = options;
  const random = makeRandom(seed);
  for (const name of NAMES) if (!world.userNamed(name)) world.addUser({ name });

  function step(): Deed | undefined {
    const apps = world
      .apps()
      .filter(app => app.status === 'active' && (only === undefined || only.includes(app.appId)));
    const app = random.pick(apps);
    const who = random.pick(NAMES);
    if (!app || !who) return undefined;
    const items = world.items(app.appId);
    const item = random.pick(items);
    if (!item || items.length < ENOUGH_ITEMS) return create(app, who);
    const dice = random.next();
    if (dice < 0.25) return create(app, who);
    if (dice < 0.4) return comment(app, item, who);
    const deed = dice < 0.75 ? move(app, item, who) : undefined;
    return deed ?? change(app, item, who) ?? comment(app, item, who);
  }

  function create(app: App, by: string): Deed {
    const fields: Record<string, unknown> = {};
    for (const field of writable(app)) {
      const value = valueFor(field, world, random, true);
      if (value !== undefined) fields[field.externalId] = value;
    }
    const { itemId } = world.createItem(app.appId, { fields }, { by });
    return { who: by, what: 'create', appId: app.appId, itemId, fields: Object.keys(fields) };
  }

  /** To the next stage half of the time, else to any other. */
  function move(app: App, item: Item, by: string): Deed | undefined {
    const field = random.pick(writable(app).filter(isStage));
    if (!field) return undefined;
    const options = activeOptions(field);
    const [current] = item.values.get(field.fieldId)?.values ?? [];
    const at = options.findIndex(option => option.id === current);
    const others = options.filter(option => option.id !== current);
    const target = random.chance(0.5) && at >= 0 ? options[at + 1] : random.pick(others);
    if (!target) return undefined;
    world.updateItem(item.itemId, { fields: { [field.externalId]: target.id } }, { by });
    return { who: by, what: 'move', appId: app.appId, itemId: item.itemId, fields: [field.externalId] };
  }

  function change(app: App, item: Item, by: string): Deed | undefined {
    const field = random.pick(writable(app).filter(each => !isStage(each)));
    const value = field && valueFor(field, world, random, false);
    if (!field || value === undefined) return undefined;
    world.updateItem(item.itemId, { fields: { [field.externalId]: value } }, { by });
    return { who: by, what: 'change', appId: app.appId, itemId: item.itemId, fields: [field.externalId] };
  }

  function comment(app: App, item: Item, by: string): Deed {
    world.addComment(item.itemId, random.pick(REMARKS) ?? '', { by });
    return { who: by, what: 'comment', appId: app.appId, itemId: item.itemId, fields: [] };
  }

  let stop = (): void => {};
  if (everyMs !== undefined) {
    const arm = (): void => {
      stop = world.clock.after(random.integer(everyMs / 2, everyMs * 1.5), () => {
        step();
        arm();
      });
    };
    arm();
  }
  return { step, stop: () => stop() };
}

const writable = (app: App): Field[] =>
  app.fields.filter(({ status, type }) => status === 'active' && type !== 'calculation');

const isStage = ({ type }: Field): boolean => type === 'category' || type === 'question';

const activeOptions = ({ settings }: Field): readonly CategoryOption[] =>
  Array.isArray(settings.options)
    ? settings.options.filter((option: CategoryOption) => option.status === 'active')
    : [];

const mailOf = (name: string): string => `${name.toLowerCase().replaceAll(' ', '.')}@example.com`;

/** A plausible value as it may be written; undefined where none can be had. A new item starts at its first option. */
function valueFor(field: Field, world: World, random: Random, isNew: boolean): unknown {
  const person = random.pick(NAMES) ?? '';
  const company = random.pick(COMPANIES) ?? '';
  switch (field.type) {
    case 'text':
      return `${company}: ${random.pick(MATTERS)}`;
    case 'tag':
      return random.pick(['urgent', 'partner', 'export']);
    case 'state':
      return random.pick(['yes', 'no']);
    case 'number':
      return random.integer(1, 500);
    case 'money':
      return { value: random.integer(5, 400) * 250, ...currencyOf(field, random) };
    case 'progress':
      return random.integer(0, 20) * 5;
    case 'duration':
      return random.integer(1, 32) * 900;
    case 'category':
    case 'question': {
      const options = activeOptions(field);
      return (isNew ? options[0] : random.pick(options))?.id;
    }
    case 'date':
      return stamp(world.clock.now() + random.integer(1, 60) * DAY).slice(0, 'YYYY-MM-DD'.length);
    case 'app':
      return random.pick(referencedApps(field).flatMap(appId => world.items(appId)))?.itemId;
    case 'contact':
      return person;
    case 'member':
      return world.userNamed(person)?.userId;
    case 'image':
    case 'video':
    case 'file':
      return world.addFile({ name: `offer-${random.integer(1, 99)}.pdf`, mimetype: 'application/pdf' })
        .fileId;
    case 'embed':
      return `https://example.com/offers/${random.integer(100, 999)}`;
    case 'location':
      return random.pick(CITIES);
    case 'phone':
      return { value: `+45 ${random.integer(10_000_000, 99_999_999)}`, type: 'mobile' };
    case 'email':
      return { value: mailOf(person), type: 'work' };
    case 'tel':
      return random.integer(10_000_000, 99_999_999);
    case 'calculation':
      return undefined;
  }
}

const currencyOf = ({ settings }: Field, random: Random): { currency?: string } => {
  const allowed = settings.allowed_currencies;
  return Array.isArray(allowed) && allowed.length > 0 ? { currency: String(random.pick(allowed)) } : {};
};

const referencedApps = ({ settings }: Field): readonly number[] =>
  Array.isArray(settings.referenced_apps)
    ? settings.referenced_apps.map((each: { app_id?: number }) => Number(each.app_id))
    : [];
