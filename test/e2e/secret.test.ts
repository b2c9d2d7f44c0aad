import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { hookUrl } from '../../src/core/hook.ts';
import { until } from '../support/wait.ts';
import { freePort, LEADS, makeSite, SECRET, type Site } from './site.ts';

const RULES = {
  everything: {
    on: { app: ['leads', 'deals'], events: ['item.create', 'item.update', 'comment.create'] },
    steps: ['audit'],
  },
};

async function makeOwnSite(): Promise<Site & { readonly url: string }> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/podio`;
  const site = await makeSite({ rules: RULES, server: { publicUrl: url, port, allowNonPublicUrl: true } });
  return { ...site, url };
}
const secretOf = ({ dataDir }: Site): string => readFileSync(join(dataDir, 'secret'), 'utf8').trim();
/** `item.create` ... with whether the URL is of this secret. */
async function hooksOf(site: Site & { url: string }, secret: string): Promise<readonly string[]> {
  return (await site.podio.hooks())
    .map(({ ref, type, url, status }) => {
      const isNew = url === hookUrl(site.url, secret, ref, type);
      return `${ref.id} ${type} ${status} ${isNew ? 'new' : 'old'}`;
    })
    .sort();
}
const wanted = ['101', '102'].flatMap(id =>
  ['comment.create', 'item.create', 'item.update'].map(type => `${id} ${type} active new`),
);
const comment = async (site: Site & { url: string }, secret: string, id: number): Promise<number> => {
  const body = new URLSearchParams({ type: 'comment.create', comment_id: String(id), item_id: '1' });
  return (await fetch(hookUrl(site.url, secret, LEADS, 'comment.create'), { method: 'POST', body })).status;
};

describe('podiod secret rotate', () => {
  it('replaces every hook while deliveries go on, and takes both keys meanwhile', async () => {
    const site = await makeOwnSite();
    await site.boot();
    const old = secretOf(site);
    let going = true;
    let made = 0;
    const people = (async () => {
      while (going) {
        await site.podio.createItem(LEADS.id, { fields: { title: `Item ${++made}` } });
        await new Promise(resolve => setTimeout(resolve, 20));
      }
    })();
    const { code, stdout, stderr } = await site.podiod(['secret', 'rotate']);
    going = false;
    await people;
    expect([code, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.equal('A new secret is made, and 6 hooks are replaced.\n');
    const now = secretOf(site);
    expect(now).to.not.equal(old);
    expect(await hooksOf(site, now)).to.deep.equal(wanted);
    expect([await comment(site, old, 1), await comment(site, now, 2)]).to.deep.equal([200, 200]);
    expect((statSync(join(site.dataDir, 'previous-secrets')).mode & 0o777).toString(8)).to.equal('600');
    const events = await site.untilRun(made + 2, 'everything');
    expect(
      events.filter(({ type }) => type === 'item.create').every(({ source }) => source === 'webhook'),
    ).to.equal(true);
  }).timeout(60_000);

  it('goes on after a kill in the middle of it, and when the daemon was stopped', async () => {
    const site = await makeOwnSite();
    const first = await site.boot();
    // Somewhere in it: the files are written, some hooks are replaced.
    const asked = site.podiod(['secret', 'rotate']);
    await until(() => existsSync(join(site.dataDir, 'previous-secrets')), 'the first step');
    await first.end('SIGKILL');
    await asked;
    const second = await site.boot();
    await until(
      async () => (await hooksOf(site, secretOf(site))).join() === wanted.join(),
      'all to be replaced',
    );
    expect(await second.end('SIGTERM')).to.equal(0);

    const before = secretOf(site);
    const { code, stdout } = await site.podiod(['secret', 'rotate', '--json']);
    expect([code, JSON.parse(stdout)]).to.deep.equal([0, { replaced: 0, failed: [], later: true }]);
    await site.boot();
    expect(secretOf(site)).to.not.equal(before);
    await until(
      async () => (await hooksOf(site, secretOf(site))).join() === wanted.join(),
      'all to be replaced',
    );
    expect(await comment(site, before, 3)).to.equal(200);
  }).timeout(60_000);

  it('leaves no moment without a key that every hook’s deliveries have, whenever it is killed, and none for ever', async () => {
    const site = await makeOwnSite();
    let daemon = await site.boot();
    let id = 100;
    for (const [round, phase] of [
      // Files first; then hooks one after the other; then all are replaced and old ones still accepted.
      'previous-secrets',
      'secret',
      ...[1, 3, 5, 6],
    ].entries()) {
      const before = secretOf(site);
      const asked = site.podiod(['secret', 'rotate']);
      await until(
        async () =>
          phase === 'previous-secrets'
            ? existsSync(join(site.dataDir, 'previous-secrets')) &&
              readFileSync(join(site.dataDir, 'previous-secrets'), 'utf8').includes(before)
            : secretOf(site) !== before &&
              (phase === 'secret' ||
                (await hooksOf(site, secretOf(site))).filter(hook => hook.endsWith('active new')).length >=
                  Number(phase)),
        `round ${round}`,
        30_000,
      );
      await daemon.end('SIGKILL');
      await asked;
      // As Podio has them now: each of these delivers as soon as somebody listens.
      const atPodio = (await site.podio.hooks()).filter(({ status }) => status === 'active');
      expect(new Set(atPodio.map(({ ref, type }) => `${ref.id} ${type}`)).size, `round ${round}`).to.equal(6);
      daemon = await site.boot();
      for (const { url, type } of atPodio) {
        id += 1;
        const body = new URLSearchParams({
          type,
          item_id: String(id),
          item_revision_id: '0',
          comment_id: String(id),
        });
        const { status } = await fetch(url, { method: 'POST', body });
        expect(status, `round ${round}: ${type}`).to.equal(200);
      }
      await until(
        async () => (await hooksOf(site, secretOf(site))).join() === wanted.join(),
        `all to be replaced in round ${round}`,
        30_000,
      );
    }
    const { oldSecret } = JSON.parse((await site.podiod(['status', '--json'])).stdout);
    expect(oldSecret).to.have.keys('since', 'until');
    expect((await site.podiod(['status'])).stdout).to.match(
      /the secret that was replaced .* is accepted: it will be forgotten at \d{4}-[\dT:.-]+Z$/m,
    );
  }).timeout(180_000);

  it('goes on accepting the old one where hooks made with it are not to be touched, and says so', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/podio`;
    const own = await makeSite({
      rules: RULES,
      server: { publicUrl: url, port, allowNonPublicUrl: true },
      reconcile: { mode: 'repair' },
    });
    const site = { ...own, url };
    await site.boot();
    const old = secretOf(site);
    const why = '6 hooks are made with it and stay so, as reconcile.mode says';
    const rotated = await site.podiod(['secret', 'rotate']);
    expect([rotated.code, rotated.stdout]).to.deep.equal([
      0,
      'A new secret is made, and 0 hooks are replaced.\n',
    ]);
    expect(rotated.stderr).to.equal(`podiod: the one before goes on being accepted: ${why}\n`);
    const { oldSecret } = JSON.parse((await site.podiod(['status', '--json'])).stdout);
    expect(oldSecret.because).to.equal(why);
    expect((await site.podiod(['status'])).stdout).to.match(
      /the secret that was replaced .* is accepted: 6 hooks/,
    );
    expect(await comment(site, old, 1)).to.equal(200);
  }).timeout(60_000);

  it('is done for a config with another secret by a reload or a restart, which need not be told the one before', async () => {
    const site = await makeOwnSite();
    const first = await site.boot();
    const own = secretOf(site);
    const { server } = JSON.parse(site.read('.podiorc.yml'));
    const configure = (secret?: string) => site.configure({ rules: RULES, server: { ...server, secret } });
    configure('one-of-the-config-itself-01');
    const reloaded = await site.podiod(['reload', '--json']);
    expect(reloaded.code, reloaded.stdout).to.equal(0);
    const taken = async (secret: string, id: number) =>
      expect([await comment(site, own, id), await comment(site, secret, id + 1)]).to.deep.equal([200, 200]);
    await taken('one-of-the-config-itself-01', 1);
    await until(
      async () => (await hooksOf(site, 'one-of-the-config-itself-01')).join() === wanted.join(),
      'all to be replaced',
    );
    await taken('one-of-the-config-itself-01', 3);

    configure('one-of-the-config-itself-02');
    await first.end('SIGTERM');
    const plan = await site.podiod(['plan', '--json']);
    expect(JSON.parse(plan.stdout).summary).to.include({ replace: 6, orphan: 0, create: 0 });
    const second = await site.boot();
    expect(await comment(site, 'one-of-the-config-itself-01', 5)).to.equal(200);
    await until(
      async () => (await hooksOf(site, 'one-of-the-config-itself-02')).join() === wanted.join(),
      'all to be replaced',
    );
    await taken('one-of-the-config-itself-02', 6);

    // Where it leaves the config it goes on as dataDir's own.
    const refused = await site.podiod(['secret', 'rotate']);
    expect([refused.code, refused.stdout]).to.deep.equal([2, '']);
    configure();
    const would = await site.podiod(['reload', '--dry-run', '--json']);
    const actions = JSON.parse(would.stdout).hooks.plan.actions.map(
      ({ action }: { action: string }) => action,
    );
    expect(actions).to.deep.equal(Array(6).fill('keep'));
    expect((await site.podiod(['reload'])).code).to.equal(0);
    expect(secretOf(site)).to.equal('one-of-the-config-itself-02');
    expect(await hooksOf(site, secretOf(site))).to.deep.equal(wanted);
    await second.end('SIGTERM');
  }).timeout(60_000);

  it('leaves a secret of the config alone, and says how it is changed', async () => {
    const site = await makeSite({ rules: RULES });
    const running = await site.boot();
    const kept = secretOf(site);
    for (const when of ['running', 'stopped']) {
      if (when === 'stopped') await running.end('SIGTERM');
      const { code, stdout, stderr } = await site.podiod(['secret', 'rotate']);
      expect([code, stdout], when).to.deep.equal([2, '']);
      expect(stderr).to.match(/server\.secret.*podiod reload/s);
    }
    expect([kept, secretOf(site)]).to.deep.equal([SECRET, SECRET]);
    expect(existsSync(join(site.dataDir, 'previous-secrets'))).to.equal(false);
  }).timeout(60_000);
});
