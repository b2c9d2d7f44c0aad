import { expect } from 'chai';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { nodeAt, toPlain } from '../../../src/config/node.ts';
import { parse } from '../../../src/config/parse.ts';
import { repairTraps } from '../../../src/config/yaml-traps.ts';

const plain = (text: string) => {
  const { root, problems } = parse('f.yml', text);
  return { value: toPlain(root), codes: problems.map(({ code }) => code) };
};

describe('config: parse', () => {
  it('knows where everything stands', () => {
    const text = 'apps:\n  leads: { id: 101, token: "x y" }\n';
    const { root } = parse('f.yml', text);
    const at = (...path: string[]) => {
      const place = nodeAt(root, path)?.place;
      return text.slice(place?.start, place?.end);
    };
    expect(at('apps', 'leads', 'id')).to.equal('101');
    expect(at('apps', 'leads', 'token')).to.equal('"x y"');
    expect(at('apps', 'leads')).to.equal('{ id: 101, token: "x y" }');
  });

  it('follows YAML 1.2: yes, no, on and off are text', () => {
    expect(plain('a: [yes, No, on, off, true, ~, 0o17, 1_000]\non: 1\n').value).to.deep.equal({
      a: ['yes', 'No', 'on', 'off', true, null, 15, '1_000'],
      on: 1,
    });
  });

  it('resolves anchors and merge keys; own keys win, then earlier maps', () => {
    const text = 'x-a: &a { one: 1, two: 1 }\nx-b: &b { two: 2, three: 2 }\nc:\n  <<: [*a, *b]\n  one: 3\n';
    expect(plain(text)).to.deep.equal({
      value: {
        'x-a': { one: 1, two: 1 },
        'x-b': { two: 2, three: 2 },
        c: { one: 3, two: 1, three: 2 },
      },
      codes: [],
    });
  });

  it('tells an anchor that holds itself', () => {
    expect(plain('a: &a { b: *a }\n').codes).to.deep.equal(['CONFIG_SYNTAX']);
  });

  it('keeps keys as they are written, __proto__ too', () => {
    const { value } = plain('1.0: a\n0x1F: b\n__proto__: { c: 1 }\n');
    expect(Object.keys(value as object)).to.deep.equal(['1.0', '0x1F', '__proto__']);
    expect(Object.getPrototypeOf(value)).to.equal(Object.prototype);
  });

  it('reads JSON with tabs', () => {
    expect(plain('{\n\t"a": [\n\t\t1\n\t]\n}\n')).to.deep.equal({ value: { a: [1] }, codes: [] });
  });

  it('reads what is well formed around a trap', () => {
    const { value, codes } = plain(
      `a: {{ x }} y\nb: 1\nc: { d: *, e: 2 }\nf: [ \${X}, 3 ]\ng: @h\ni: j: k\n`,
    );
    expect(codes).to.deep.equal([
      'CONFIG_YAML_TEMPLATE',
      'CONFIG_YAML_ALIAS',
      'CONFIG_YAML_INTERPOLATION',
      'CONFIG_YAML_QUOTE',
      'CONFIG_YAML_QUOTE',
    ]);
    expect(value).to.deep.include({ b: 1, c: { d: undefined, e: 2 }, f: [undefined, 3] });
  });

  it('knows a trap in brackets that go over several lines', () => {
    const text = `a: {\n  b: \${X},\n  c: {{ x }} y,\n  d: [ *, 3 ],\n  e: 1\n}\nf: 2\n`;
    const { value, codes } = plain(text);
    expect(codes).to.deep.equal(['CONFIG_YAML_INTERPOLATION', 'CONFIG_YAML_TEMPLATE', 'CONFIG_YAML_ALIAS']);
    expect(value).to.deep.include({ f: 2 }).and.to.have.nested.property('a.e', 1);
  });

  it('is not drowned by aliases of aliases', () => {
    const lines = ['x-0: &a0 [1]'];
    for (let n = 1; n < 30; n++) lines.push(`x-${n}: &a${n} [*a${n - 1}, *a${n - 1}, *a${n - 1}]`);
    expect(plain(lines.join('\n')).codes).to.deep.equal(['CONFIG_SYNTAX']);
  });

  it('gives up only the section that a syntax error is in', () => {
    const { root } = parse('f.yml', 'a:\n  b: 1\n   c: 2\nd: 3\n');
    expect(nodeAt(root, ['a'])?.kind).to.equal('unknown');
    expect(toPlain(root)).to.deep.include({ d: 3 });
  });

  it('reads back what YAML writes', () =>
    fc.assert(
      fc.property(
        fc.object({
          key: fc.string().filter(key => key !== '<<'),
          values: [fc.string(), fc.integer(), fc.boolean(), fc.constant(null)],
        }),
        given => {
          const { value, codes } = plain(stringify(given, { aliasDuplicateObjects: false }));
          expect(codes).to.deep.equal([]);
          expect(value).to.deep.equal(JSON.parse(JSON.stringify(given)));
        },
      ),
    ));

  // Bits of config in any order: what people have in a file while they are typing.
  const bits = fc.array(
    fc.constantFrom(
      'a: ',
      'b:\n',
      '  ',
      '\t',
      '- ',
      '{ ',
      ' }',
      '[',
      ']',
      '{{ x }}',
      `\${X}`,
      '*',
      '&a ',
      '*a',
      '"',
      "'",
      ': ',
      '\n',
      '#',
      '|',
      '>',
      '1',
      'x',
      ',',
      '<<: ',
      '@',
      '---\n',
      '? ',
    ),
    { maxLength: 30 },
  );

  it('never throws, whatever is typed', () => {
    fc.assert(
      fc.property(bits, given => {
        const text = given.join('');
        const { problems } = parse('f.yml', text);
        for (const { place } of problems) {
          expect(place?.start).to.be.within(0, text.length);
          expect(place?.end).to.be.within(place?.start ?? 0, text.length);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('repairs traps without moving anything', () => {
    fc.assert(
      fc.property(bits, given => {
        const text = given.join('');
        const { text: repaired, problems } = repairTraps('f.yml', text);
        expect(repaired.length).to.equal(text.length);
        expect([...repaired].map(char => char === '\n')).to.deep.equal([...text].map(char => char === '\n'));
        expect(problems.length).to.be.below(100);
      }),
      { numRuns: 500 },
    );
  });
});
