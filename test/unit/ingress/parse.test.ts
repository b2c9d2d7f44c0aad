import { expect } from 'chai';
import fc from 'fast-check';
import { IngressError } from '../../../src/core/errors.ts';
import { HOOK_EVENTS, isHookRefType } from '../../../src/core/event.ts';
import type { HookPath } from '../../../src/core/hook.ts';
import {
  type MediaType,
  mediaTypeOf,
  type Params,
  parseBody,
  randomId,
  toEvent,
  verificationOf,
} from '../../../src/ingress/parse.ts';

const hook = (type: string, refType: HookPath['ref']['type'] = 'app'): HookPath => ({
  key: 'not looked at here',
  ref: { type: refType, id: 101 },
  type,
});
const media = fc.constantFrom<MediaType>('form', 'json');
const anyHook: fc.Arbitrary<HookPath> = fc
  .constantFrom(...Object.keys(HOOK_EVENTS).filter(isHookRefType))
  .chain(refType => fc.constantFrom(...Object.keys(HOOK_EVENTS[refType])).map(type => hook(type, refType)));
/** Names that trip up objects among them. */
const name = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'type'),
);
const value = fc.string({ unit: 'binary' });
const parameters = fc.array(fc.tuple(name, value));
const plain = (params: Params) => Object.entries(params);
/** Of a repeated name the last value, at the first one's place. */
const lastOnes = (pairs: readonly (readonly [string, string])[]) => [...new Map(pairs)];
const sorted = (pairs: readonly (readonly [string, string])[]) =>
  [...pairs].sort(([a], [b]) => (a < b ? -1 : 1));

describe('parseBody', () => {
  it('never throws anything but an IngressError, and neither does what follows', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.json(),
          parameters.map(pairs => new URLSearchParams(pairs).toString()),
        ),
        media,
        anyHook,
        (body, kind, at) => {
          try {
            const params = parseBody(body, kind);
            verificationOf(at, params);
            toEvent(at, params, {}, () => 'own');
          } catch (error) {
            expect(error).to.be.instanceOf(IngressError);
            expect(error).to.include({ status: 400, code: 'INGRESS_BODY' });
            expect((error as Error).message).to.not.match(/\p{Cc}/u);
          }
        },
      ),
    );
  });

  it('keeps every value of a form as it came, of repeated ones the last', () => {
    fc.assert(
      fc.property(parameters, pairs => {
        const wellFormed = pairs.map(
          ([key, text]) => [key.toWellFormed(), text.toWellFormed()] as [string, string],
        );
        const parsed = parseBody(new URLSearchParams(wellFormed).toString(), 'form');
        expect(sorted(plain(parsed))).to.deep.equal(sorted(lastOnes(wellFormed)));
      }),
    );
  });

  it('reads any form as the web does, with nothing to decode or with', () => {
    const piece = fc.constantFrom(
      'a',
      'item_id',
      '7',
      '=',
      '&',
      '&&',
      '%41',
      '+',
      '__proto__',
      ';',
      '-',
      '.',
    );
    fc.assert(
      fc.property(
        fc.array(piece).map(pieces => pieces.join('')),
        body => {
          const pairs = [...new URLSearchParams(body)];
          expect(sorted(plain(parseBody(body, 'form')))).to.deep.equal(sorted(lastOnes(pairs)));
        },
      ),
      // By chance a name hardly ever comes twice.
      { examples: [['a=7&item_id=7&a=-'], ['a=7&a=']] },
    );
  });

  it('keeps every text of a JSON body as it came', () => {
    fc.assert(
      fc.property(parameters, pairs => {
        const body = `{${pairs.map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`).join()}}`;
        expect(sorted(plain(parseBody(body, 'json')))).to.deep.equal(sorted(lastOnes(pairs)));
      }),
    );
  });

  it('keeps numbers of a JSON body digit by digit, whatever their size', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 40n }), number => {
        expect(parseBody(`{"item_id":${number}}`, 'json').item_id).to.equal(number.toString());
      }),
    );
  });

  it('makes text of what else JSON has', () => {
    const body = '{"a":true,"b":null,"c":[9007199254740993,{"d":1.50}],"e":1.0,"f":-0,"g":"0"}';
    expect(Object.fromEntries(plain(parseBody(body, 'json')))).to.deep.equal({
      a: 'true',
      b: '',
      c: '[9007199254740993,{"d":1.50}]',
      e: '1.0',
      f: '-0',
      g: '0',
    });
  });

  it('changes no other object by a parameter called __proto__', () => {
    for (const params of [
      parseBody('__proto__=1&type=a', 'form'),
      parseBody('{"__proto__": {"polluted": 1}, "type": "a"}', 'json'),
    ]) {
      expect(Object.keys(params)).to.deep.equal(['__proto__', 'type']);
      expect({}).to.not.have.property('polluted');
      expect('polluted' in params).to.equal(false);
    }
  });
});

describe('toEvent', () => {
  const event = (params: Record<string, string>, at = hook('item.update')) =>
    toEvent(at, params, {}, () => 'own');

  it('gives the same id to one change through an app hook and a field hook', () => {
    const params = { item_id: '5', item_revision_id: '2', type: 'item.update' };
    expect(event(params, hook('item.update', 'app_field')).id).to.equal(event(params).id);
    expect(event(params).id).to.equal('item.update:5:2');
  });

  it('gives an id of its own to what has no identity', () => {
    expect(event({ item_id: '5' }).id).to.equal('own');
    expect(event({ item_id: '5', item_revision_id: '' }).id).to.equal('own');
    const replaced = { item_id: '5', action_type: 'file_replaced', file_ids: '1' };
    expect(event(replaced, hook('file.change')).id).to.equal('own');
  });

  it('never takes a replaced file for a repeat, and says in the id which one it was', () => {
    const params = { item_id: '077', action_type: 'file_replaced', file_ids: '007' };
    const ids = [1, 2].map(() => toEvent(hook('file.change'), params, {}, randomId).id);
    for (const id of ids) expect(id).to.match(/^file\.change:77:file_replaced:7:[0-9a-f-]{36}$/);
    expect(new Set(ids).size).to.equal(2);
  });

  it('keeps parameters as they came where ids have zeros before them', () => {
    const taken = event({ item_id: '0077', item_revision_id: '03' });
    expect(taken).to.deep.include({ id: 'item.update:77:3', itemId: 77, revision: 3 });
    expect(taken.params).to.deep.equal({ item_id: '0077', item_revision_id: '03' });
  });

  it('takes 0 for a value and the empty text for an absent one', () => {
    expect(event({ item_id: '0', item_revision_id: '0' })).to.include({ itemId: 0, revision: 0 });
    const bare = event({ item_id: '1', item_revision_id: '', external_id: '' });
    expect(bare).to.not.have.any.keys('revision', 'externalId');
    expect(bare.params).to.have.property('external_id', '');
  });

  it('asks for the ids that the type needs at this kind of object, and no more', () => {
    fc.assert(
      fc.property(anyHook, at => {
        const needed = HOOK_EVENTS[at.ref.type][at.type] ?? [];
        const all = Object.fromEntries(needed.map(id => [id, '1']));
        expect(event(all, at).type).to.equal(at.type);
        for (const left of needed) {
          const { [left]: _, ...rest } = all;
          expect(() => event(rest, at)).to.throw(IngressError, `${left} is missing`);
        }
      }),
    );
  });

  it('takes in an event of a type that is not known yet', () => {
    expect(event({ type: 'item.archive' }, hook('item.archive'))).to.include({
      type: 'item.archive',
      id: 'own',
    });
  });

  it('accepts ids up to 2^53-1', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 60n }), id => {
        const take = () => event({ item_id: String(id) });
        if (id <= BigInt(Number.MAX_SAFE_INTEGER)) expect(take().itemId).to.equal(Number(id));
        else expect(take).to.throw(IngressError, '2^53-1');
      }),
    );
  });
});

describe('mediaTypeOf', () => {
  it('knows forms and JSON, whatever their case and parameters', () => {
    expect(mediaTypeOf('application/x-www-form-urlencoded')).to.equal('form');
    expect(mediaTypeOf('Application/X-WWW-Form-Urlencoded ; charset=UTF-8')).to.equal('form');
    expect(mediaTypeOf('application/json;charset=utf-8')).to.equal('json');
    for (const other of [undefined, '', 'text/json', 'application/json5', 'multipart/form-data']) {
      expect(mediaTypeOf(other)).to.equal(undefined);
    }
  });
});
