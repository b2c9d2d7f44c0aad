import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Subject } from 'rxjs';
import { isPodiodError } from '../../../src/core/errors.ts';
import { type Log, silentLog } from '../../../src/core/log.ts';
import {
  forgetWhenReplaced,
  type HookSecrets,
  makeHookSecrets,
  type Unused,
} from '../../../src/daemon/hook-secrets.ts';
import type { ReconcileStatus } from '../../../src/reconcile/index.ts';
import { ensureSecretFile, exchangeSecretFile, newSecret } from '../../../src/store/files.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { until } from '../../support/wait.ts';

const NOTHING = { create: 0, verify: 0, replace: 0, delete: 0, keep: 2, orphan: 0, elsewhere: 0, foreign: 0 };
const statusWith = (replace: number): ReconcileStatus => ({
  running: false,
  lastRunAt: '2026-01-01T00:00:00.000Z',
  lastError: undefined,
  hooks: [],
  degraded: [],
  leftovers: [],
  plan: { actions: [], summary: { ...NOTHING, replace } },
  refusedDeletions: 0,
  outdated: 0,
  everyMs: 900_000,
  pace: [],
});

describe('secrets of hooks in another config', () => {
  type Server = Parameters<typeof makeHookSecrets>[0]['server'];
  const open = (dataDir: string, server: Server) =>
    makeHookSecrets({ dataDir, server, log: silentLog, hide: undefined });
  const take = async (secrets: HookSecrets, server: Server) => (await secrets.prepare(server)).use();
  const own = (dataDir: string) => readFileSync(join(dataDir, 'secret'), 'utf8');
  const config = (secret?: string, ...previousSecrets: string[]): Server => ({ secret, previousSecrets });

  it('hold once they are taken, and the one before is accepted, over restarts too, until it is forgotten', async () => {
    using folder = temporaryFolder();
    const dataDir = folder.path;
    const hidden: string[] = [];
    const secrets = await makeHookSecrets({
      dataDir,
      server: config('first-of-the-config', 'zeroth-of-the-config'),
      log: silentLog,
      hide: all => hidden.push(...all),
    });
    expect(secrets.isRotating()).to.equal(false);
    const next = config('second-of-the-config');
    const both = ['second-of-the-config', 'first-of-the-config'];
    const prepared = await secrets.prepare(next);
    expect(secrets.all()).to.deep.equal(['first-of-the-config', 'zeroth-of-the-config']);
    expect(secrets.with(next)).to.deep.equal(both);
    await prepared.use();
    expect(secrets.all()).to.deep.equal(both);
    expect(secrets.isRotating()).to.equal(true);
    expect(hidden).to.include.members(both);

    const again = await open(dataDir, next);
    expect(again.all()).to.deep.equal(both);
    await again.forget();
    expect(again.all()).to.deep.equal(['second-of-the-config']);
    expect((await open(dataDir, next)).isRotating()).to.equal(false);
  });

  it('are exchanged by a restart as well, from dataDir and back', async () => {
    using folder = temporaryFolder();
    const dataDir = folder.path;
    const [made] = (await open(dataDir, config())).all();
    expect((await open(dataDir, config('first-of-the-config'))).all()).to.deep.equal([
      'first-of-the-config',
      made,
    ]);
    const second = await open(dataDir, config('second-of-the-config'));
    expect(second.all()).to.deep.equal(['second-of-the-config', 'first-of-the-config', made]);
    // Once there is none in the config any more, that one goes on; a rotation is what makes another.
    expect(second.with(config())).to.deep.equal(second.all());
    await take(second, config());
    expect(second.all()).to.deep.equal(['second-of-the-config', 'first-of-the-config', made]);
    await second.rotate();
    const [rotated, ...previous] = second.all();
    expect(previous).to.deep.equal(['second-of-the-config', 'first-of-the-config', made]);
    expect((await open(dataDir, config())).all()).to.deep.equal([rotated, ...previous]);
    // The one before comes back: nothing is lost of those between.
    const back = await open(dataDir, config('second-of-the-config'));
    expect(new Set(back.all())).to.deep.equal(new Set(['second-of-the-config', ...previous, rotated]));
    expect(back.all()[0]).to.equal('second-of-the-config');
  });

  it('leave nothing behind when the config is not taken', async () => {
    using folder = temporaryFolder();
    const dataDir = folder.path;
    const secrets = await open(dataDir, config('first-of-the-config'));
    const prepared = await secrets.prepare(config('second-of-the-config'));
    expect(existsSync(join(dataDir, 'previous-secrets'))).to.equal(true);
    await prepared.abandon();
    expect(readdirSync(dataDir)).to.deep.equal(['secret']);
    expect(secrets.all()).to.deep.equal(['first-of-the-config']);
    // Killed before that: as if it had not been prepared.
    await secrets.prepare(config('second-of-the-config'));
    const again = await open(dataDir, config('first-of-the-config'));
    expect([again.all(), again.isRotating()]).to.deep.equal([['first-of-the-config'], false]);
    expect(readdirSync(dataDir)).to.deep.equal(['secret']);
  });

  it('take a rotation in that comes between', async () => {
    using folder = temporaryFolder();
    const dataDir = folder.path;
    const secrets = await open(dataDir, config());
    const [first] = secrets.all();
    const abandoned = await secrets.prepare(config('first-of-the-config'));
    const rotating = secrets.rotate();
    await Promise.all([rotating, abandoned.abandon()]);
    const [second] = secrets.all();
    expect(secrets.all()).to.deep.equal([second, first]);
    expect((await open(dataDir, config())).all()).to.deep.equal(secrets.all());

    const prepared = await secrets.prepare(config('second-of-the-config'));
    await Promise.all([secrets.rotate(), prepared.use()]);
    const [, third] = secrets.all();
    const all = ['second-of-the-config', third, second, first];
    expect(new Set(all).size).to.equal(4);
    expect(secrets.all()).to.deep.equal(all);
    expect((await open(dataDir, config('second-of-the-config'))).all()).to.deep.equal(all);
    const refused = await secrets.rotate().catch((error: unknown) => error);
    expect(isPodiodError(refused) && refused.code).to.equal('USAGE');
  });

  it('may hold anything, and are on disk for their owner only', async () => {
    using folder = temporaryFolder();
    const dataDir = folder.path;
    const odd = ['two lines\nof the config', '"quoted"-of-the-config', 'ærlig talt, en hemmelighed'];
    for (const secret of odd) await open(dataDir, config(secret));
    const secrets = await open(dataDir, config('first-of-the-config'));
    expect(secrets.all()).to.deep.equal(['first-of-the-config', ...odd.reverse()]);
    expect(readdirSync(dataDir).map(name => statSync(join(dataDir, name)).mode & 0o777)).to.deep.equal([
      0o600, 0o600,
    ]);
    chmodSync(join(dataDir, 'secret'), 0o644);
    for (const secret of ['first-of-the-config', 'second-of-the-config', undefined]) {
      const refused = await open(dataDir, config(secret)).catch((error: unknown) => error);
      expect(isPodiodError(refused) && refused.code).to.equal('STORE_EXPOSED');
    }
  });

  it('stand in for a damaged file', async () => {
    using folder = temporaryFolder();
    const dataDir = folder.path;
    writeFileSync(join(dataDir, 'secret'), '', { mode: 0o600 });
    const refused = await open(dataDir, config()).catch((error: unknown) => error);
    expect(isPodiodError(refused) && refused.code).to.equal('STORE_SECRET');
    expect((await open(dataDir, config('first-of-the-config'))).all()).to.deep.equal(['first-of-the-config']);
    expect(own(dataDir)).to.equal('first-of-the-config\n');
  });
});

const keeper = (kept?: Unused) => {
  const memory = {
    kept,
    keep: async (unused: Unused | undefined) => {
      memory.kept = unused;
    },
  };
  return memory;
};

describe('old secrets of hooks', () => {
  it('are forgotten in time by a daemon that is restarted every nine minutes, which says when', async () => {
    using folder = temporaryFolder();
    const dataDir = folder.path;
    const server = { secret: undefined, previousSecrets: [] };
    const clock = makeVirtualClock();
    const finished$ = new Subject<void>();
    const reconciler = { finished$, status: () => statusWith(0) };
    const memory = keeper();
    const boot = async () => {
      const secrets = await makeHookSecrets({ dataDir, server, log: silentLog, hide: undefined });
      const old = forgetWhenReplaced(secrets, reconciler, clock, silentLog, memory);
      return { secrets, old };
    };
    const first = await boot();
    await first.secrets.rotate();
    finished$.next();
    const until1 = first.old.status()?.until;
    expect(until1).to.equal(clock.now() + 600_000);
    await clock.advance(540_000);
    first.old.stop();
    const second = await boot();
    finished$.next();
    expect(second.old.status()?.until).to.equal(until1);
    // Another one has its own ten minutes.
    await new Promise(resolve => setTimeout(resolve, 2));
    await second.secrets.rotate();
    finished$.next();
    expect(second.old.status()?.until).to.equal(clock.now() + 600_000);
    await clock.advance(540_000);
    second.old.stop();
    const third = await boot();
    finished$.next();
    await clock.advance(59_000);
    expect(third.secrets.isRotating()).to.equal(true);
    await clock.advance(2_000);
    await until(() => !third.secrets.isRotating(), 'the old ones to be forgotten');
    expect(memory.kept).to.equal(undefined);
    third.old.stop();
  });

  it('are accepted until ten minutes after no hook has one, and a restart forgets nothing', async () => {
    using folder = temporaryFolder();
    const dataDir = folder.path;
    const server = { secret: undefined, previousSecrets: ['one-of-the-config-itself'] };
    const first = await ensureSecretFile(dataDir, 'secret');
    const open = () => makeHookSecrets({ dataDir, server, log: silentLog, hide: undefined });
    const secrets = await open();
    expect(secrets.all()).to.deep.equal([first, 'one-of-the-config-itself']);
    expect(secrets.isRotating()).to.equal(false);
    await secrets.rotate();
    const second = readFileSync(join(dataDir, 'secret'), 'utf8').trim();
    expect(secrets.all()).to.deep.equal([second, 'one-of-the-config-itself', first]);

    // Once more before all of it is done, by a command this time.
    const third = newSecret();
    await exchangeSecretFile(dataDir, third);
    const again = await open();
    expect(again.all()).to.deep.equal([third, 'one-of-the-config-itself', second, first]);

    const clock = makeVirtualClock();
    const finished$ = new Subject<void>();
    let left = 2;
    const reconciler = { finished$, status: () => statusWith(left) };
    const told: unknown[] = [];
    const log: Log = { ...silentLog, warn: (message, fields) => void told.push([message, fields?.because]) };
    const old = forgetWhenReplaced(again, reconciler, clock, log, keeper());
    expect(old.status()?.because).to.equal('2 hooks wait to be set right: podiod plan');
    finished$.next();
    await clock.advance(3_600_000);
    expect(again.isRotating()).to.equal(true);
    const line = 'deliveries with an old secret are still accepted';
    expect(told).to.deep.equal([[line, '2 hooks wait to be set right: podiod plan']]);
    await clock.advance(23 * 3_600_000);
    expect(told).to.have.length(1);
    await clock.advance(3_600_000);
    expect(told).to.have.length(2);
    left = 0;
    finished$.next();
    await clock.advance(9 * 60_000);
    finished$.next();
    expect(again.isRotating()).to.equal(true);
    await clock.advance(61_000);
    await clock.until(new Promise<void>(resolve => clock.after(1, resolve)));
    // The file goes first, and is no more on disk before the memory of it goes.
    await until(() => !again.isRotating(), 'the old ones to be forgotten');
    expect(again.all()).to.deep.equal([third, 'one-of-the-config-itself']);
    expect(existsSync(join(dataDir, 'previous-secrets'))).to.equal(false);
    expect(old.status()).to.equal(undefined);
    old.stop();
  });

  it('are accepted, and said to be, for as long as something keeps a hook that needs one', async () => {
    using folder = temporaryFolder();
    const dataDir = folder.path;
    const server = { secret: undefined, previousSecrets: [] };
    const secrets = await makeHookSecrets({ dataDir, server, log: silentLog, hide: undefined });
    const clock = makeVirtualClock();
    const finished$ = new Subject<void>();
    let status = statusWith(0);
    const old = forgetWhenReplaced(secrets, { finished$, status: () => status }, clock, silentLog, keeper());
    expect(old.status()).to.equal(undefined);
    await secrets.rotate();
    const gone = { ref: 'app/102', error: 'refused', hint: undefined, since: '', rules: [] };
    for (const [what, because] of [
      [{ lastRunAt: undefined }, 'hooks are being looked at'],
      [{ lastError: 'no room' }, 'hooks can not be looked at: no room'],
      [{ degraded: [gone] }, 'app/102 can not be looked after, and may have hooks made with it'],
      [{ outdated: 2 }, '2 hooks are made with it and stay so, as reconcile.mode says'],
    ] as const) {
      status = { ...statusWith(0), ...what };
      finished$.next();
      await clock.advance(3_600_000);
      expect(old.status()?.because).to.equal(because);
      expect(secrets.isRotating()).to.equal(true);
    }
    status = statusWith(0);
    expect(old.status()).to.have.keys('since', 'until');
    old.stop();
  });
});
