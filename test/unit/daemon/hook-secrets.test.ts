import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Subject } from 'rxjs';
import { silentLog } from '../../../src/core/log.ts';
import { forgetWhenReplaced, makeHookSecrets } from '../../../src/daemon/hook-secrets.ts';
import type { ReconcileStatus } from '../../../src/reconcile/index.ts';
import { ensureSecretFile, rotateSecretFile } from '../../../src/store/files.ts';
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
  everyMs: 900_000,
  pace: [],
});

describe('secrets of hooks in another config', () => {
  it('hold once they are taken, and one of dataDir is read where the config has none any more', async () => {
    using folder = temporaryFolder();
    const dataDir = folder.path;
    const own = await ensureSecretFile(dataDir, 'secret');
    const hidden: string[] = [];
    const secrets = await makeHookSecrets({
      dataDir,
      server: { secret: 'first-of-the-config', previousSecrets: [] },
      secret: 'first-of-the-config',
      log: silentLog,
      hide: all => hidden.push(...all),
    });
    const use = await secrets.prepare({
      secret: 'second-of-the-config',
      previousSecrets: ['first-of-the-config'],
    });
    expect(secrets.all()).to.deep.equal(['first-of-the-config']);
    use();
    expect(secrets.all()).to.deep.equal(['second-of-the-config', 'first-of-the-config']);
    (await secrets.prepare({ secret: undefined, previousSecrets: ['second-of-the-config'] }))();
    expect(secrets.all()).to.deep.equal([own, 'second-of-the-config']);
    await secrets.rotate();
    expect(secrets.isRotating()).to.equal(true);
    // The same again loses nothing of a rotation.
    (await secrets.prepare({ secret: undefined, previousSecrets: [] }))();
    const [current, ...previous] = secrets.all();
    expect(previous).to.deep.equal([own]);
    (await secrets.prepare({ secret: 'third-of-the-config', previousSecrets: [current ?? '', own] }))();
    expect(secrets.all()).to.deep.equal(['third-of-the-config', current, own]);
    expect(hidden).to.include.members([own, current ?? '', 'third-of-the-config']);
  });

  it('that the next config omits are accepted all the same, over a restart too, until they are forgotten', async () => {
    using folder = temporaryFolder();
    const dataDir = folder.path;
    const open = (server: { secret: string; previousSecrets: string[] }) =>
      makeHookSecrets({ dataDir, server, secret: server.secret, log: silentLog, hide: undefined });
    const secrets = await open({ secret: 'first-of-the-config', previousSecrets: ['zeroth-of-the-config'] });
    const next = { secret: 'second-of-the-config', previousSecrets: [] };
    expect(secrets.omits(next)).to.equal(true);
    const use = await secrets.prepare(next);
    expect(secrets.all()).to.deep.equal(['first-of-the-config', 'zeroth-of-the-config']);
    use();
    // What it was told to forget it does.
    expect(secrets.all()).to.deep.equal(['second-of-the-config', 'first-of-the-config']);
    expect(secrets.isRotating()).to.equal(true);
    expect(secrets.omits(next)).to.equal(false);

    const again = await open(next);
    expect(again.all()).to.deep.equal(secrets.all());
    await again.forget();
    expect(again.all()).to.deep.equal(['second-of-the-config']);
    expect((await open(next)).isRotating()).to.equal(false);
    // dataDir's own, too, where the config gets one.
    (await again.prepare({ secret: undefined, previousSecrets: ['second-of-the-config'] }))();
    const [own] = again.all();
    expect(again.omits({ secret: 'third-of-the-config', previousSecrets: [] })).to.equal(true);
    (await again.prepare({ secret: 'third-of-the-config', previousSecrets: [] }))();
    expect(again.all()).to.deep.equal(['third-of-the-config', own]);
  });
});

describe('old secrets of hooks', () => {
  it('are accepted until ten minutes after no hook has one, and a restart forgets nothing', async () => {
    using folder = temporaryFolder();
    const dataDir = folder.path;
    const server = { secret: undefined, previousSecrets: ['one-of-the-config-itself'] };
    const first = await ensureSecretFile(dataDir, 'secret');
    const open = async (secret: string) =>
      makeHookSecrets({ dataDir, server, secret, log: silentLog, hide: undefined });
    const secrets = await open(first);
    expect(secrets.all()).to.deep.equal([first, 'one-of-the-config-itself']);
    expect(secrets.isRotating()).to.equal(false);
    await secrets.rotate();
    const second = readFileSync(join(dataDir, 'secret'), 'utf8').trim();
    expect(secrets.all()).to.deep.equal([second, 'one-of-the-config-itself', first]);

    // Once more before all of it is done, by a command this time.
    await rotateSecretFile(dataDir);
    const third = readFileSync(join(dataDir, 'secret'), 'utf8').trim();
    const again = await open(third);
    expect(again.all()).to.deep.equal([third, 'one-of-the-config-itself', second, first]);

    const clock = makeVirtualClock();
    const finished$ = new Subject<void>();
    let left = 2;
    const reconciler = { finished$, status: () => statusWith(left) };
    const end = forgetWhenReplaced(again, reconciler, clock, silentLog);
    finished$.next();
    await clock.advance(3_600_000);
    expect(again.isRotating()).to.equal(true);
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
    end();
  });
});
