// plan and apply, in this process and without a daemon.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { HookPlanJson } from '../../../src/reconcile/index.ts';
import { makeSite, type Site } from './site.ts';

const activeHooks = ({ podio }: Site) => podio.hooks().filter(({ status }) => status === 'active').length;

/** Of every hook there is: what must be shown to nobody. */
const keysOf = ({ podio, publicUrl }: Site): string[] =>
  podio.hooks().map(({ url }) => url.slice(publicUrl.length + 1).split('/')[0] as string);

/** Everything that would tell that somebody has written there. */
const snapshot = (folder: string) =>
  readdirSync(folder).map(name => {
    const { size, mtimeMs, ino } = statSync(join(folder, name));
    return { name, size, mtimeMs, ino };
  });

describe('podiod plan', function () {
  this.timeout(30_000);
  it('names hooks as the config does, and changes nothing, at Podio or here', async () => {
    await using site = await makeSite();
    const { code, stdout, stderr } = await site.podiod(['plan']);
    expect(code).to.equal(0);
    expect(stderr).to.equal('');
    expect(stdout).to.match(/\+ create {2}leads\.status {2}item\.update {2,}missing, for won/);
    expect(stdout).to.match(/^Plan: \d+ to create\.\n$/m);
    expect(site.podio.hooks()).to.have.length(0);
    expect(readdirSync(site.folder).filter(name => name !== 'data')).to.deep.equal(['.podiorc.yml']);
    // But for root, which makes no folder of the daemon's.
    if (existsSync(site.dataDir)) expect(readdirSync(site.dataDir)).to.deep.equal(['command-tokens.json']);
  });

  it('has an exit code for scripts', async () => {
    await using site = await makeSite();
    expect((await site.podiod(['plan', '--detailed-exitcode', '--json'])).code).to.equal(2);
    await site.podiod(['apply', '--yes']);
    expect((await site.podiod(['plan', '--detailed-exitcode'])).code).to.equal(0);
  });

  it('writes nothing in a dataDir that is there', async () => {
    await using site = await makeSite();
    await site.podiod(['apply', '--yes']);
    const before = snapshot(site.dataDir);
    expect((await site.podiod(['plan'])).code).to.equal(0);
    expect(snapshot(site.dataDir)).to.deep.equal(before);
  });

  it('does not say that there is nothing to do when nothing could be looked at', async () => {
    await using site = await makeSite();
    site.podio.setFaults({ down: true });
    const { code, stdout } = await site.podiod(['plan']);
    expect(code).to.equal(1);
    expect(stdout).to.not.include('Nothing to do');
    expect(stdout.replace(/\s+/g, ' ')).to.include(
      'It is not known whether there is anything to do: 2 not looked at. See to what is marked with !, then ask again.',
    );
  });

  it('exits 1 when Podio can not be asked, and says what could not be looked at', async () => {
    await using site = await makeSite({
      apps: { leads: { id: 101, token: 'leads-token' }, deals: { id: 102, token: 'wrong' } },
    });
    const { code, stdout } = await site.podiod(['plan']);
    expect(code).to.equal(1);
    expect(stdout).to.include('! deals: ').and.to.include('not looked at');
    const json = await site.podiod(['plan', '--json']);
    expect(json.code).to.equal(1);
    const { summary, failed, unresolved } = JSON.parse(json.stdout) as HookPlanJson;
    expect(summary.create).to.be.above(0);
    expect(failed.map(({ ref }) => ref)).to.deep.equal([{ type: 'app', id: 102 }]);
    expect(failed[0]?.error).to.be.a('string').and.not.include('wrong');
    expect(unresolved).to.deep.equal([]);
  });
});

describe('podiod apply', function () {
  this.timeout(30_000);
  it('asks on a terminal, and does what it has shown', async () => {
    await using site = await makeSite();
    await using apply = site.start(['apply'], { terminal: 80, input: 'yes\n' });
    expect(await apply.ended).to.equal(0);
    expect(apply.stdout()).to.include('Carry this out?').and.to.include('every hook is active');
    expect(apply.stderr()).to.include("taking Podio's pings on 127.0.0.1");
    expect(activeHooks(site)).to.equal(site.podio.hooks().length).and.to.be.above(5);
  });

  it('shows on a terminal what it waits for, and nothing of it stays', async () => {
    await using site = await makeSite();
    await using apply = site.start(['apply', '--yes'], { terminal: 80 });
    expect(await apply.ended).to.equal(0);
    expect(apply.stderr()).to.match(/leads item\.create: (started|waiting|done)/);
    expect(apply.stderr().endsWith('\r\u001b[K'), JSON.stringify(apply.stderr().slice(-200))).to.equal(true);
  });

  for (const [what, input] of [
    ['a no', 'no\n'],
    ['an empty line', '\n'],
    ['the end of the input', ''],
  ] as const) {
    it(`takes ${what} for a no`, async () => {
      await using site = await makeSite();
      const { code, stderr } = await site.podiod(['apply'], { terminal: 80, input });
      expect(code).to.equal(1);
      expect(stderr).to.include('Nothing was changed.');
      expect(site.podio.hooks()).to.have.length(0);
    });
  }

  it('asks nothing when there is nothing to do', async () => {
    await using site = await makeSite();
    await site.podiod(['apply', '--yes']);
    const { code, stdout } = await site.podiod(['apply'], { terminal: 80 });
    expect(code).to.equal(0);
    expect(stdout).to.include('Nothing to do').and.not.to.include('Carry this out?');
  });

  it('answers one document under --json, without a key in it, also when there is nothing to do', async () => {
    await using site = await makeSite();
    const first = await site.podiod(['apply', '--yes', '--json']);
    const second = await site.podiod(['apply', '--yes', '--json']);
    const [done, nothing] = [first, second].map(({ stdout }) => JSON.parse(stdout));
    expect(done.results.map(({ outcome }: { outcome: string }) => outcome))
      .to.include('done')
      .and.not.include('failed');
    expect(done.summary.create).to.equal(done.results.length);
    expect(nothing.results).to.deep.equal([]);
    expect(nothing.summary.keep).to.equal(done.results.length);
    for (const key of keysOf(site)) expect(first.stdout + second.stdout).not.to.include(key);
  });
});
