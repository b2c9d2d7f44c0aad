import { stripVTControlCharacters } from 'node:util';
import { expect } from 'chai';
import { type HookRef, hookUrl, type ObservedHook } from '../../../src/core/hook.ts';
import { planHooks } from '../../../src/reconcile/plan.ts';
import { hookPlanToJson, planToJson, renderPlan } from '../../../src/reconcile/render.ts';

const publicUrl = 'https://hooks.example.com/podio';
const secret = 'the present secret';
const app: HookRef = { type: 'app', id: 101 };
const field: HookRef = { type: 'app_field', id: 201 };
const urlOf = (ref: HookRef, type: string, made = secret) => hookUrl(publicUrl, made, ref, type);

const spec = (ref: HookRef, type: string, ...rules: readonly string[]) => ({
  ref,
  type,
  url: urlOf(ref, type),
  rules,
});

const hook = (
  hookId: number,
  ref: HookRef,
  type: string,
  given: Partial<ObservedHook> = {},
): ObservedHook => ({
  hookId,
  ref,
  type,
  url: urlOf(ref, type),
  status: 'active',
  ...given,
});

const options: Parameters<typeof planHooks>[2] = {
  publicUrl,
  secrets: [secret],
  mode: 'apply',
  delete: 'owned',
  maxDelete: 0.2,
  refsObserved: new Set(['app/101', 'app_field/201']),
};
const actions = planHooks(
  [spec(app, 'item.create', 'won-leads', 'everything'), spec(field, 'item.update', 'won-leads')],
  [
    hook(1, field, 'item.update', { status: 'inactive' }),
    hook(2, app, 'comment.create'),
    hook(3, app, 'file.change', { url: 'https://joe:pw@zapier.example.com/in?token=t' }),
    hook(4, app, 'file.change', { url: urlOf(app, 'file.change', 'a lost secret') }),
  ],
  options,
);
const nameOf = ({ type }: HookRef) => (type === 'app' ? 'leads' : 'leads.status');
const plan = { actions, unresolved: [], failed: [] };

describe('planToJson', () => {
  const json = planToJson(actions);

  it('has all of its documented keys, always', () => {
    expect(json.actions[0]).to.deep.equal({
      action: 'create',
      ref: { type: 'app', id: 101 },
      type: 'item.create',
      url: 'https://hooks.example.com/podio/***/app/101/item.create',
      hookId: null,
      rules: ['won-leads', 'everything'],
      reason: 'missing',
    });
    for (const action of json.actions) {
      expect(action).to.have.all.keys('action', 'ref', 'type', 'url', 'hookId', 'rules', 'reason');
    }
  });

  it('counts every kind of action', () => {
    expect(json.summary).to.deep.equal({
      create: 1,
      verify: 1,
      replace: 0,
      delete: 1,
      keep: 0,
      orphan: 1,
      elsewhere: 0,
      foreign: 1,
    });
  });

  it('shows no key, no query and no password', () => {
    const text = JSON.stringify(json);
    for (const { url } of actions) {
      const [, , , , key] = url.split('/');
      if (url.startsWith(publicUrl)) expect(text).to.not.contain(key);
    }
    expect(text).to.contain('"https://zapier.example.com/in"');
    expect(text).to.not.contain('token=t').and.to.not.contain('pw');
  });
});

describe('renderPlan', () => {
  it('is a table where there is room', () => {
    expect(renderPlan(plan, { width: 120, nameOf }).split('\n')).to.deep.equal([
      '+ create   leads         item.create        missing, for won-leads, everything',
      '~ verify   leads.status  item.update #1     inactive, for won-leads',
      '- delete   leads         comment.create #2  no rule needs it',
      '? orphan   leads         file.change #4     under our URL with an unknown key; podiod apply --prune deletes it:',
      '                                            https://hooks.example.com/podio/***/app/101/file.change',
      '  foreign  leads         file.change #3     not ours: https://zapier.example.com/in',
      'Plan: 1 to create, 1 to verify, 1 to delete, 1 orphaned, 1 foreign.',
    ]);
  });

  it('fits a narrow terminal, URLs aside', () => {
    const lines = renderPlan(plan, { width: 40, nameOf }).split('\n');
    const tooLong = lines.filter(line => line.length > 40 && !line.includes('https://'));
    expect(tooLong).to.deep.equal([]);
    expect(lines.slice(0, 3)).to.deep.equal([
      '+ create   leads',
      '           item.create: missing, for',
      '           won-leads, everything',
    ]);
  });

  it('colours only when told to', () => {
    const plain = renderPlan(plan, { nameOf });
    const coloured = renderPlan(plan, { nameOf, colours: true });
    expect(stripVTControlCharacters(plain)).to.equal(plain);
    expect(coloured).to.not.equal(plain);
    expect(stripVTControlCharacters(coloured)).to.equal(plain);
  });

  it('tells what could not be looked at, and what is held back', () => {
    const refused = actions.map(action =>
      action.action === 'delete' ? { ...action, refused: true } : action,
    );
    const text = renderPlan(
      {
        actions: refused,
        failed: [{ ref: { type: 'app', id: 102 }, error: new Error('Podio refused the token') }],
        unresolved: [
          {
            rule: 'won-leads',
            app: 'leads',
            appId: 101,
            field: 'statsu',
            key: '101/statsu',
            error: new Error('app leads has no field "statsu"'),
          },
        ],
      },
      { width: 200 },
    );
    expect(text).to.contain('- refused');
    expect(text).to.contain('podiod apply --allow-deletes');
    expect(text).to.contain('! app/102: Podio refused the token');
    expect(text).to.contain('! rule won-leads: app leads has no field "statsu"');
    expect(text).to.contain('1 not looked at');
  });

  it('leaves out what stays as it is where that is much, unless it is asked for', () => {
    const refs = Array.from({ length: 21 }, (_, n): HookRef => ({ type: 'app', id: 1000 + n }));
    const specs = [app, ...refs].map(ref => spec(ref, 'item.create', 'everything'));
    const there = refs.map((ref, n) => hook(n + 1, ref, 'item.create'));
    const refsObserved = new Set(specs.map(({ ref }) => `app/${ref.id}`));
    const many = { ...plan, actions: planHooks(specs, there, { ...options, refsObserved }) };
    const lines = renderPlan(many).split('\n');
    expect(lines).to.have.length(3);
    expect(lines[0]).to.match(/^\+ create/);
    expect(lines.slice(1)).to.deep.equal([
      'Plan: 1 to create, 21 kept.',
      'What stays as it is is shown by podiod plan --all.',
    ]);
    expect(renderPlan(many, { all: true }).split('\n')).to.have.length(23);
  });

  it('says so when there is nothing to do', () => {
    expect(renderPlan({ actions: [], unresolved: [], failed: [] })).to.equal('Nothing to do: no hooks.');
  });

  it('lets nothing of a foreign hook steer the terminal', () => {
    const evil = hook(9, app, 'item.update\u001b[2J', { url: 'https://x.example/\u001b]0;title\u0007' });
    const options = {
      publicUrl,
      secrets: [secret],
      mode: 'apply',
      delete: 'owned',
      maxDelete: 0.2,
      refsObserved: new Set(['app/101']),
    } as const;
    const text = renderPlan({ ...plan, actions: planHooks([], [evil], options) });
    expect(text).to.not.match(/[^\P{Cc}\n]/u);
  });
});

describe('hookPlanToJson', () => {
  it('adds what could not be looked at, so that an empty plan is no converged world', () => {
    const { summary, ...json } = hookPlanToJson({
      actions: [],
      failed: [{ ref: app, error: new Error('the token was refused') }],
      unresolved: [
        {
          rule: 'won',
          app: 'leads',
          appId: 101,
          field: 'statsu',
          key: 'k',
          error: new Error('no such field'),
        },
      ],
    });
    expect(json).to.deep.equal({
      actions: [],
      failed: [{ ref: { type: 'app', id: 101 }, error: 'the token was refused' }],
      unresolved: [{ rule: 'won', app: 'leads', field: 'statsu', error: 'no such field' }],
    });
    expect(summary.create).to.equal(0);
  });
});
