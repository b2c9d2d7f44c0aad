// Commands that need the running daemon or its data, beside a daemon in this process.
import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import { until } from '../../support/wait.ts';
import { fromEnv, makeSite, RULES, type Site } from './site.ts';

/** The third of the options that the emulator gives the field: Open, Contacted, Won, Lost. */
const WON = 3;

interface Entry {
  readonly seq: number;
  readonly type: string;
  readonly app: string;
  readonly itemId: number;
  readonly receivedAt: string;
  readonly runs: readonly {
    readonly rule: string;
    readonly outcome: string;
    readonly error: string | null;
  }[];
}

const journal = async ({ podiod }: Site, ...argv: string[]): Promise<readonly Entry[]> => {
  const { code, stdout, stderr } = await podiod(['events', '--json', ...argv]);
  expect(code, stderr).to.equal(0);
  return JSON.parse(stdout).events;
};

async function ready({ podiod }: Site): Promise<void> {
  await until(async () => (await podiod(['status', '--ready'])).code === 0, 'a ready daemon');
}

/** The journal, once so many events are in it and every rule has passed them. */
const untilRun = (site: Site, events: number) =>
  until(async () => {
    const status = JSON.parse((await site.podiod(['status', '--json'])).stdout);
    const entries = await journal(site);
    return status.rules.every(({ lag }: { lag: number }) => lag === 0) && entries.length >= events && entries;
  }, `${events} events`);

/** What a shell may lack of a config: everything but admin and dataDir. */
const lackSecrets = (site: Site) =>
  site.configure({
    podio: { apiUrl: site.podioUrl, clientId: fromEnv('CLIENT_ID'), clientSecret: fromEnv('CLIENT_SECRET') },
    server: { publicUrl: fromEnv('PUBLIC_URL') },
  });

/** The link that Podio gives the item. */
async function linkOf({ podioUrl }: Site, itemId: number): Promise<string> {
  const post = { method: 'POST', headers: { 'Content-Type': 'application/json' } };
  const login = { grant_type: 'app', app_id: 101, app_token: 'leads-token' };
  const body = JSON.stringify({ ...login, client_id: 'podiod', client_secret: 'client-secret' });
  const grant = await fetch(`${podioUrl}/oauth/token/v2`, { ...post, body });
  const { access_token } = (await grant.json()) as { access_token: string };
  const headers = { Authorization: `OAuth2 ${access_token}` };
  const item = await fetch(`${podioUrl}/item/${itemId}`, { headers });
  return ((await item.json()) as { link: string }).link;
}

describe('commands beside a daemon', function () {
  this.timeout(30_000);
  const ending = new AsyncDisposableStack();
  let site: Site;
  let lead: number;
  let deal: number;

  before(async () => {
    site = ending.use(await makeSite());
    ending.use(site.start(['--config', '.podiorc.yml']));
    await ready(site);
    lead = site.podio.createItem(101, { fields: { title: 'Fjord', status: 1 } }).itemId;
    // App and field hook of leads, app hook of deals.
    await untilRun(site, 2);
    site.podio.updateItem(lead, { fields: { status: WON } });
    await untilRun(site, 4);
    deal = site.podio.createItem(102, { fields: { title: 'Alder' } }).itemId;
    await untilRun(site, 5);
  });
  after(() => ending.disposeAsync());
  afterEach(() => site.configure({}));

  it('events: oldest first, with what every rule made of them', async () => {
    const entries = await journal(site);
    expect(entries.map(({ seq }) => seq)).to.deep.equal([1, 2, 3, 4, 5]);
    expect(
      entries.flatMap(({ runs }) => runs.map(({ rule, outcome }) => `${rule} ${outcome}`)).sort(),
    ).to.deep.equal([
      'everything settled',
      'everything settled',
      'everything settled',
      'won filtered',
      'won settled',
    ]);
    expect(entries[0]?.runs[0]).to.have.all.keys('rule', 'outcome', 'steps', 'error');
    const { stdout } = await site.podiod(['events']);
    expect(stdout).to.match(
      new RegExp(`item\\.create {2}leads/1 {2}item ${lead} rev 0\\n +✓ everything: settled`),
    );
    expect(stdout).to.match(/· won: filtered/);
  });

  it('events: --limit, --rule, --app, --type, --item, --since', async () => {
    const seqs = async (...argv: string[]) => (await journal(site, ...argv)).map(({ seq }) => seq);
    expect(await seqs('--limit', '2')).to.deep.equal([4, 5]);
    expect(await seqs('--rule', 'won')).to.have.length(2);
    expect(await seqs('--app', 'deals')).to.deep.equal([5]);
    expect(await seqs('--type', 'item.update')).to.have.length(2);
    expect(await seqs('--type', 'item.update', '--rule', 'won', '--limit', '1')).to.have.length(1);
    expect(await seqs('--item', String(lead))).to.have.length(4);
    expect(await seqs('--item', String(deal))).to.deep.equal([5]);
    expect(await seqs('--since', '1h')).to.have.length(5);
    const last = (await journal(site)).at(-1)?.receivedAt ?? '';
    expect(await seqs('--since', last)).to.deep.equal([5]);
  });

  it('events: what nothing is called is told, and what nothing came of is no error', async () => {
    for (const [argv, told] of [
      [['--rule', 'old'], 'there is no rule old'],
      [['--app', 'old'], 'there is no app old'],
      [['--type', 'item.updat'], 'there is no type of event item.updat'],
    ] as const) {
      const { code, stdout, stderr } = await site.podiod(['events', ...argv]);
      expect([code, stdout]).to.deep.equal([2, '']);
      expect(stderr).to.include(told);
    }
    for (const argv of [
      ['--type', 'item.delete'],
      ['--item', '5300012345'],
    ]) {
      expect(await journal(site, ...argv)).to.deep.equal([]);
      const { code, stdout, stderr } = await site.podiod(['events', ...argv]);
      expect({ code, stdout, stderr }).to.deep.equal({ code: 0, stdout: '', stderr: 'No events.\n' });
    }
    // No item_id is as short as that: it is the number in an app.
    const short = await site.podiod(['events', '--item', '12345']);
    expect(short.stderr).to.equal(
      "No events. For the item's number in its app, give that too: --item APP/12345.\n",
    );
  });

  it('events: an item by the number that people see, and by its link', async () => {
    expect(await journal(site, '--item', 'leads/1')).to.have.length(4);
    expect(await journal(site, '--item', 'deals/1')).to.have.length(1);
    const link = await linkOf(site, lead);
    expect(link).to.match(/^https:\/\/.*\/apps\/.*\/items\/1$/);
    expect(await journal(site, '--item', link)).to.have.length(4);
    for (const [text, message] of [
      ['nope/1', 'there is no app nope'],
      ['#12', 'is no item'],
      ['https://podio.com/x/y/apps/nope/items/1', 'no app of the config has the link'],
    ] as const) {
      const { code, stderr } = await site.podiod(['events', '--item', text]);
      expect(code).to.equal(2);
      expect(stderr).to.include(message);
    }
    expect((await site.podiod(['events', '--item', 'leads/99'])).code).to.equal(1);
  });

  it('events --follow: what comes, one object a line, until it is told to stop', async () => {
    await using follow = site.start(['events', '--follow', '--json', '--limit', '1']);
    await follow.shows(/^\{"seq":5,.*\n/);
    site.podio.updateItem(deal, { fields: { title: 'Alder & Sons' } });
    const [line] = await follow.shows(/^\{"seq":6,.*/m);
    expect((JSON.parse(line) as Entry).runs[0]).to.include({ rule: 'everything', outcome: 'settled' });
    follow.stop();
    expect(await follow.ended).to.equal(0);
    for (const each of follow.stdout().trimEnd().split('\n')) JSON.parse(each);
  });

  it('status: rules and hooks, for people and programs', async () => {
    const { code, stdout } = await site.podiod(['status']);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^everything +running/m);
    const status = JSON.parse((await site.podiod(['status', '--json'])).stdout);
    expect(status.rules.map(({ rule }: { rule: string }) => rule)).to.have.members(Object.keys(RULES));
  });

  it('parked: a rule that there is not is told, and exits 1', async () => {
    for (const verb of ['retry', 'drop']) {
      const { code, stderr } = await site.podiod(['parked', verb, '--rule', 'nope']);
      expect(code, verb).to.equal(1);
      expect(stderr, verb).to.match(/no rule nope|nothing of the rule nope is parked/);
    }
    const json = await site.podiod(['parked', 'retry', '--rule', 'nope', '--json']);
    expect(json.code).to.equal(1);
    expect(JSON.parse(json.stdout)).to.deep.equal({ ids: [], missing: ['nope'] });
  });

  it('apply goes through the daemon, and calls fields by their names', async () => {
    const { code, stdout, stderr } = await site.podiod(['apply', '--yes']);
    expect(code).to.equal(0);
    expect(stderr).to.include('A daemon runs on this dataDir');
    expect(stdout)
      .to.match(/= keep +leads\.status +item\.update/)
      .and.to.include('Nothing to do');
  });

  it('plan writes nothing where a daemon lives', async () => {
    const before = readdirSync(site.dataDir).sort();
    expect((await site.podiod(['plan'])).code).to.equal(0);
    expect(readdirSync(site.dataDir).sort()).to.deep.equal(before);
  });

  it('run: a second daemon on the same dataDir is refused', async () => {
    const { code, stderr } = await site.podiod(['run']);
    expect(code).to.equal(1);
    expect(stderr).to.match(/podiod: .*(uses|in use|another podiod)/i);
  });

  it('run: ends cleanly when it is asked to, with nothing on stdout', async () => {
    await using other = await makeSite();
    await using second = other.start(['run']);
    await ready(other);
    second.stop();
    expect(await second.ended).to.equal(0);
    expect(second.stdout()).to.equal('');
    expect(readdirSync(other.dataDir)).not.to.include('run.json');
  });

  it('what only needs the daemon or its data does not fail on a secret that the shell lacks', async () => {
    lackSecrets(site);
    expect((await site.podiod(['check'])).code).to.equal(78);
    for (const argv of [
      ['status'],
      ['status', '--ready'],
      ['events'],
      ['events', '--item', String(lead)],
      ['events', '--item', 'leads/1'],
      ['parked'],
    ]) {
      const { code, stderr } = await site.podiod(argv);
      expect(code, `${argv.join(' ')}: ${stderr}`).to.equal(0);
    }
  });
});

describe('commands where no daemon runs', () => {
  it('status and parked say so, and exit 1', async () => {
    await using site = await makeSite();
    for (const argv of [['status'], ['parked'], ['parked', 'retry', '--all'], ['parked', 'drop', '1']]) {
      const { code, stdout, stderr } = await site.podiod(argv);
      expect(code, argv.join(' ')).to.equal(1);
      expect(stdout).to.equal('');
      expect(stderr).to.include('no podiod').and.to.include('podiod run');
      const { error } = JSON.parse((await site.podiod([...argv, '--json'])).stdout);
      expect(error).to.include({ code: 'ADMIN_UNREACHABLE' });
    }
  });

  it('events says where there is no journal yet', async () => {
    await using site = await makeSite();
    const { code, stderr } = await site.podiod(['events']);
    expect(code).to.equal(1);
    expect(stderr).to.include(site.dataDir);
    const json = JSON.parse((await site.podiod(['events', '--json'])).stdout);
    expect(json.error.message).to.include(site.dataDir);
  });
});
