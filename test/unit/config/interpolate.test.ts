import { expect } from 'chai';
import fc from 'fast-check';
import { interpolate } from '../../../src/config/interpolate.ts';
import { toPlain } from '../../../src/config/node.ts';
import { parse } from '../../../src/config/parse.ts';
import type { Diagnostic } from '../../../src/core/diagnostic.ts';

async function run(text: string, env: Record<string, string> = {}, files: Record<string, string> = {}) {
  const problems: Diagnostic[] = [];
  const { root } = parse('/etc/podiod/podiorc.yml', text);
  const secrets: string[] = [];
  const sources = {
    env,
    onSecret: (value: string) => void secrets.push(value),
    sourceOf: () => text,
    readFile: async (path: string) => {
      const found = files[path];
      if (found === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return found;
    },
  };
  const filled = await interpolate(root, sources, problem => problems.push(problem));
  return { value: toPlain(filled), problems, secrets };
}

describe('config: interpolate', () => {
  it('knows four forms and a literal', async () => {
    const { value, problems } = await run(
      `a: \${A}\nb: x\${A}y\${B:-z}\nc: \${file:./secret}\nd: \${credential:key}\ne: "$\${A} \${A}"\nf: [ "\${A}" ]\n`,
      { A: 'one', CREDENTIALS_DIRECTORY: '/run/cred' },
      { '/etc/podiod/secret': 'from file\n', '/run/cred/key': 'two\nlines\n\n' },
    );
    expect(problems).to.deep.equal([]);
    expect(value).to.deep.equal({
      a: 'one',
      b: 'xoneyz',
      c: 'from file',
      d: 'two\nlines\n',
      e: `\${A} one`,
      f: ['one'],
    });
  });

  it('takes the default for a variable that is missing or empty, and an empty value as it is without one', async () => {
    const { value } = await run(`a: \${A:-x}\nb: \${B:-x}\nc: \${B}\nd: \${A:-}\n`, { B: '' });
    expect(value).to.deep.equal({ a: 'x', b: 'x', c: '', d: '' });
  });

  it('takes nothing for a variable, or for one in an .env, that every object has', async () => {
    const names = ['constructor', '__proto__', 'toString'];
    const text = names.map((name, n) => `k${n}: "\${${name}}"\n`).join('');
    const { problems } = await run(text, {}, { '/etc/podiod/.env': 'OTHER=1\n' });
    expect(problems.map(({ message }) => message)).to.deep.equal(
      names.map(name => `the environment variable ${name} is not set`),
    );
    for (const { hint } of problems) expect(hint).to.match(/^set it/);
    const { value } = await run(`a: "\${constructor}"\n`, { constructor: 'x' } as never);
    expect(value).to.deep.equal({ a: 'x' });
  });

  it('tells which values are secret by where they come from, whatever they are put into', async () => {
    const { secrets } = await run(
      `a: x\${HOOK_TOKEN}\nb: \${HOST}\nc: \${credential:key}\nd: \${file:./smtp-password.txt}\ne: \${file:/run/secrets/a}\nf: \${file:./text.md}\n`,
      { HOOK_TOKEN: 'one', HOST: 'a.example', CREDENTIALS_DIRECTORY: '/run/cred' },
      {
        '/run/cred/key': 'two',
        '/etc/podiod/smtp-password.txt': 'three',
        '/run/secrets/a': 'four',
        '/etc/podiod/text.md': 'five',
      },
    );
    expect(secrets).to.deep.equal(['one', 'two', 'three', 'four']);
  });

  it('leaves keys and templates alone', async () => {
    const { value } = await run(`"\${A}": "{{ item.title }} costs $5 {x}"\n`, { A: 'b' });
    expect(Object.entries(value as object)).to.deep.equal([[`\${A}`, '{{ item.title }} costs $5 {x}']]);
  });

  it('points at each expression that has no value', async () => {
    const text = `a: "x \${ONE} \${TWO}"\nb: \${file:gone}\nc: \${credential:gone}\n`;
    const { problems } = await run(text);
    const marked = problems.map(({ place }) => text.slice(place?.start, place?.end));
    expect(marked).to.deep.equal([`\${ONE}`, `\${TWO}`, `\${file:gone}`, `\${credential:gone}`]);
    expect(problems.every(({ code }) => code === 'CONFIG_MISSING_VALUE')).to.equal(true);
  });

  it('keeps whatever a value holds inside its scalar', () =>
    fc.assert(
      fc.asyncProperty(fc.string(), async secret => {
        const { value, problems } = await run(`a: { b: "\${S}", c: [ "\${S}" ] }\nd: \${S}\n`, { S: secret });
        expect(problems).to.deep.equal([]);
        expect(value).to.deep.equal({ a: { b: secret, c: [secret] }, d: secret });
      }),
    ));
});
