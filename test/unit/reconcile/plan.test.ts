import { expect } from 'chai';
import { type HookRef, type HookSpec, hookUrl, type ObservedHook } from '../../../src/core/hook.ts';
import { changesOf, type PlanOptions, planHooks } from '../../../src/reconcile/plan.ts';

const publicUrl = 'https://hooks.example.com/podio';
const secret = 'the present secret';
const before = 'the secret before';
const app: HookRef = { type: 'app', id: 101 };

const spec = (type: string, ref = app): HookSpec => ({
  ref,
  type,
  url: hookUrl(publicUrl, secret, ref, type),
  rules: ['a-rule'],
});

const hook = (
  hookId: number,
  type: string,
  given: Partial<ObservedHook & { secret: string }> = {},
): ObservedHook => {
  const { ref = app, status = 'active' } = given;
  const url = given.url ?? hookUrl(publicUrl, given.secret ?? secret, ref, type);
  return { ref, hookId, type, url, status };
};

const options: PlanOptions = {
  publicUrl,
  secrets: [secret, before],
  mode: 'apply',
  delete: 'owned',
  maxDelete: 0.2,
  refsObserved: new Set(['app/101']),
};

/** `create item.create`, `delete item.create #3` */
const plan = (declared: HookSpec[], observed: ObservedHook[], given: Partial<PlanOptions> = {}) =>
  planHooks(declared, observed, { ...options, ...given }).map(
    ({ action, type, hookId, refused }) =>
      `${refused ? 'refused ' : ''}${action} ${type}${hookId === undefined ? '' : ` #${hookId}`}`,
  );

describe('planHooks', () => {
  it('keeps what is as it should be', () => {
    const actions = planHooks([spec('item.create')], [hook(1, 'item.create')], options);
    expect(actions.map(({ action }) => action)).to.deep.equal(['keep']);
    expect(changesOf(actions)).to.deep.equal([]);
  });

  it('creates what is missing, verifies what is inactive, deletes what no rule needs, in this order', () => {
    expect(
      plan(
        [spec('item.update'), spec('item.create')],
        [hook(1, 'item.delete'), hook(2, 'item.create', { status: 'inactive' })],
      ),
    ).to.deep.equal(['create item.update', 'verify item.create #2', 'delete item.delete #1']);
  });

  it('of duplicates keeps the active one with the lowest id', () => {
    expect(
      plan(
        [spec('item.create')],
        [
          hook(3, 'item.create'),
          hook(1, 'item.create', { status: 'inactive' }),
          hook(2, 'item.create'),
          hook(4, 'item.create'),
        ],
      ),
    ).to.deep.equal([
      'delete item.create #1',
      'delete item.create #3',
      'delete item.create #4',
      'keep item.create #2',
    ]);
  });

  it('verifies the oldest where all duplicates are inactive', () => {
    const status = 'inactive';
    expect(
      plan([spec('item.create')], [hook(2, 'item.create', { status }), hook(1, 'item.create', { status })]),
    ).to.deep.equal(['verify item.create #1', 'delete item.create #2']);
  });

  it('replaces a hook made with a previous secret, and tells the URL of the new one', () => {
    const actions = planHooks([spec('item.create')], [hook(1, 'item.create', { secret: before })], options);
    expect(actions).to.have.lengthOf(1);
    expect(actions[0]).to.include({ action: 'replace', hookId: 1, url: spec('item.create').url });
  });

  it('verifies the new one before the one of a previous secret goes', () => {
    expect(
      plan(
        [spec('item.create')],
        [hook(1, 'item.create', { secret: before }), hook(2, 'item.create', { status: 'inactive' })],
      ),
    ).to.deep.equal(['verify item.create #2', 'delete item.create #1']);
  });

  it('deletes what is left over from a previous secret too', () => {
    expect(plan([], [hook(1, 'item.create', { secret: before })])).to.deep.equal(['delete item.create #1']);
  });

  it('plans nothing for a ref that could not be looked at', () => {
    expect(plan([spec('item.create')], [], { refsObserved: new Set() })).to.deep.equal([]);
  });

  it('never needs what hangs on one ref for another', () => {
    const other: HookRef = { type: 'app_field', id: 101 };
    const refsObserved = new Set(['app/101', 'app_field/101']);
    expect(
      plan([spec('item.create')], [hook(1, 'item.create', { ref: other })], { refsObserved, maxDelete: 1 }),
    ).to.deep.equal(['create item.create', 'delete item.create #1']);
  });

  describe('of what is not ours', () => {
    const orphan = hook(1, 'item.create', { secret: 'a lost secret' });
    const elsewhere = hook(2, 'item.create', {
      url: hookUrl('https://old.example', secret, app, 'item.create'),
    });
    const foreign = [
      hook(3, 'item.create', { url: 'https://zapier.example/hooks/1' }),
      hook(4, 'item.create', { url: `${publicUrl}2/${'A'.repeat(22)}/app/101/item.create` }),
      hook(5, 'item.create', { url: hookUrl(publicUrl, secret, { type: 'app', id: 9 }, 'item.create') }),
    ];

    it('shows it and leaves it', () => {
      expect(plan([spec('item.create')], [orphan, elsewhere, ...foreign])).to.deep.equal([
        'create item.create',
        'orphan item.create #1',
        'elsewhere item.create #2',
        'foreign item.create #3',
        'foreign item.create #4',
        'foreign item.create #5',
      ]);
    });

    it('deletes orphans with prune, what is elsewhere with move, and nothing foreign ever', () => {
      const all = [orphan, elsewhere, ...foreign];
      expect(plan([], all, { prune: true })).to.include('delete item.create #1');
      expect(plan([], all, { prune: true })).to.include('elsewhere item.create #2');
      expect(plan([], all, { move: true })).to.include('delete item.create #2');
      expect(plan([], all, { move: true })).to.include('orphan item.create #1');
      expect(plan([], foreign, { prune: true, move: true, allowDeletes: true })).to.deep.equal([
        'foreign item.create #3',
        'foreign item.create #4',
        'foreign item.create #5',
      ]);
    });

    it('does not count them as ours that may not be deleted at once', () => {
      const orphans = [10, 11, 12, 13, 14].map(id => hook(id, 'item.create', { secret: 'a lost secret' }));
      expect(plan([], orphans, { prune: true })).to.deep.equal(
        orphans.map(({ hookId }) => `delete item.create #${hookId}`),
      );
    });
  });

  describe('with maxDelete', () => {
    const types = ['item.create', 'item.update', 'item.delete', 'comment.create', 'file.change'];
    const four = types.slice(0, 4).map((type, i) => hook(i + 1, type));

    it('refuses more than three, and more than its share, as a whole while the rest goes on', () => {
      expect(plan([spec('file.change')], four)).to.deep.equal([
        'create file.change',
        'refused delete comment.create #4',
        'refused delete item.create #1',
        'refused delete item.delete #3',
        'refused delete item.update #2',
      ]);
      const actions = planHooks([spec('file.change')], four, options);
      expect(changesOf(actions).map(({ action }) => action)).to.deep.equal(['create']);
      expect(actions.at(-1)?.reason).to.contain('4 of our 4').and.to.contain('20%');
    });

    it('lets them through when told so', () => {
      expect(
        plan([], four, { allowDeletes: true }).filter(line => line.startsWith('delete')),
      ).to.have.lengthOf(4);
    });

    it('lets three through whatever the share', () => {
      expect(plan([], four.slice(0, 3)).every(line => line.startsWith('delete'))).to.equal(true);
    });

    it('lets its share through', () => {
      expect(plan([], four, { maxDelete: 1 }).every(line => line.startsWith('delete'))).to.equal(true);
    });

    it('counts neither replacements nor duplicates', () => {
      const declared = types.map(type => spec(type));
      const old = types.map((type, i) => hook(i + 1, type, { secret: before }));
      expect(plan(declared, old).every(line => line.startsWith('replace'))).to.equal(true);
      const twice = types.flatMap((type, i) => [hook(i + 1, type), hook(i + 11, type)]);
      expect(plan(declared, twice).filter(line => line.startsWith('delete'))).to.have.lengthOf(5);
    });
  });

  describe('in mode repair', () => {
    const mode = 'repair';

    it('creates and verifies, and deletes nothing', () => {
      expect(
        plan(
          [spec('item.update'), spec('item.create')],
          [
            hook(1, 'item.delete'),
            hook(2, 'item.create', { status: 'inactive' }),
            hook(3, 'item.create', { status: 'inactive' }),
            hook(4, 'file.change', { secret: 'a lost secret' }),
          ],
          { mode, prune: true },
        ),
      ).to.deep.equal([
        'create item.update',
        'verify item.create #2',
        'keep item.create #3',
        'keep item.delete #1',
        'orphan file.change #4',
      ]);
    });

    it('is content with a hook of a previous secret as long as that works', () => {
      const old = hook(1, 'item.create', { secret: before });
      expect(plan([spec('item.create')], [old], { mode })).to.deep.equal(['keep item.create #1']);
      expect(plan([spec('item.create')], [{ ...old, status: 'inactive' }], { mode })).to.deep.equal([
        'create item.create',
        'keep item.create #1',
      ]);
    });
  });

  it('deletes nothing at all where delete is never', () => {
    expect(
      plan(
        [spec('item.create')],
        [
          hook(1, 'item.create', { secret: before }),
          hook(2, 'item.update'),
          hook(3, 'item.update', { secret: 'a lost secret' }),
        ],
        { delete: 'never', prune: true, move: true, allowDeletes: true },
      ),
    ).to.deep.equal([
      'create item.create',
      'keep item.create #1',
      'keep item.update #2',
      'orphan item.update #3',
    ]);
  });

  it('plans for mode plan what it would for apply', () => {
    const world = [hook(1, 'item.delete'), hook(2, 'item.create', { status: 'inactive' })];
    expect(plan([spec('item.create')], world, { mode: 'plan' })).to.deep.equal(
      plan([spec('item.create')], world),
    );
  });

  it('keeps what seems left over where the rules are not fully known', () => {
    expect(plan([], [hook(1, 'item.create')], { uncertain: new Set(['app/101']) })).to.deep.equal([
      'keep item.create #1',
    ]);
  });
});
