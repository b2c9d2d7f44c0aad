import { expect } from 'chai';
import type { Item, Revision } from '../../../src/core/podio.ts';
import { msOf, stampOf } from '../../../src/core/podio-time.ts';
import { followedApps } from '../../../src/recover/apps.ts';
import {
  type Finding,
  missedOf,
  recoveryWith,
  recoveryWithout,
  type Seen,
  seenOf,
} from '../../../src/recover/missed.ts';

const at = (second: number): number => Date.UTC(2026, 0, 1, 12, 0, second);

const finding = (
  more: Partial<Finding> = {},
  wants: Finding['app']['wants'] = new Set(['item.create', 'item.update']),
): Finding => ({
  app: { name: 'leads', id: 101, wants, own: wants, deletions: true },
  unhooked: 'run',
  localTime: ms => ms,
  ...more,
});

const seen = (more: Partial<Seen> = {}): Seen => ({
  itemId: 1,
  externalId: undefined,
  revision: 3,
  createdOn: at(0),
  lastEditOn: at(30),
  lastEditByClient: false,
  ...more,
});

const revision = (number: number, second: number, client = 1): Revision => ({
  revision: number,
  type: number === 0 ? 'creation' : 'update',
  created_on: stampOf(at(second)),
  created_via: { id: client },
});

const entry = (upTo: number, ...above: readonly number[]) => ({ upTo, above, missing: [] });
const ids = (recovery: ReturnType<typeof recoveryWithout>) => recovery?.events.map(({ id }) => id);

describe('what was missed of an item', () => {
  it('is what lies between the ledger and its revision', () => {
    expect(missedOf(seen(), entry(1), 0)).to.deep.equal({ missing: [[2, 3]], known: true });
    expect(missedOf(seen(), entry(3), 0)).to.deep.equal({ missing: [], known: true });
    expect(missedOf(seen({ revision: 6 }), entry(1, 3, 5), 0).missing).to.deep.equal([
      [2, 2],
      [4, 4],
      [6, 6],
    ]);
  });

  it('is what was made after the app was first met, where the ledger has no baseline', () => {
    expect(missedOf(seen(), undefined, at(30))).to.deep.equal({ missing: [], known: true });
    expect(missedOf(seen(), undefined, at(10))).to.deep.equal({ missing: [[1, 3]], known: false });
    expect(missedOf(seen({ revision: 1 }), undefined, at(10))).to.deep.equal({
      missing: [[1, 1]],
      known: true,
    });
    expect(missedOf(seen({ createdOn: at(11) }), undefined, at(10))).to.deep.equal({
      missing: [[0, 3]],
      known: true,
    });
    const own = { upTo: undefined, above: [2], missing: [] };
    expect(missedOf(seen({ createdOn: at(11) }), own, at(10)).missing).to.deep.equal([
      [0, 1],
      [3, 3],
    ]);
  });

  it('is told without reading the history where it is one change', () => {
    const tell = (item: Seen, ledger: Parameters<typeof missedOf>[1], how = finding()) =>
      recoveryWithout(item, missedOf(item, ledger, at(10)), how);
    expect(ids(tell(seen(), entry(2)))).to.deep.equal(['item.update:1:3']);
    expect(ids(tell(seen(), entry(1)))).to.equal(undefined);
    expect(ids(tell(seen({ revision: 0, createdOn: at(30) }), undefined))).to.deep.equal(['item.create:1:0']);
    expect(ids(tell(seen(), entry(3)))).to.deep.equal([]);
    // In the middle: its time is not known.
    expect(tell(seen(), entry(1, 3))).to.equal(undefined);
  });

  it('is nobody’s loss where no rule wants that kind of change', () => {
    const creations = finding({}, new Set(['item.create']));
    const missed = missedOf(seen(), entry(0), 0);
    expect(recoveryWithout(seen(), missed, creations)).to.deep.include({ events: [], upTo: 3 });
    const updates = finding({}, new Set(['item.update']));
    const born = seen({ createdOn: at(11), revision: 1 });
    expect(ids(recoveryWithout(born, missedOf(born, undefined, at(10)), updates))).to.deep.equal([
      'item.update:1:1',
    ]);
  });

  it('leaves out what API clients made, where that is wanted', () => {
    const skip = finding({ unhooked: 'skip' });
    const byClient = seen({ lastEditByClient: true });
    expect(recoveryWithout(byClient, missedOf(byClient, entry(2), 0), skip)?.events).to.deep.equal([]);
    const history = [revision(1, 20), revision(2, 25, 4711), revision(3, 30)];
    expect(ids(recoveryWith(seen(), [[1, 3]], history, skip))).to.deep.equal([
      'item.update:1:1',
      'item.update:1:3',
    ]);
  });

  it('counts what is no longer listed as lost, but for what must be older still', () => {
    const history = [revision(10, 20), revision(11, 25), revision(12, 30)];
    const item = seen({ revision: 12 });
    expect(recoveryWith(item, [[5, 12]], history, finding())).to.deep.include({
      upTo: 12,
      missing: [[5, 12]],
      unprovable: { revisions: [[5, 9]], why: 'Podio no longer lists the revision' },
    });
    expect(recoveryWith(item, [[1, 12]], history, finding(), at(20))).to.not.have.property('unprovable');
    expect(ids(recoveryWith(item, [[1, 12]], history, finding(), at(20)))).to.deep.equal([
      'item.update:1:11',
      'item.update:1:12',
    ]);
  });

  it('knows of a creation however long the history is', () => {
    const item = seen({ revision: 40, createdOn: at(15) });
    const found = recoveryWith(item, [[0, 40]], [revision(39, 29), revision(40, 30)], finding(), at(10));
    expect(ids(found)).to.deep.equal(['item.create:1:0', 'item.update:1:39', 'item.update:1:40']);
    expect(found.unprovable?.revisions).to.deep.equal([[1, 38]]);
  });

  it('is told as an event of the app, with the time of the change by this machine’s clock', () => {
    const ahead = finding({ localTime: ms => ms - 5000 });
    const item = seen({ externalId: 'x-1' });
    expect(recoveryWithout(item, missedOf(item, entry(2), 0), ahead)?.events).to.deep.equal([
      {
        id: 'item.update:1:3',
        type: 'item.update',
        source: 'recovered',
        ref: { type: 'app', id: 101 },
        app: 'leads',
        itemId: 1,
        revision: 3,
        externalId: 'x-1',
        params: {
          type: 'item.update',
          item_id: '1',
          item_revision_id: '3',
          external_id: 'x-1',
          changed_at: '2026-01-01T12:00:25.000Z',
        },
      },
    ]);
  });
});

describe('an item in a list', () => {
  const item: Item = { item_id: 1, title: '', fields: [], revision: 3, created_on: '2026-01-01 12:00:00' };

  it('has its last edit in one of two places', () => {
    const current = {
      revision: 3,
      type: 'update',
      created_on: '2026-01-01 12:00:30',
      created_via: { id: 4711 },
    };
    expect(seenOf({ ...item, last_edit_on: '2026-01-01 12:00:30' })).to.deep.equal(seen());
    expect(seenOf({ ...item, current_revision: current })).to.deep.equal(seen({ lastEditByClient: true }));
    expect(seenOf({ ...item, current_revision: { ...current, created_via: null } })).to.deep.equal(seen());
  });

  it('is of no use without its times', () => {
    expect(seenOf(item)).to.equal(undefined);
    expect(seenOf({ ...item, created_on: 'soon', last_edit_on: '2026-01-01 12:00:30' })).to.equal(undefined);
  });

  it('has times of whole seconds, UTC', () => {
    expect(msOf('2026-02-30 25:00:00')).to.equal(undefined);
    expect(stampOf(msOf('2026-01-01 12:00:30') ?? 0)).to.equal('2026-01-01 12:00:30');
  });
});

describe('followed apps', () => {
  const apps = new Map(
    ['leads', 'deals', 'notes'].map((name, i) => [
      name,
      { name, id: 101 + i, token: 't', login: undefined, fields: {} },
    ]),
  );
  const rule = (name: string, ...triggers: Parameters<typeof followedApps>[0][number]['triggers']) => ({
    name,
    triggers,
    steps: [],
    concurrency: 1,
    startAt: 'head' as const,
    timezone: 'UTC',
    fingerprint: '',
  });

  it('are those of which a rule wants what can be found; and of these the app’s own hooks tell of some', () => {
    const followed = followedApps(
      [
        rule('a', { kind: 'app', apps: ['leads', 'notes'], events: ['item.create', 'comment.create'] }),
        rule('b', { kind: 'app', apps: ['leads'], events: ['item.update'], fields: [{ field: 'status' }] }),
        rule('c', { kind: 'app', apps: ['deals'], events: ['item.update', 'item.delete'] }),
        rule('d', { kind: 'app', apps: ['notes'], events: ['item.delete'] }),
      ],
      apps,
    );
    expect(
      Array.from(followed.values(), ({ name, wants, own }) => [name, [...wants], [...own]]),
    ).to.deep.equal([
      ['leads', ['item.create', 'item.update'], ['item.create']],
      ['notes', ['item.create'], ['item.create']],
      ['deals', ['item.update'], ['item.update']],
    ]);
  });
});
