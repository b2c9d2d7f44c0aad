import { expect } from 'chai';
import { type HookPath, hookKey, type Secrets } from '../../../src/core/hook.ts';
import { makeKeyCheck } from '../../../src/ingress/keys.ts';

const SECRETS: Secrets = ['a-secret-of-the-tests', 'the-one-before-that'];
const path = (secret: string, id = 1): HookPath => {
  const ref = { type: 'app', id } as const;
  return { key: hookKey(secret, ref, 'item.update'), ref, type: 'item.update' };
};

describe('makeKeyCheck', () => {
  it('says the same the first time and later, for right keys and wrong ones', () => {
    const isValid = makeKeyCheck(() => SECRETS);
    for (let n = 0; n < 3; n++) {
      expect(isValid(path(SECRETS[0]))).to.equal(true);
      expect(isValid(path('the-one-before-that'))).to.equal(true);
      expect(isValid(path('a secret of another'))).to.equal(false);
      expect(isValid({ ...path(SECRETS[0]), type: 'item.create' })).to.equal(false);
      expect(isValid({ ...path(SECRETS[0]), key: `${path(SECRETS[0]).key}A` })).to.equal(false);
    }
  });

  it('forgets what a secret opened when that secret goes', () => {
    let secrets: Secrets = SECRETS;
    const isValid = makeKeyCheck(() => secrets);
    expect(isValid(path('the-one-before-that'))).to.equal(true);
    secrets = [SECRETS[0]];
    expect(isValid(path('the-one-before-that'))).to.equal(false);
    expect(isValid(path(SECRETS[0]))).to.equal(true);
  });

  it('goes on when there are more hooks than it remembers', () => {
    const isValid = makeKeyCheck(() => SECRETS);
    for (let id = 1; id <= 10_050; id++) expect(isValid(path(SECRETS[0], id))).to.equal(true);
    expect(isValid(path(SECRETS[0], 1))).to.equal(true);
  });
});
