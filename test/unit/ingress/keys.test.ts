import { expect } from 'chai';
import fc from 'fast-check';
import { type HookRef, hookKey, hookUrl, type Secrets } from '../../../src/core/hook.ts';
import { makeHookPaths } from '../../../src/ingress/keys.ts';

const SECRETS: Secrets = ['a-secret-of-the-tests', 'the-one-before-that'];
const BASE = '/podio';
const pathOf = (secret: string, id = 1, type = 'item.update') =>
  hookUrl(BASE, secret, { type: 'app', id }, type);

describe('makeHookPaths', () => {
  it('says the same the first time and later, for right paths and wrong ones', () => {
    const hooks = makeHookPaths(BASE, () => SECRETS);
    const right = pathOf(SECRETS[0]);
    const key = hookKey(SECRETS[0], { type: 'app', id: 1 }, 'item.update');
    const wrong = [
      pathOf('a secret of another'),
      right.replace('item.update', 'item.create'),
      right.replace('/app/1/', '/app/2/'),
      right.replace('/app/', '/space/'),
      right.replace(key, `${key}A`),
      right.replace(key, key.slice(0, -1)),
      right.replace(key, `${key.slice(0, -1)}\u0100`),
      right.replace(key, [...key].map(char => String.fromCharCode(char.charCodeAt(0) + 0x100)).join('')),
      `${right}/`,
      `${right}?a=1`,
      `/${right}`,
      `/podia${right.slice(BASE.length)}`,
      `/pod${right.slice(BASE.length)}`,
      right.slice(BASE.length),
      '',
      '/',
    ];
    for (let n = 0; n < 3; n++) {
      expect(hooks.find(right)).to.deep.equal({ key, ref: { type: 'app', id: 1 }, type: 'item.update' });
      expect(hooks.find(pathOf('the-one-before-that'))?.ref).to.deep.equal({ type: 'app', id: 1 });
      for (const path of wrong) expect(hooks.find(path), path).to.equal(undefined);
    }
  });

  it('finds a key by all of its characters, whatever was found before', () => {
    const hooks = makeHookPaths(BASE, () => SECRETS);
    const path = pathOf(SECRETS[0]);
    expect(hooks.find(path)).to.not.equal(undefined);
    const at = fc.integer({ min: BASE.length + 1, max: BASE.length + 22 });
    fc.assert(
      fc.property(at, fc.integer({ min: 0, max: 0xffff }), (place, code) => {
        const other = path.slice(0, place) + String.fromCharCode(code) + path.slice(place + 1);
        expect(hooks.find(other) !== undefined).to.equal(other === path);
      }),
    );
  });

  it('forgets what a secret opened when that secret goes', () => {
    let secrets: Secrets = SECRETS;
    const hooks = makeHookPaths(BASE, () => secrets);
    const before = pathOf('the-one-before-that');
    expect(hooks.find(before)).to.not.equal(undefined);
    secrets = [SECRETS[0]];
    expect(hooks.find(before)).to.equal(undefined);
    expect(hooks.find(pathOf(SECRETS[0]))).to.not.equal(undefined);
  });

  it('goes on when there are more hooks than it remembers', () => {
    const hooks = makeHookPaths(BASE, () => SECRETS);
    const idOf = (id: number): HookRef['id'] | undefined => hooks.find(pathOf(SECRETS[0], id))?.ref.id;
    for (let id = 1; id <= 10_050; id++) expect(idOf(id)).to.equal(id);
    expect(idOf(1)).to.equal(1);
  });
});
