import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import type { Received } from '../../../src/cli/receive/receive.ts';
import { fromEnv, makeSite, type Site } from './site.ts';

const CREATE = 'type=item.create&item_id=7&item_revision_id=0&hook_id=1';
const UPDATE = 'type=item.update&item_id=7&item_revision_id=3&hook_id=1';
const LEADS = ['--app', 'leads'];

const STATUS = { field_id: 1, external_id: 'status', type: 'category', label: 'Status' };
const option = (id: number, text: string) => [{ value: { id, text } }];
const ITEM = { item_id: 7, title: 'Fjord', fields: [{ ...STATUS, values: option(2, 'Won') }] };

async function receive(site: Site, argv: readonly string[], input = ''): Promise<readonly Received[]> {
  const { code, stdout, stderr } = await site.podiod(['receive', ...argv, '--json'], { input });
  expect(code, stderr).to.equal(0);
  return JSON.parse(stdout).deliveries;
}

const outcomes = (received: readonly Received[]) =>
  received.map(({ event, rules }) => [event.type, ...rules.map(({ outcome }) => outcome)].join(' '));

describe('podiod receive', () => {
  it('says what every rule would do, and does nothing', async () => {
    await using site = await makeSite();
    site.write('saved.txt', `# two of Monday\n${CREATE}\n\n${UPDATE}\r\n`);
    const { code, stdout, stderr } = await site.podiod(['receive', 'saved.txt', ...LEADS]);
    expect(code).to.equal(0);
    expect(stderr).to.match(/^What an item\.update has changed is not known, .* --item FILE: .*\n$/);
    expect(stdout.split('\n').slice(0, 4)).to.deep.equal([
      'item.create  leads  item 7',
      '  won: filtered by its fields',
      '  everything: settled',
      '    audit: appends a line (ndjson) to ./audit.ndjson'.replace(
        './audit.ndjson',
        `${site.folder}/audit.ndjson`,
      ),
    ]);
    expect(readdirSync(site.folder).sort()).to.deep.equal(['.podiorc.yml', 'saved.txt']);
    expect(site.podio.requests).to.have.length(0);
  });

  it('needs no secrets that the shell lacks: it calls nobody', async () => {
    await using site = await makeSite({
      podio: { clientId: fromEnv('CLIENT_ID'), clientSecret: fromEnv('credential:secret') },
      apps: { leads: { id: 101, token: fromEnv('TOKEN') } },
      rules: {
        won: {
          on: { app: 'leads', events: 'item.*' },
          steps: [{ 'slack-notifier': { webhookUrl: fromEnv('SLACK_URL'), text: 'Won' } }],
        },
      },
    });
    const { code, stdout, stderr } = await site.podiod(['receive', '-'], { input: UPDATE });
    expect(code, stderr).to.equal(0);
    expect(stdout).to.include('  won: settled');
  });

  it('says what the mode of a rule would do first', async () => {
    const on = { app: 'leads', events: 'item.*' };
    await using site = await makeSite({
      rules: { r: { on, mode: { settle: '2m' }, where: { 'event.type': 'item.update' }, steps: ['audit'] } },
    });
    const { stdout } = await site.podiod(['receive', '-', ...LEADS], { input: UPDATE });
    expect(stdout.split('\n').slice(1, 3)).to.deep.equal([
      '  r: settled',
      '    would wait 2m for further edits of its item, 1h in all at most, and be run with them (mode settle)',
    ]);
    const [created] = await receive(site, ['-', ...LEADS], CREATE);
    expect(created?.rules[0]?.outcome).to.equal('filtered');
    expect(created?.rules[0]?.mode).to.match(/mode settle/);
  });

  it('reads forms, an object, a list and objects one a line, from a file or stdin', async () => {
    await using site = await makeSite();
    const [create, update] = [CREATE, UPDATE].map(form => Object.fromEntries(new URLSearchParams(form)));
    const expected = ['item.create filtered settled', 'item.update filtered settled'];
    const saved = {
      'forms.txt': `${CREATE}\n${UPDATE}`,
      'list.json': JSON.stringify([create, update], null, 2),
      'lines.ndjson': `${JSON.stringify(create)}\n${JSON.stringify(update)}\n`,
      'marked.ndjson': `\ufeff${JSON.stringify(create)}\n${JSON.stringify(update)}`,
    };
    for (const [name, content] of Object.entries(saved)) {
      site.write(name, content);
      expect(outcomes(await receive(site, [name, ...LEADS])), name).to.deep.equal(expected);
      expect(outcomes(await receive(site, ['-', ...LEADS], content)), `- ${name}`).to.deep.equal(expected);
    }
    site.write('object.json', JSON.stringify(create, null, 2));
    expect(outcomes(await receive(site, ['object.json', ...LEADS]))).to.deep.equal(expected.slice(0, 1));
  });

  it('passes over the handshakes among what a server has written down', async () => {
    await using site = await makeSite();
    const input = `type=hook.verify&hook_id=1&code=abc\n${UPDATE}\n`;
    const { code, stdout, stderr } = await site.podiod(['receive', '-', ...LEADS], { input });
    expect(code).to.equal(0);
    expect(stdout.split('\n')[0]).to.equal('item.update  leads  item 7');
    expect(stderr.split('\n')[0]).to.equal('1 of hook.verify left out: no rule gets them.');
  });

  it('tells what the conditions of rules and steps have seen', async () => {
    await using site = await makeSite({
      rules: {
        signed: {
          on: { app: 'leads', events: 'item.update' },
          where: { 'fields.status': 'Signed', 'item.title': { exists: true } },
          steps: ['audit'],
        },
        large: {
          on: { app: 'leads', events: 'item.update' },
          steps: [{ audit: null, when: { 'fields.value': { gt: 5 } } }],
        },
      },
    });
    site.write('item.json', ITEM);
    const { stdout } = await site.podiod(['receive', '-', ...LEADS, '--item', 'item.json'], {
      input: UPDATE,
    });
    expect(stdout.trim().split('\n')).to.deep.equal([
      'item.update  leads  item 7',
      '  signed: filtered by its where',
      '    ✗ fields.status eq Signed, is Won',
      '    ✓ item.title exists true, is Fjord',
      '  large: settled',
      '    audit: skipped',
      '      ✗ fields.value gt 5, is empty',
    ]);
  });

  it('takes item and changes from a file', async () => {
    await using site = await makeSite({
      rules: {
        won: {
          on: { app: 'leads', fields: { status: { from: 'Open', to: 'Won' } } },
          steps: [
            { 'slack-notifier': { webhookUrl: 'https://slack.example/x', text: '{{ item.title }} is won' } },
          ],
        },
      },
    });
    site.write('item.json', {
      item: ITEM,
      changes: [{ ...STATUS, from: option(1, 'Open'), to: option(2, 'Won') }],
    });
    const [received] = await receive(site, ['-', ...LEADS, '--item', 'item.json'], UPDATE);
    expect(received?.rules[0]?.steps[0]).to.include({ text: 'posts to Slack: Fjord is won' });
    site.write('plain.json', ITEM);
    expect(outcomes(await receive(site, ['-', ...LEADS, '--item', 'plain.json'], UPDATE))).to.deep.equal([
      'item.update filtered',
    ]);
  });

  it('takes an item for changed from empty where it was created, and says where changes are not known', async () => {
    await using site = await makeSite({
      rules: { won: { on: { app: 'leads', fields: { status: { to: 'Won' } } }, steps: ['audit'] } },
    });
    site.write('item.json', ITEM);
    const argv = ['receive', '-', ...LEADS, '--item', 'item.json'];
    const created = await site.podiod(argv, { input: CREATE });
    expect(created.stdout).to.include('won: settled');
    expect(created.stderr).to.equal('');
    expect((await site.podiod(argv, { input: UPDATE })).stderr).to.include('is not known');
    site.write('item.json', { item: ITEM, changes: [] });
    expect((await site.podiod(argv, { input: UPDATE })).stderr).to.equal('');
  });

  it('exits 1 when a step failed', async () => {
    await using site = await makeSite({
      plugins: { broken: { use: './broken.ts' } },
      rules: { all: { on: { app: 'leads', events: 'item.*' }, steps: ['broken'] } },
    });
    site.write(
      'broken.ts',
      `import { definePlugin, z } from 'podiod/plugin';
import { throwError } from 'rxjs';
export default definePlugin({
  name: 'broken',
  pure: true,
  options: z.object({}),
  setup: () => ({ operator: () => throwError(() => new Error('it is broken')) }),
});`,
    );
    const { code, stdout } = await site.podiod(['receive', '-', ...LEADS], { input: CREATE });
    expect(stdout).to.include('it is broken');
    expect(code).to.equal(1);
  });

  for (const [what, argv, input, message] of [
    ['no app', ['-'], CREATE, 'which app are the deliveries of?'],
    ['an unknown app', ['-', '--app', 'nope'], CREATE, 'there is no app nope'],
    ['an unknown space', ['-', '--space', 'nope'], CREATE, 'there is no space nope'],
    ['both', ['-', '--space', 'x', '--app', 'leads'], CREATE, 'exclude each other'],
    ['a missing file', ['missing.txt', ...LEADS], '', "missing.txt can't be read"],
    ['nothing', ['-', ...LEADS], '\n# nothing\n', 'there is no delivery in stdin'],
    ['broken JSON', ['-', ...LEADS], '[{]', 'stdin is not JSON'],
    ['a broken line', ['-', ...LEADS], `${CREATE}\n{"type": `, 'delivery 2 in stdin'],
    ['no type', ['-', ...LEADS], 'item_id=1', 'delivery 1 in stdin has no type'],
    ['a type of spaces', ['-', ...LEADS], 'type=task.create&task_id=1', 'which no hook of an app delivers'],
    ['no item_id', ['-', ...LEADS], 'type=item.create', 'item_id'],
    ['no item', ['-', ...LEADS, '--item', '.podiorc.yml'], CREATE, 'holds no item'],
  ] as const) {
    it(`tells what is wrong with ${what}`, async () => {
      await using site = await makeSite();
      const { code, stdout, stderr } = await site.podiod(['receive', ...argv], { input });
      expect(code).to.equal(2);
      expect(stdout).to.equal('');
      expect(stderr).to.include(message);
    });
  }
});
