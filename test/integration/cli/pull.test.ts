import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { makeSite, type Site } from './site.ts';

const CATALOG = '.podiorc.catalog.json';
const read = (site: Site, name: string): string => readFileSync(join(site.folder, name), 'utf8');
const fileNames = (site: Site): readonly string[] =>
  readdirSync(site.folder).filter(name => !name.startsWith('data'));

describe('podiod pull', function () {
  this.timeout(30_000);

  it('writes the same catalog each time, without a token in it', async () => {
    await using site = await makeSite();
    const { code, stdout, stderr } = await site.podiod(['pull']);
    expect(stderr).to.equal('');
    expect(code).to.equal(0);
    expect(stdout).to.match(
      /^Wrote \.podiorc\.catalog\.json, \.podiorc\.schema\.json: 2 apps, \d+ fields\.\n$/,
    );
    const catalog = read(site, CATALOG);
    const { version, apps } = JSON.parse(catalog);
    expect(version).to.equal(1);
    expect(Object.keys(apps)).to.deep.equal(['deals', 'leads']);
    expect(apps.leads).to.include({ id: 101, name: 'Leads', itemName: 'Lead' });
    const status = apps.leads.fields.find((field: { externalId: string }) => field.externalId === 'status');
    expect(status).to.include({ type: 'category', label: 'Status', status: 'active', multiple: false });
    expect(status.options[0]).to.deep.equal({ id: 1, text: 'Open' });
    for (const file of fileNames(site).filter(name => name !== '.podiorc.yml')) {
      for (const secret of ['leads-token', 'deals-token', 'client-secret'])
        expect(read(site, file), file).not.to.include(secret);
    }
    const again = await site.podiod(['pull']);
    expect(again.stdout).to.match(/^Nothing has changed: 2 apps/);
    expect(read(site, CATALOG)).to.equal(catalog);
  });

  it('writes nothing where no app could be read, and none was before', async () => {
    await using site = await makeSite();
    const checked = await site.podiod(['check']);
    site.podio.setFaults({ down: true });
    const { code, stdout } = await site.podiod(['pull', '--types', 'apps.ts']);
    expect(code).to.equal(1);
    expect(stdout.endsWith('No app could be read: nothing is written.\n'), stdout).to.equal(true);
    expect(fileNames(site)).to.deep.equal(['.podiorc.yml']);
    expect(await site.podiod(['check'])).to.deep.equal(checked);
    site.podio.clearFaults();
    expect((await site.podiod(['pull'])).code).to.equal(0);
    expect(fileNames(site)).to.include(CATALOG);
  });

  it('shows what has changed, in words and for programs', async () => {
    await using site = await makeSite();
    await site.podiod(['pull']);
    site.podio.renameField(101, 'status', 'Stage');
    site.podio.addField(101, { externalId: 'rating', type: 'number' });
    site.podio.deleteField(102, 'value');
    const check = await site.podiod(['pull', '--check']);
    expect(check.code).to.equal(1);
    expect(check.stdout).to.equal(`leads
  + field rating (Rating) is new (number)
  ~ field status (Stage) was called "Status"
deals
  - field value (Value) was deleted
Out of date: .podiorc.catalog.json, .podiorc.schema.json. \`podiod pull\` writes them.
`);
    const json = await site.podiod(['pull', '--json']);
    expect(json.code).to.equal(0);
    const { changes, files, failed } = JSON.parse(json.stdout);
    expect(changes[1]).to.deep.include({
      app: 'leads',
      appId: 101,
      kind: 'field-renamed',
      field: 'status',
      was: 'Status',
    });
    expect(changes[1].message).to.equal('field status (Stage) was called "Status"');
    expect(failed).to.deep.equal([]);
    expect(files.map(({ written }: { written: boolean }) => written)).to.deep.equal([true, true]);
    expect((await site.podiod(['pull', '--check'])).code).to.equal(0);
  });

  it('takes no offence at a formatter', async () => {
    await using site = await makeSite();
    await site.podiod(['pull']);
    for (const name of [CATALOG, '.podiorc.schema.json'])
      site.write(name, JSON.stringify(JSON.parse(read(site, name)), null, 4));
    expect((await site.podiod(['pull', '--check'])).code).to.equal(0);
  });

  it('keeps what was known of an app that can not be read, says so and exits 1', async () => {
    await using site = await makeSite();
    await site.podiod(['pull']);
    const before = JSON.parse(read(site, CATALOG));
    site.configure({
      apps: { leads: { id: 101, token: 'leads-token' }, deals: { id: 102, token: 'wrong-token' } },
    });
    site.podio.addField(101, { externalId: 'rating', type: 'number' });
    const { code, stdout } = await site.podiod(['pull']);
    expect(code).to.equal(1);
    expect(stdout)
      .to.include('deals could not be read, what was known of it is kept')
      .and.not.include('wrong-token');
    const after = JSON.parse(read(site, CATALOG));
    expect(after.apps.deals).to.deep.equal(before.apps.deals);
    expect(after.apps.leads).not.to.deep.equal(before.apps.leads);
  });

  it('is told where a file can not be written', async () => {
    await using site = await makeSite();
    const { code, stderr } = await site.podiod(['pull', '--types', 'no-such-folder/apps.ts']);
    expect(code).to.equal(1);
    expect(stderr).to.match(/no-such-folder\/apps\.ts can't be written: ENOENT/);
  });

  describe('and podiod check after it', () => {
    it('look up fields, options and types; before it one line says that they did not', async () => {
      await using site = await makeSite();
      const before = await site.podiod(['check']);
      expect(before.code).to.equal(0);
      expect(before.stdout.split('\n').filter(line => line.startsWith('note: '))).to.deep.equal([
        'note: one field is named that was not looked up, nor options and types: there is no .podiorc.catalog.json, which `podiod pull` makes',
      ]);
      await site.podiod(['pull']);
      const after = await site.podiod(['check']);
      expect(after.code).to.equal(0);
      expect(after.stdout).not.to.include('note: ');

      site.configure({
        rules: {
          won: {
            on: { app: 'leads', fields: { Stage: { to: 'Won' }, status: { to: 'Wno' } } },
            steps: ['audit'],
          },
        },
      });
      site.podio.renameField(101, 'status', 'Stage');
      await site.podiod(['pull']);
      const { code, stdout } = await site.podiod(['check']);
      expect(code).to.equal(78);
      expect(stdout).to.include('[CONFIG_UNKNOWN_FIELD]').and.include('did you mean `status` (Stage)?');
      expect(stdout).to.include('[CONFIG_UNKNOWN_OPTION]').and.include('did you mean `Won`?');
    });

    it('pull mends a catalog that keeps the config from passing, or that is broken', async () => {
      await using site = await makeSite();
      await site.podiod(['pull']);
      site.podio.addField(101, { externalId: 'rating', type: 'number' });
      site.configure({ rules: { rated: { on: { app: 'leads', fields: ['rating'] }, steps: ['audit'] } } });
      expect((await site.podiod(['check'])).code).to.equal(78);
      expect((await site.podiod(['pull'])).code).to.equal(0);
      expect((await site.podiod(['check'])).code).to.equal(0);

      site.write(CATALOG, '<<<<<<< ours\n');
      const broken = await site.podiod(['check']);
      expect(broken.code).to.equal(0);
      expect(broken.stdout).to.match(/\.podiorc\.catalog\.json:1:1: warning: the catalog can't be used/);
      expect((await site.podiod(['pull'])).code).to.equal(0);
      expect((await site.podiod(['check'])).stdout).not.to.include('CONFIG_CATALOG');
    });

    it('need no secrets', async () => {
      await using site = await makeSite();
      await site.podiod(['pull']);
      site.configure({ rules: { won: { on: { app: 'leads', fields: ['nope'] }, steps: ['audit'] } } });
      const config = read(site, '.podiorc.yml').replace('leads-token', `\${LEADS_TOKEN}`);
      writeFileSync(join(site.folder, '.podiorc.yml'), config);
      const { code, stdout } = await site.podiod(['check', '--without-secrets']);
      expect(code).to.equal(78);
      expect(stdout).to.include('`nope` is no field of the app `leads`');
    });
  });

  it('writes nothing with --check', async () => {
    await using site = await makeSite();
    const { code } = await site.podiod(['pull', '--check', '--types', 'apps.ts']);
    expect(code).to.equal(1);
    expect(existsSync(join(site.folder, CATALOG))).to.equal(false);
    expect(fileNames(site)).to.deep.equal(['.podiorc.yml']);
  });
});
