import { expect } from 'chai';
import { partFault } from '../../../src/core/field-parts.ts';
import type { FieldValueJson } from '../../../src/core/podio.ts';
import { FieldView } from '../../../src/language/field-view.ts';
import type { FieldType } from '../../../src/testing.ts';
import { type Api, DEALS, LEADS, SALES, type Scene, setUp, tearDown } from './support.ts';

const APP = 200;

/** What is there can be asked for: nothing of it is refused by the check. */
const expectKnownParts = (type: string, values: unknown) => {
  const view = new FieldView(type, values as FieldValueJson[]);
  const parts = Object.entries(view.parts()).flatMap(([part, held]) => (held === undefined ? [] : [part]));
  expect(parts).to.include.members(['text', 'size']);
  // Any number alone is also taken for an id.
  expect(parts.filter(part => partFault(view.kind, [part]) !== undefined && part !== 'id')).to.deep.equal([]);
};

describe('emulator: field values', () => {
  let scene: Scene;
  let bot: Api;

  beforeEach(async () => {
    scene = await setUp();
    bot = await scene.asBot();
  });
  afterEach(tearDown);

  /** Writes over the API and reads back. */
  const roundTrip = async (type: FieldType, written: unknown, settings: Record<string, unknown> = {}) => {
    scene.world.addApp({
      appId: APP,
      spaceId: SALES,
      name: 'Any',
      fields: [{ externalId: 'x', type, settings }],
    });
    const made = await bot.post(`/item/app/${APP}/`, { fields: { x: written } });
    if (made.status !== 200) return made.body.error_description as string;
    const { body } = await bot.get(`/item/${made.body.item_id}`);
    expect(body.fields[0]).to.include({ type, external_id: 'x' });
    expect(body.fields[0].config).to.have.keys('label', 'mapping', 'settings');
    return body.fields[0].values;
  };

  const cases: [FieldType, unknown, unknown, Record<string, unknown>?][] = [
    ['text', 'Hi', [{ value: 'Hi' }]],
    ['text', { value: '<p>Hi</p>' }, [{ value: '<p>Hi</p>' }]],
    ['number', 282, [{ value: '282.0000' }]],
    ['number', '0.5', [{ value: '0.5000' }]],
    ['number', 0, [{ value: '0.0000' }]],
    ['money', { value: 10, currency: 'USD' }, [{ value: '10.0000', currency: 'USD' }]],
    ['money', [{ value: '10.5', currency: 'EUR' }], [{ value: '10.5000', currency: 'EUR' }]],
    ['progress', 75, [{ value: 75 }]],
    ['duration', 3600, [{ value: 3600 }]],
    ['state', 'yes', [{ value: 'yes' }]],
    ['tag', ['a', 'b'], [{ value: 'a' }, { value: 'b' }]],
    ['tel', 4512345678, [{ value: 4512345678, uri: 'tel:4512345678' }]],
    ['phone', [{ value: '+45 1', type: 'work' }], [{ value: '+45 1', type: 'work' }]],
    ['email', 'a@b.example', [{ value: 'a@b.example', type: 'other' }]],
    ['location', 'Copenhagen', [{ value: 'Copenhagen', formatted: 'Copenhagen' }]],
    [
      'location',
      { city: 'Lyon', country: 'France', lat: 45.7 },
      [
        {
          value: 'Lyon, France',
          formatted: 'Lyon, France',
          city: 'Lyon',
          country: 'France',
          lat: 45.7,
        },
      ],
    ],
    ['member', 5, [{ value: 5 }]],
    [
      'category',
      [1, { id: 3 }],
      [
        { value: { id: 1, text: 'a', color: 'DCEBD8', status: 'active' } },
        { value: { id: 3, text: 'c', color: 'FFD5D1', status: 'active' } },
      ],
      { multiple: true, options: ['a', 'b', 'c'] },
    ],
    [
      'question',
      { value: 2 },
      [{ value: { id: 2, text: 'No', color: 'D2E4EB', status: 'active' } }],
      { options: ['Yes', 'No'] },
    ],
  ];

  for (const [type, written, read, settings] of cases)
    it(`takes ${type} as ${JSON.stringify(written)}`, async () => {
      expect(await roundTrip(type, written, settings)).to.deep.equal(read);
      expectKnownParts(type, read);
    });

  const refused: [FieldType, unknown][] = [
    ['text', 5],
    ['number', 'many'],
    ['number', [1, 2]],
    ['money', { value: 1, currency: 5 }],
    ['progress', 101],
    ['progress', 1.5],
    ['duration', -1],
    ['phone', { value: '1', type: 'pigeon' }],
    ['location', 5],
    ['location', { value: 5 }],
    ['category', 'a'],
    ['date', 'tomorrow'],
    ['date', '2026-02-30'],
    ['date', { end: '2026-01-01' }],
    ['date', { start: '2026-01-02', end: '2026-01-01' }],
    ['app', 'x'],
    ['contact', { type: 'mail' }],
    ['calculation', 5],
  ];

  for (const [type, written] of refused)
    it(`refuses ${type} as ${JSON.stringify(written)}`, async () => {
      expect(await roundTrip(type, written))
        .to.be.a('string')
        .that.contains('x');
    });

  it('refuses a currency that the field does not have', async () => {
    expect(
      await roundTrip('money', { value: 1, currency: 'GBP' }, { allowed_currencies: ['EUR'] }),
    ).to.contain('EUR');
  });

  it('shows a time in the local zone and in UTC, in winter and summer', async () => {
    const [value] = await roundTrip('date', { start: '2026-07-01 10:00:00', end: '2026-12-01 10:00:00' });
    expectKnownParts('date', [value]);
    expect(value).to.deep.equal({
      start: '2026-07-01 10:00:00',
      start_date: '2026-07-01',
      start_time: '10:00:00',
      start_utc: '2026-07-01 08:00:00',
      start_date_utc: '2026-07-01',
      start_time_utc: '08:00:00',
      end: '2026-12-01 10:00:00',
      end_date: '2026-12-01',
      end_time: '10:00:00',
      end_utc: '2026-12-01 09:00:00',
      end_date_utc: '2026-12-01',
      end_time_utc: '09:00:00',
    });
  });

  it('takes dates in parts, in UTC and without a time', async () => {
    const start = async (written: unknown) => {
      scene = await setUp();
      bot = await scene.asBot();
      return (await roundTrip('date', written))[0];
    };
    const parts = await start({ start_date: '2026-07-01', start_time: '10:00' });
    expect(parts.start).to.equal('2026-07-01 10:00:00');
    expect((await start({ start_utc: '2026-07-01 08:00:00' })).start).to.equal('2026-07-01 10:00:00');
    const utcParts = await start({ start_date_utc: '2026-06-30', start_time_utc: '23:00:00' });
    expect(utcParts.start_date).to.equal('2026-07-01');
    expect(await start('2026-07-01')).to.include({
      start: '2026-07-01 00:00:00',
      start_date: '2026-07-01',
      start_time: null,
      start_utc: '2026-07-01',
      end: null,
    });
  });

  it('embeds a referenced item with its app and space', async () => {
    const { itemId } = scene.world.createItem(DEALS, { fields: { title: 'Big deal' } });
    const values = await roundTrip('app', itemId);
    expectKnownParts('app', values);
    const [{ value }] = values;
    expect(value).to.include({ item_id: itemId, title: 'Big deal', app_item_id: 1, revision: 0 });
    expect(value.app).to.include({ app_id: DEALS, name: 'Deals' });
    expect(value.space).to.include({ space_id: SALES });
    expect(value).to.include.keys('link', 'initial_revision', 'created_by', 'files');
  });

  it('answers 404 for a reference to nothing, as Podio words it', async () => {
    scene.world.addApp({
      appId: APP,
      spaceId: SALES,
      name: 'Any',
      fields: [{ externalId: 'x', type: 'app' }],
    });
    const made = await bot.post(`/item/app/${APP}/`, { fields: { x: 1 } });
    expect(made.status).to.equal(404);
    expect(made.body.error_description).to.equal('No item with id 1 could be found');
    expect(await roundTrip('contact', 1)).to.contain('No profile');
    expect(await roundTrip('member', 1)).to.contain('No user');
    expect(await roundTrip('image', 1)).to.contain('No file');
    expect(await roundTrip('embed', 1)).to.contain('No embed');
  });

  it('takes contacts by profile, user or mail', async () => {
    const { profileId } = scene.world.addContact({ name: 'Bo', mail: ['bo@example.com'], phone: ['1'] });
    const values = await roundTrip('contact', [
      profileId,
      { type: 'user', id: 5 },
      { type: 'mail', id: 'new@example.com' },
    ]);
    expectKnownParts('contact', values);
    expect(values.map(({ value }: { value: { name: string } }) => value.name)).to.deep.equal([
      'Bo',
      'Bot',
      'new',
    ]);
    expect(values[0].value).to.deep.include({
      profile_id: profileId,
      mail: ['bo@example.com'],
      phone: ['1'],
      type: 'space',
    });
    expect(values[1].value).to.include({ user_id: 5, type: 'user' });
  });

  it('shows files and links as objects', async () => {
    const { fileId } = scene.world.addFile({
      name: 'a.png',
      mimetype: 'image/png',
      content: new Uint8Array(3),
    });
    const images = await roundTrip('image', fileId);
    expectKnownParts('image', images);
    expect(images[0].value).to.include({
      file_id: fileId,
      mimetype: 'image/png',
      size: 3,
    });
    expect(await roundTrip('video', { file_id: fileId })).to.deep.equal([{ value: fileId }]);
    const { body } = await bot.post('/embed/', { url: 'https://example.com/x' });
    const [embed] = await roundTrip('embed', { embed: body.embed_id });
    expectKnownParts('embed', [embed]);
    expect(embed.embed).to.include({
      embed_id: body.embed_id,
      original_url: 'https://example.com/x',
      type: 'link',
    });
    expect(embed.file).to.equal(null);
  });

  it('shapes a calculation like the type that it returns; only the world sets one', async () => {
    for (const [returned, written, read] of [
      ['number', 123.56, { value: '123.5600' }],
      ['text', 'abc', { value: 'abc' }],
    ] as const) {
      scene.world.addApp({
        appId: APP,
        spaceId: SALES,
        name: 'Any',
        fields: [{ externalId: 'x', type: 'calculation', settings: { return_type: returned } }],
      });
      const { itemId } = scene.world.createItem(APP, { fields: { x: written } });
      expect((await bot.get(`/item/${itemId}`)).body.fields[0].values).to.deep.equal([read]);
    }
  });

  it('lets people in the world name options, contacts and links by text', () => {
    scene.world.addApp({
      appId: APP,
      spaceId: SALES,
      name: 'Any',
      fields: [
        { externalId: 'stage', type: 'category', settings: { options: ['Open'] } },
        { externalId: 'who', type: 'contact' },
        { externalId: 'link', type: 'embed' },
      ],
    });
    const fields = { stage: 'Open', who: 'Bo Hansen', link: 'https://example.com/' };
    const { itemId } = scene.world.createItem(APP, { fields });
    expect(scene.world.show(itemId).values).to.deep.equal(fields);
  });

  it('shows options by their present text, keeps values of deleted fields, hides those of another type', async () => {
    const { world } = scene;
    const { itemId } = world.createItem(LEADS, { fields: { title: 'A', status: 'Open', value: 5 } });
    const shown = async () =>
      (await bot.get(`/item/${itemId}`)).body.fields.map(
        (field: { external_id: string }) => field.external_id,
      );
    world.deleteField(LEADS, 'value');
    expect(await shown()).to.deep.equal(['title', 'status', 'value']);
    world.setSwitches({ deletedFieldsShown: false });
    expect(await shown()).to.deep.equal(['title', 'status']);
    world.retypeField(LEADS, 'status', 'text');
    expect(await shown()).to.deep.equal(['title']);
    expect((await bot.get(`/app/${LEADS}`)).body.fields).to.have.lengthOf(3);
  });
});
