import { expect } from 'chai';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { maskSecrets } from '../../../src/config/mask.ts';

const mask = (text: string, ...more: string[]) => maskSecrets(text, new Set(more)).text;

describe('config: mask', () => {
  it('masks in every style', () => {
    expect(mask('token: abc # note\nid: 1\n')).to.equal('token: ***\nid: 1\n');
    expect(mask('a: { id: 1, token: abc, b: 2 }\n')).to.equal('a: { id: 1, token: ***, b: 2 }\n');
    expect(mask('{"password": "a,b}c", "x": 1}\n')).to.equal('{"password": ***, "x": 1}\n');
    expect(mask('- clientSecret: a\n  id: 1\n')).to.equal('- clientSecret: ***\n  id: 1\n');
    expect(mask('previousSecrets:\n- one\n- two\nafter: 1\n')).to.equal(
      'previousSecrets:\n- ***\n- ***\nafter: 1\n',
    );
    expect(mask('token: |-\n  one\n  two\nafter: 1\n')).to.equal('token: |-\n  ***\n  ***\nafter: 1\n');
    expect(mask('token: "one\n  two"\nafter: 1\n')).to.equal('token: ***\n  ***\nafter: 1\n');
  });

  it('shows where a secret comes from, but no default', () => {
    const text = `token: \${TOKEN} # note\nsecret: "\${file:/run/x}"\npassword: \${credential:pw}\n`;
    expect(mask(text)).to.equal(text);
    expect(mask(`token: \${TOKEN:-abc}\n`)).to.equal('token: ***\n');
  });

  it('masks keys that are nearly right, and those of plugins', () => {
    expect(mask('passwrd: a\napi_key: b\ncode: c\n', 'code')).to.equal(
      'passwrd: ***\napi_key: ***\ncode: ***\n',
    );
  });

  it('masks user and password of a URL, whatever the key is called', () => {
    expect(mask('publicUrl: https://me:pa:ss@w@a.example/podio # me@a.example\n')).to.equal(
      'publicUrl: https://***@a.example/podio # me@a.example\n',
    );
    expect(mask('a: [https://a:b@c/, "http://d:8080/e@f"]\n')).to.equal(
      'a: [https://***@c/, "http://d:8080/e@f"]\n',
    );
    expect(mask('password: https://a:b@c/\n')).to.equal('password: ***\n');
  });

  it('masks what else is secret in a URL, whatever the key is called', () => {
    expect(mask('url: https://hooks.slack.com/services/T0/B0/x # note\n')).to.equal(
      'url: https://hooks.slack.com/*** # note\n',
    );
    expect(mask('a: { url: "https://b.example/c?page=2&token=xyz&d=e", f: 1 }\n')).to.equal(
      'a: { url: "https://b.example/c?page=2&token=***&d=e", f: 1 }\n',
    );
    const named = `url: https://b.example/c?key=\${KEY}\n`;
    expect(mask(named)).to.equal(named);
  });

  it('leaves the rest alone', () => {
    const text = 'tokenEndpoint: v2\ntext: the token is here\npath: ./a\nlogins:\n  bot: { username: a }\n';
    expect(mask(text)).to.equal(text);
  });

  it('moves offsets along', () => {
    const text = 'a: { token: a-long-secret, id: 5 }\n';
    const masked = maskSecrets(text, new Set());
    expect(masked.text.slice(masked.move(text.indexOf('id')))).to.equal('id: 5 }\n');
    expect(masked.text.slice(masked.move(text.indexOf('long')))).to.equal('***, id: 5 }\n');
  });

  it('lets no secret through, however it is written', () => {
    const secret = fc.stringMatching(/^[a-z0-9]{12}$/);
    const style = fc.record({
      flow: fc.boolean(),
      quote: fc.constantFrom('PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE', 'BLOCK_LITERAL', 'BLOCK_FOLDED'),
      lead: fc.constantFrom('', 'a: b, ', '{x} ', "it's ", 'x\ny '),
    });
    fc.assert(
      fc.property(
        secret,
        style,
        fc.constantFrom('token', 'password', 'clientSecret'),
        (value, { flow, quote, lead }, key) => {
          const given = {
            list: [{ id: 1, [key]: `${lead}${value}`, after: 'shown' }],
            [key]: [`${lead}${value}`, value],
          };
          const text = stringify(given, {
            collectionStyle: flow ? 'flow' : 'block',
            defaultStringType: quote as 'PLAIN',
            lineWidth: 40,
          });
          expect(mask(text)).not.to.contain(value);
        },
      ),
    );
  });
});
