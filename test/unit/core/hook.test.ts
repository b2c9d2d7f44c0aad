import { expect } from 'chai';
import fc from 'fast-check';
import {
  type HookRef,
  hookKey,
  hookUrl,
  isValidKey,
  maskHookUrl,
  ownerOf,
  parseHookPath,
  parseHookUrl,
} from '../../../src/core/hook.ts';

const ref: HookRef = { type: 'app', id: 101 };
const type = 'item.update';
const secret = 'a secret of sixteen or more';
const publicUrl = 'https://hooks.example.com/podio';
const url = hookUrl(publicUrl, secret, ref, type);
const key = hookKey(secret, ref, type);

const refs = fc.record({
  type: fc.constantFrom('app', 'app_field', 'space'),
  id: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
}) as fc.Arbitrary<HookRef>;

describe('hookKey', () => {
  it('is 22 or more characters that need no escaping in a path', () => {
    expect(key).to.match(/^[A-Za-z0-9_-]{22,}$/);
  });

  it('differs by secret, ref and type', () => {
    const keys = [
      key,
      hookKey(`${secret}!`, ref, type),
      hookKey(secret, { type: 'app_field', id: 101 }, type),
      hookKey(secret, { type: 'app', id: 102 }, type),
      hookKey(secret, ref, 'item.create'),
    ];
    expect(new Set(keys)).to.have.lengthOf(keys.length);
  });
});

describe('isValidKey', () => {
  it('takes the current secret and the previous ones', () => {
    expect(isValidKey([secret], { key, ref, type })).to.equal(true);
    expect(isValidKey(['new secret', 'older', secret], { key, ref, type })).to.equal(true);
  });

  it('refuses all else', () => {
    expect(isValidKey(['new secret'], { key, ref, type })).to.equal(false);
    expect(isValidKey([secret], { key, ref, type: 'item.create' })).to.equal(false);
    expect(isValidKey([secret], { key: key.slice(0, -1), ref, type })).to.equal(false);
    expect(isValidKey([secret], { key: `${key}A`, ref, type })).to.equal(false);
    expect(isValidKey([secret], { key: '', ref, type })).to.equal(false);
  });
});

describe('parseHookPath', () => {
  it('reads what hookUrl made, under any base', () => {
    fc.assert(
      fc.property(
        refs,
        fc.constantFrom('', '/podio', '/a/b', 'https://x.example/podio'),
        fc.constantFrom('item.create', 'task.update', 'file.change'),
        (some, base, event) => {
          expect(parseHookPath(base, hookUrl(base, secret, some, event))).to.deep.equal({
            key: hookKey(secret, some, event),
            ref: some,
            type: event,
          });
        },
      ),
    );
  });

  const strangers: Record<string, string> = {
    'another base that begins the same': `/podio2/${key}/app/101/item.update`,
    'a folder below the base': `/podio/x/${key}/app/101/item.update`,
    'a slash at the end': `/podio/${key}/app/101/item.update/`,
    'a query': `/podio/${key}/app/101/item.update?a=b`,
    'a doubled slash': `/podio//${key}/app/101/item.update`,
    'an id with a leading zero': `/podio/${key}/app/0101/item.update`,
    'an id that no number can hold': `/podio/${key}/app/9007199254740993/item.update`,
    'a kind of object without hooks': `/podio/${key}/item/101/item.update`,
    'a key that is too short': `/podio/${key.slice(0, 21)}/app/101/item.update`,
    'a key with other characters': `/podio/${key.slice(1)}%2E/app/101/item.update`,
    'no type': `/podio/${key}/app/101/`,
    'a line break at the end': `/podio/${key}/app/101/item.update\n`,
  };
  for (const [name, path] of Object.entries(strangers)) {
    it(`does not take ${name}`, () => expect(parseHookPath('/podio', path)).to.equal(undefined));
  }

  it('tells the base where it is not given', () => {
    expect(parseHookUrl(url)).to.deep.equal({ base: publicUrl, key, ref, type });
  });
});

describe('ownerOf', () => {
  const owner = (given: string, on: Partial<{ ref: HookRef; type: string }> = {}) =>
    ownerOf({ ref, type, url: given, ...on }, publicUrl, [secret, 'the secret before']);
  const unknown = 'A'.repeat(22);

  it('is ours under our URL with a key of the current or a previous secret', () => {
    expect(owner(url)).to.equal('ours');
    expect(owner(hookUrl(publicUrl, 'the secret before', ref, type))).to.equal('ours');
  });

  it('is an orphan with a key nobody knows', () => {
    expect(owner(`${publicUrl}/${unknown}/app/101/item.update`)).to.equal('orphan');
    expect(owner(hookUrl(publicUrl, 'a lost secret', ref, type))).to.equal('orphan');
  });

  it('is elsewhere with a valid key under another URL', () => {
    for (const base of [
      'https://old.example.com',
      'https://hooks.example.com',
      `${publicUrl}2`,
      `${publicUrl}/sub`,
      'http://hooks.example.com/podio',
    ]) {
      expect(owner(hookUrl(base, secret, ref, type)), base).to.equal('elsewhere');
    }
  });

  it('is foreign where it hangs on another object or type than its URL says', () => {
    expect(owner(url, { ref: { type: 'app', id: 102 } })).to.equal('foreign');
    expect(owner(url, { ref: { type: 'space', id: 101 } })).to.equal('foreign');
    expect(owner(url, { type: 'item.create' })).to.equal('foreign');
  });

  it('is foreign in any other shape', () => {
    for (const other of [
      'https://example.com/hook',
      `${publicUrl}2/${unknown}/app/101/item.update`,
      `${url}?a=b`,
      `${url}/`,
      `${publicUrl}/app/101/item.update`,
      publicUrl,
      '',
    ]) {
      expect(owner(other), other).to.equal('foreign');
    }
  });

  it('takes nobody else’s hook for ours, whatever its URL', () => {
    fc.assert(
      fc.property(fc.oneof(fc.webUrl({ withQueryParameters: true }), fc.string()), other => {
        expect(owner(other)).to.equal('foreign');
      }),
    );
  });
});

describe('maskHookUrl', () => {
  it('hides the key, whoever’s it is', () => {
    expect(maskHookUrl(url)).to.equal('https://hooks.example.com/podio/***/app/101/item.update');
    const twin = hookUrl('https://twin.example', 'of a twin', ref, type);
    expect(maskHookUrl(twin)).to.equal('https://twin.example/***/app/101/item.update');
    expect(maskHookUrl(`${url}?a=b`)).to.not.contain(key);
  });

  it('leaves out query, fragment and user of foreign URLs', () => {
    expect(maskHookUrl('https://joe:pw@example.com/in?token=t#x')).to.equal('https://example.com/in');
    expect(maskHookUrl('not a url?secret\nof two lines')).to.equal('not a url');
  });
});
