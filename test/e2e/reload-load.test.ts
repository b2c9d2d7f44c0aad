// Reloads under load, again and again, good ones and bad ones: no event is lost, run twice, or handled by two configs.
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import type { ReloadAnswer } from '../../src/daemon/reload.ts';
import type { DaemonProcess } from '../support/processes.ts';
import { makeRandom } from '../support/random.ts';
import { until } from '../support/wait.ts';
import { type Load, startLoad } from './load.ts';
import { type JournalEntry, makeSite, type Site } from './site.ts';

const RELOADS = 24;
const KILLS = 12;
const CONCURRENCY = 4;

/** A line of the witness. */
interface Note {
  /** What the rule is, whatever it is called. */
  readonly as: string;
  readonly rule: string;
  readonly variant: number;
  readonly what: 'begun' | 'done';
  readonly id: string;
  readonly seq: number;
  readonly itemId?: number;
  readonly key: string;
}

/** What stands in the file. */
interface File {
  /** Of the rule that is edited again and again. */
  readonly variant: number;
  /** Of the rule that is renamed again and again. */
  readonly names: readonly string[];
  /** Whether the rule that comes and goes is there. */
  readonly extra: boolean;
}

const FIRST: File = { variant: 0, names: ['named-0'], extra: false };

// Deliveries come again until they are answered, and no hook is switched off for having been dead so often.
const podio = {
  retryDelaysMs: Array<number>(500).fill(50),
  retryOn: 'any-failure',
  switchOffAfter: 0,
  deliveryTimeoutMs: 3000,
  logSize: 100_000,
} as const;

const CHANGES = { on: { app: ['leads', 'deals'], events: ['item.create', 'item.update'] } };

function configOf({ variant, names, extra }: File): { plugins: object; rules: Record<string, object> } {
  const witness = (as: string, more: object = {}) => ({
    ...CHANGES,
    steps: [{ witness: { as, ...more } }],
  });
  const [name = '', was] = names.toReversed();
  return {
    plugins: {
      witness: { use: './witness.ts', notes: './notes.ndjson', ms: 10, as: 'nobody' },
      fussy: { use: './fussy.ts', needs: './never-there' },
    },
    rules: {
      untouched: witness('untouched'),
      edited: witness('edited', { variant }),
      [name]: { ...witness('named'), ...(was !== undefined && { was }) },
      // Not there, or disabled: one is as good as the other.
      ...((extra || variant % 2 === 1) && { extra: { ...witness('extra'), enabled: extra } }),
    },
  };
}

const write = (
  site: Site,
  file: File,
  changes: (rules: Record<string, object>) => object = rules => rules,
) => {
  const { plugins, rules } = configOf(file);
  site.configure({ plugins, rules: changes(rules), defaults: { delivery: { concurrency: CONCURRENCY } } });
};

/** The next good file. */
function edited(file: File, random: () => number): File {
  const kind = random();
  if (kind < 0.4) return { ...file, variant: file.variant + 1 };
  if (kind < 0.7) return { ...file, names: [...file.names, `named-${file.names.length}`] };
  return { ...file, extra: !file.extra };
}

const reload = (daemon: DaemonProcess): Promise<Response> => daemon.admin('/api/reload', {});

/** Reads a file that is wrong, or a plugin of which can not be set up: both change nothing. */
async function reloadInVain(
  site: Site,
  daemon: DaemonProcess,
  file: File,
  random: () => number,
): Promise<void> {
  const isInvalid = random() < 0.5;
  write(site, file, rules => ({
    ...rules,
    edited: isInvalid ? { ...CHANGES, steps: ['nobody'] } : { ...CHANGES, steps: ['fussy'] },
    extra: { ...CHANGES, steps: [{ witness: { as: 'never' } }] },
  }));
  const answer = await reload(daemon);
  const { error } = (await answer.json()) as { error: { code: string } };
  expect([answer.status, error.code]).to.deep.equal(
    isInvalid ? [422, 'CONFIG_INVALID'] : [409, 'RELOAD_ROLLED_BACK'],
  );
}

async function hasCaughtUp(daemon: DaemonProcess): Promise<boolean> {
  const response = await daemon.admin('/api/rules');
  const { rules } = (await response.json()) as { rules: { rule: string; lag: number; state: string }[] };
  const live = rules.filter(({ state }) => state === 'running');
  return live.length === 4 && live.every(({ lag }) => lag === 0);
}

/** Everything that was answered with 200 is there, and settled once by each of the rules that were there all the time. */
async function checkRecords(site: Site, load: Load, { names }: File): Promise<readonly JournalEntry[]> {
  const journal = (await site.journal()).filter(({ type }) => type !== 'item.delete');
  const ids = new Set(journal.map(({ id }) => id));
  for (const id of await load.acknowledged()) expect(ids.has(id), `${id} was answered 200`).to.equal(true);
  for (const { id, runs } of journal) {
    const settled = runs
      .map(({ rule, outcome }) => `${rule} ${outcome}`)
      .filter(run => !run.startsWith('extra'));
    expect(settled.sort(), id).to.deep.equal(
      ['edited settled', `${names.at(-1)} settled`, 'untouched settled'].sort(),
    );
  }
  // The one that came and went: from where it first came, everything but changes from before that were found later.
  const first = journal.find(({ runs }) => runs.some(({ rule }) => rule === 'extra'));
  const isFromBefore = ({ source, params }: JournalEntry): boolean =>
    source === 'recovered' && Date.parse(params.changed_at ?? '') < Date.parse(first?.receivedAt ?? '');
  const missed = journal.filter(
    entry =>
      entry.seq >= (first?.seq ?? Number.POSITIVE_INFINITY) &&
      !isFromBefore(entry) &&
      !entry.runs.some(({ rule, outcome }) => rule === 'extra' && outcome === 'settled'),
  );
  expect(missed.map(({ id }) => id)).to.deep.equal([]);
  return journal;
}

/** @param spared how often a run may have been begun again, since it was in hand at a kill */
function checkNotes(site: Site, file: File, spared: number): void {
  const notes = site.lines<Note>('notes.ndjson');
  expect(new Set(notes.map(({ as }) => as))).to.deep.equal(
    new Set(['untouched', 'edited', 'named', 'extra']),
  );
  for (const [as, ofRule] of Map.groupBy(notes, one => one.as)) {
    for (const what of ['begun', 'done'] as const) {
      const counts = Map.groupBy(
        ofRule.filter(note => note.what === what),
        ({ id }) => id,
      );
      const repeats = [...counts.values()].reduce((sum, each) => sum + each.length - 1, 0);
      expect(repeats, `${as} has ${what} again`).to.be.at.most(spared);
    }
    // One key for a run, under whatever name.
    for (const [id, same] of Map.groupBy(ofRule, note => note.id))
      expect(new Set(same.map(({ key }) => key)).size, `${as} ${id}`).to.equal(1);
    for (const ofItem of Map.groupBy(ofRule, ({ itemId }) => itemId).values()) {
      const seqs = ofItem.filter(({ what }) => what === 'done').map(({ seq }) => seq);
      expect(seqs, `${as} in order`).to.deep.equal(seqs.toSorted((a, b) => a - b));
    }
  }
  // No event by what came before, once what came after has begun with later ones of its item.
  const variants = Map.groupBy(
    notes.filter(({ as }) => as === 'edited'),
    ({ itemId }) => itemId,
  );
  for (const ofItem of variants.values()) {
    const seen = ofItem.map(({ variant }) => variant);
    expect(seen).to.deep.equal(seen.toSorted((a, b) => a - b));
  }
  const last = notes.findLast(({ as }) => as === 'edited');
  expect(last?.variant, 'the last config holds').to.equal(file.variant);
}

async function withSeed(run: (random: () => number) => Promise<void>): Promise<void> {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  try {
    await run(makeRandom(seed));
  } catch (error) {
    throw new Error(`with SEED=${seed}: ${(error as Error).message}`, { cause: error });
  }
}

async function makeLoadedSite(): Promise<Site> {
  const site = await makeSite({ rules: {} }, podio);
  site.copyPlugin('witness.ts');
  site.copyPlugin('fussy.ts');
  write(site, FIRST);
  return site;
}

describe('podiod reloaded under load', function () {
  this.timeout(180_000);

  it(`loses nothing, repeats nothing and keeps every order, ${RELOADS} times over`, () =>
    withSeed(async random => {
      const site = await makeLoadedSite();
      const daemon = await site.boot();
      const load = await startLoad(site, random);
      let file = FIRST;
      for (let n = 0; n < RELOADS; n++) {
        await pause(random() * 150);
        if (random() < 0.25) {
          await reloadInVain(site, daemon, file, random);
          continue;
        }
        file = edited(file, random);
        // What comes and goes is there in the end.
        if (n >= RELOADS - 2) file = { ...file, extra: true };
        write(site, file);
        const answer = await reload(daemon);
        expect(answer.status, await answer.clone().text()).to.equal(200);
        const { rules, cutOff } = (await answer.json()) as ReloadAnswer;
        expect(rules.unchanged).to.include('untouched');
        expect(cutOff).to.equal(0);
      }
      file = { ...file, extra: true };
      write(site, file);
      expect((await reload(daemon)).status).to.equal(200);
      const posted = load.posted();
      await until(() => load.posted() > posted + 20, 'the last config to get work');
      await load.stop();
      await until(() => hasCaughtUp(daemon), 'the rules to catch up', 60_000);
      await checkRecords(site, load, file);
      checkNotes(site, file, 0);
      expect(await daemon.end('SIGTERM')).to.equal(0);
    }));

  for (const [signal, spared] of [
    ['SIGKILL', KILLS * CONCURRENCY],
    ['SIGTERM', 0],
  ] as const)
    it(`goes on with the file as it is after ${signal} in the middle of it, ${KILLS} times over`, () =>
      withSeed(async random => {
        const site = await makeLoadedSite();
        let daemon = await site.boot();
        const load = await startLoad(site, random);
        let file = FIRST;
        let cut = 0;
        for (let n = 0; n < KILLS; n++) {
          await pause(random() * 100);
          file = n === KILLS - 1 ? { ...file, extra: true } : edited(file, random);
          write(site, file);
          daemon.signal('SIGHUP');
          await pause(random() * 120);
          expect(await daemon.end(signal), daemon.log()).to.equal(signal === 'SIGTERM' ? 0 : signal);
          if (!daemon.log().includes('config reloaded')) cut += 1;
          daemon = await site.boot();
        }
        expect(cut, 'reloads that were cut off').to.be.greaterThan(0);
        const posted = load.posted();
        await until(() => load.posted() > posted + 20, 'the last config to get work');
        await load.stop();
        await until(() => hasCaughtUp(daemon), 'the rules to catch up', 60_000);
        await checkRecords(site, load, file);
        checkNotes(site, file, spared);
        expect(await daemon.end('SIGTERM')).to.equal(0);
      }));
});
