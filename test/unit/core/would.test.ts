import { expect } from 'chai';
import { kept, showSending, showWould } from '../../../src/core/would.ts';

const unmasked = (text: string) => text;

describe('what a step would do', () => {
  it('is told in the plugin’s own words, else by what it sends', () => {
    const sends = [{ http: 'POST', url: 'https://a.example/', headers: {}, body: { n: 1 } }];
    expect(showWould({ text: 'posts\ntwice', sends })).to.deep.equal(['posts', 'twice']);
    expect(showWould({ sends })).to.deep.equal(['POST https://a.example/ {"n":1}']);
    expect(showWould({ sends: [] })).to.deep.equal(['sends nothing']);
    expect(showWould({ notRun: true })[0]).to.match(/^not run: /);
  });

  it('names the call and what it is about', () => {
    expect(showSending({ podio: 'items.create', app: 'deals', body: { fields: {} } })).to.equal(
      'items.create app deals {"fields":{}}',
    );
    expect(showSending({ podio: 'items.delete', item: 7 })).to.equal('items.delete item 7');
    expect(showSending({ mail: { to: ['a@example.com'] } })).to.equal('mail {"to":["a@example.com"]}');
  });

  it('is kept without secrets, at any depth', () => {
    const mask = (text: string) => text.replaceAll('s3cret', '***');
    const would = { text: 'with s3cret', sends: [{ http: 'POST', body: { list: [{ a: 's3cret' }] } }] };
    expect(kept(would, mask)).to.deep.equal({
      text: 'with ***',
      sends: [{ http: 'POST', body: { list: [{ a: '***' }] } }],
    });
  });

  it('is kept up to a bound, and says how much it leaves out', () => {
    const long = kept({ text: 'x'.repeat(5000), sends: [] }, unmasked);
    expect(long.text).to.have.length(2003);
    const many = kept({ sends: Array.from({ length: 50 }, (_, n) => ({ podio: 'x', n })) }, unmasked);
    expect(many.sends).to.have.length(21);
    expect(many.sends?.at(-1)).to.deep.equal({ more: 30 });
    const large = kept({ sends: Array(20).fill({ mail: { a: 'y'.repeat(1900) } }) }, unmasked);
    expect(Buffer.byteLength(JSON.stringify(large))).to.be.below(17 * 1024);
    let deep: unknown = 'end';
    for (let n = 0; n < 50; n++) deep = { deep };
    expect(JSON.stringify(kept({ sends: [{ deep }] }, unmasked)).length).to.be.below(200);
  });
});
