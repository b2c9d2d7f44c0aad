// A rule gets another name: what is kept of the old one is the new one's.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { LEADS, makeSite } from './site.ts';

/** Counts in its store, and tells the delivery key; fails while `broken` is there. */
const COUNTER = `
import { existsSync, appendFileSync } from 'node:fs';
import { concatMap } from 'rxjs';
import { definePlugin, z } from 'podiod/plugin';
export default definePlugin({
  name: 'counter',
  options: z.object({ dir: z.string() }),
  setup: ({ dir }, { rule, store }) => ({
    operator: messages$ => messages$.pipe(concatMap(async message => {
      const isBroken = existsSync(dir + '/broken');
      const n = await store.update('n', n => (n ?? 0) + 1);
      appendFileSync(dir + '/tries.ndjson', JSON.stringify({ rule, n, key: message.deliveryKey, isBroken }) + '\\n');
      if (isBroken) throw new Error('broken');
      return message;
    })),
  }),
});`;

interface Try {
  readonly rule: string;
  readonly n: number;
  readonly key: string;
  readonly isBroken: boolean;
}

describe('a renamed rule', function () {
  this.timeout(60_000);

  it('goes on at a cold start where it was: runs, waits, parked, paused, values and keys', async () => {
    const rule = (more: object = {}) => ({
      on: { app: 'leads', events: 'item.update' },
      steps: ['counter'],
      ...more,
    });
    const site = await makeSite({ rules: {} });
    site.write('counter.ts', COUNTER);
    const plugins = { counter: { use: './counter.ts', dir: site.folder } };
    const update = async (item: number) =>
      expect(await site.deliver(LEADS, 'item.update', { item_id: item, item_revision_id: 0 })).to.equal(200);
    site.configure({ plugins, rules: { old: rule() } });
    const first = await site.boot();
    await update(1);
    await site.untilRun(1, 'old');
    site.write('broken', '');
    await update(2);
    await until(() => site.lines<Try>('tries.ndjson').length >= 2, 'a try to fail');
    // This one is not told of any more: it waits.
    expect((await site.podiod(['pause', '--rule', 'old'])).code).to.equal(0);
    await update(3);
    await first.end('SIGKILL');

    const keysBefore = site.lines<Try>('tries.ndjson').map(({ key }) => key);
    site.configure({ plugins, rules: { fresh: rule({ was: 'old' }), old2: rule() } });
    const second = await site.boot();
    const status = JSON.parse((await site.podiod(['status', '--json'])).stdout);
    expect(status.paused).to.have.length(1);
    expect(status.paused[0]).to.include({ kind: 'rule', name: 'fresh' });
    rmSync(join(site.folder, 'broken'));
    expect((await site.podiod(['resume', '--rule', 'fresh'])).code).to.equal(0);
    const journal = await site.untilRun(3, 'fresh');
    expect(journal.map(({ runs }) => runs.map(run => `${run.rule} ${run.outcome}`))).to.deep.equal([
      ['fresh settled'],
      ['fresh settled'],
      ['fresh settled'],
    ]);
    const tries = site.lines<Try>('tries.ndjson');
    // The first run was not run again, and the one that failed goes on under the key that it had.
    expect(new Set(tries.map(({ key }) => key))).to.have.length(3);
    expect(tries.slice(keysBefore.length).map(({ key }) => key)).to.include(keysBefore[1]);
    expect(tries.map(({ n }) => n)).to.deep.equal(tries.map((_, at) => at + 1));

    // The same file again changes nothing, and a rule that takes the old name has a key of its own.
    await second.end('SIGTERM');
    site.configure({ plugins, rules: { fresh: rule(), old: rule() } });
    await site.boot();
    await update(4);
    await until(() => site.lines('tries.ndjson').length >= tries.length + 2, 'both rules to run');
    const ran = site
      .lines<Try>('tries.ndjson')
      .slice(-2)
      .map(({ rule, key }) => `${rule} ${key}`);
    expect(ran.sort()).to.deep.equal([
      'fresh old/item.update:4:0/counter',
      'old old~2/item.update:4:0/counter',
    ]);
  });

  it('does not where its new name is in use, and the reload says so and what does', async () => {
    const rule = (more: object = {}) => ({
      on: { app: 'leads', events: 'item.update' },
      steps: ['audit'],
      ...more,
    });
    const gathering = rule({ mode: { settle: '1h' } });
    const site = await makeSite({ rules: { quiet: gathering } });
    await site.boot();
    expect(await site.deliver(LEADS, 'item.update', { item_id: 1, item_revision_id: 0 })).to.equal(200);
    await until(async () => {
      const { rules } = JSON.parse((await site.podiod(['status', '--json'])).stdout);
      return rules[0].gathered?.events === 1 || rules[0].gathered === 1;
    }, 'the event to be gathered');
    const plugins = { audit: { use: 'file-logger', path: './events.ndjson' } };
    const reload = async () => (await site.podiod(['reload'])).stdout;

    site.configure({ plugins, rules: { calm: gathering } });
    expect(await reload()).to.include('as `was: quiet` of a rule with a new name');
    site.configure({ plugins, rules: { calm: { ...gathering, was: 'quiet' } } });
    expect(await reload()).to.include(
      'Not renamed: calm goes on where it was itself, and not where quiet was',
    );
    site.configure({ plugins, rules: { third: { ...gathering, was: 'quiet' } } });
    const third = await reload();
    expect(third).to.include('> third, was quiet').and.not.include('Not renamed');
    const { rules } = JSON.parse((await site.podiod(['status', '--json'])).stdout);
    expect(rules.map(({ rule, name }: { rule?: string; name?: string }) => rule ?? name)).to.include('third');
  });
});
