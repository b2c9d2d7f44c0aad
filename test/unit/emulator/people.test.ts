import { expect } from 'chai';
import {
  buildWorld,
  type Deed,
  type FieldType,
  startEmulator,
  startPeople,
  type World,
} from '../../../src/testing.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { LEADS, SALES, setUp, tearDown } from './support.ts';

describe('emulator: people', () => {
  afterEach(tearDown);

  const deeds = (world: World, count: number, seed = 1): Deed[] => {
    const people = startPeople(world, { seed });
    return Array.from({ length: count }, () => people.step()).filter(deed => deed !== undefined);
  };

  it('do the same for the same seed', async () => {
    const history = async (seed: number) => {
      const clock = makeVirtualClock();
      const { world } = await setUp({ clock });
      return {
        deeds: deeds(world, 60, seed),
        shown: world.items(LEADS).map(({ itemId }) => world.show(itemId)),
      };
    };
    const first = await history(3);
    expect(await history(3)).to.deep.equal(first);
    expect(await history(4)).to.not.deep.equal(first);
  });

  it('make items, move them, change values and comment', async () => {
    const { world } = await setUp();
    const done = deeds(world, 200);
    expect(new Set(done.map(({ what }) => what))).to.deep.equal(
      new Set(['create', 'move', 'change', 'comment']),
    );
    const stages = new Set(world.items(LEADS).map(({ itemId }) => world.show(itemId).values.status));
    expect(stages).to.deep.equal(new Set(['Open', 'Won', 'Lost']));
    expect(new Set(done.map(({ who }) => who)).size).to.be.greaterThan(3);
  });

  it('can work on every type of field, and on an app without any', async () => {
    const types: FieldType[] = [
      'text',
      'number',
      'money',
      'progress',
      'duration',
      'category',
      'question',
      'state',
      'date',
      'app',
      'contact',
      'member',
      'image',
      'file',
      'embed',
      'location',
      'calculation',
      'phone',
      'email',
      'tel',
      'tag',
      'video',
    ];
    const { world } = await setUp();
    const { appId } = world.addApp({
      spaceId: SALES,
      name: 'Everything',
      fields: types.map(type => ({
        externalId: type,
        type,
        settings: { options: ['a', 'b'], referenced_apps: [{ app_id: LEADS }], allowed_currencies: ['DKK'] },
      })),
    });
    const bare = world.addApp({ spaceId: SALES, name: 'Bare', fields: [] }).appId;
    world.createItem(LEADS, { fields: { title: 'Referenced' } });
    const people = startPeople(world, { apps: [appId, bare] });
    for (let step = 0; step < 150; step += 1) people.step();
    const [made] = world.items(appId);
    const shown = made && world.show(made.itemId).values;
    expect(shown).to.have.keys(types.filter(type => type !== 'calculation'));
    expect(world.items(bare).length).to.be.greaterThan(0);
    expect(world.items(LEADS)).to.have.lengthOf(1);
  });

  it('act on a timer until they are stopped', async () => {
    const clock = makeVirtualClock();
    const { world } = await setUp({ clock });
    const people = startPeople(world, { everyMs: 1000, apps: [LEADS] });
    await clock.advance(20_000);
    const made = world.items(LEADS).length;
    expect(made).to.be.greaterThan(2);
    people.stop();
    await clock.advance(20_000);
    expect(world.items(LEADS)).to.have.lengthOf(made);
    expect(startPeople(world, { apps: [] }).step()).to.equal(undefined);
  });

  it('find a world that was built from a config', async () => {
    const emulator = await startEmulator();
    const { world } = emulator;
    buildWorld(world, {
      clientId: 'demo',
      clientSecret: 'secret',
      logins: [{ name: 'bot', username: 'bot@example.com', password: 'x' }],
      spaces: [{ name: 'sales', id: 7 }],
      apps: [
        {
          name: 'leads',
          id: 101,
          token: 'tok',
          fields: { status: ['Open', 'Won', 'Signed', null], '4711': [1] },
        },
        {
          name: 'support-tickets',
          id: 102,
          fields: { severity: ['High'], 'deal-value': [], progress: [50] },
        },
      ],
    });
    await emulator.stop();
    expect(world.client('demo')?.clientSecret).to.equal('secret');
    expect(world.userNamed('bot@example.com')?.password).to.equal('x');
    expect(world.app(101)).to.include({ name: 'Leads', itemName: 'Lead', token: 'tok', spaceId: 7 });
    expect(world.app(102)).to.include({ name: 'Support tickets' });
    const fields = (appId: number) =>
      world.app(appId)?.fields.map(({ externalId, type }) => `${externalId} ${type}`);
    expect(fields(101)).to.have.members([
      'title text',
      'status category',
      'field-4711 number',
      'value money',
      'due-date date',
      'contact contact',
    ]);
    expect(world.field(4711)?.externalId).to.equal('field-4711');
    expect(fields(102)).to.have.members([
      'title text',
      'severity category',
      'deal-value money',
      'progress progress',
      'due-date date',
      'contact contact',
    ]);
    const options = (appId: number, externalId: string) =>
      world.app(appId)?.fields.find(field => field.externalId === externalId)?.settings.options;
    expect(options(101, 'status'))
      .to.be.an('array')
      .and.satisfy((list: { text: string }[]) => {
        expect(list.map(({ text }) => text)).to.deep.equal(['Open', 'Contacted', 'Won', 'Signed', 'Lost']);
        return true;
      });
    expect(startPeople(world).step()).to.include({ what: 'create' });
  });
});
