import { expect } from 'chai';
import { diagnosticsToJson, renderDiagnostics } from '../../../src/config/render.ts';
import type { Diagnostic } from '../../../src/core/diagnostic.ts';

const file = '/etc/podiod/podiorc.yml';
const text = 'server:\n  prot: 8080\n  secret: abc\n';
const sources = { texts: new Map([[file, text]]), secrets: new Set<string>() };
const unknown: Diagnostic = {
  severity: 'error',
  code: 'CONFIG_UNKNOWN_KEY',
  message: 'unknown key `prot` in `server`',
  hint: 'did you mean `port`?',
  place: { file, start: 10, end: 14 },
  path: ['server', 'prot'],
};

describe('config: render', () => {
  it('shows files below the working directory relative to it, others in full', () => {
    expect(renderDiagnostics([unknown], sources, { cwd: '/etc' })).to.match(
      /^podiod\/podiorc\.yml:2:3: error: /,
    );
    expect(renderDiagnostics([unknown], sources, { cwd: '/home' })).to.match(
      /^\/etc\/podiod\/podiorc\.yml:2:3: /,
    );
  });

  it('adds colours only when asked, and nothing but colours', () => {
    const plain = renderDiagnostics([unknown], sources, { cwd: '/etc' });
    const colored = renderDiagnostics([unknown], sources, { cwd: '/etc', color: true });
    const esc = String.fromCharCode(27);
    expect(plain).not.to.contain(esc);
    expect(colored).to.contain(esc);
    expect(colored.replace(new RegExp(`${esc}\\[\\d+m`, 'g'), '')).to.equal(plain);
  });

  it('shows a problem without a place, and one of a file that was not read', () => {
    const { place: _, ...nowhere } = unknown;
    const elsewhere = { ...unknown, place: { file: '/gone.yml', start: 0, end: 0 } };
    expect(renderDiagnostics([nowhere, elsewhere], sources, { cwd: '/etc' })).to.equal(
      [
        'error: unknown key `prot` in `server` [CONFIG_UNKNOWN_KEY]\n  hint: did you mean `port`?',
        '/gone.yml: error: unknown key `prot` in `server` [CONFIG_UNKNOWN_KEY]\n  hint: did you mean `port`?',
      ].join('\n\n'),
    );
  });

  it('cuts long lines around what it points at', () => {
    const long = `a: ${'x'.repeat(200)} HERE ${'y'.repeat(200)}\n`;
    const start = long.indexOf('HERE');
    const place = { file, start, end: start + 4 };
    const shown = renderDiagnostics(
      [{ severity: 'warning', code: 'C', message: 'm', place }],
      { texts: new Map([[file, long]]), secrets: new Set() },
      { cwd: '/etc', width: 40 },
    );
    const [, source = '', marks = ''] = shown.split('\n');
    expect(source)
      .to.have.lengthOf(46)
      .and.match(/\| ….* HERE .*…$/);
    expect(source.slice(marks.indexOf('^'), marks.lastIndexOf('^') + 1)).to.equal('HERE');
  });

  it('masks secrets in the line it shows', () => {
    const place = { file, start: text.indexOf('abc'), end: text.indexOf('abc') + 3 };
    const shown = renderDiagnostics([{ ...unknown, place }], sources, { cwd: '/etc' });
    expect(shown).to.contain('secret: ***').and.not.to.contain('abc');
  });

  it('shows hundreds of problems of a large config at once', function () {
    this.timeout(5000);
    const line =
      '  rule: { on: { app: leads, events: item.update }, token: abc, steps: [audit], where: { a: b } }\n';
    const large = `rules:\n${line.repeat(4000)}`;
    const problems = Array.from({ length: 500 }, (_, n): Diagnostic => {
      const start = 7 + n * 8 * line.length + line.indexOf('abc');
      return { ...unknown, place: { file, start, end: start + 3 } };
    });
    const shown = renderDiagnostics(
      problems,
      { texts: new Map([[file, large]]), secrets: new Set() },
      { cwd: '/etc' },
    );
    expect(shown.split('\n\n')).to.have.lengthOf(500);
    expect(shown).to.contain('token: ***').and.not.contain('abc');
  });

  it('counts lines and columns from 1 for programs, the end behind the last character', () => {
    expect(diagnosticsToJson([unknown], sources)).to.deep.equal({
      ok: false,
      problems: [
        {
          file,
          line: 2,
          column: 3,
          endLine: 2,
          endColumn: 7,
          severity: 'error',
          code: 'CONFIG_UNKNOWN_KEY',
          path: ['server', 'prot'],
          message: 'unknown key `prot` in `server`',
          hint: 'did you mean `port`?',
        },
      ],
    });
  });

  it('tells programs of the second place too', () => {
    const related = { place: { file, start: 0, end: 6 }, message: 'first here' };
    const { hint: _, ...bare } = unknown;
    const hints = [
      { ...unknown, related },
      { ...bare, related },
    ].map(one => diagnosticsToJson([one], sources).problems[0]?.hint);
    expect(hints).to.deep.equal([
      `did you mean \`port\`?; first here: ${file}:1:1`,
      `first here: ${file}:1:1`,
    ]);
  });

  it('is ok with warnings', () => {
    expect(diagnosticsToJson([{ ...unknown, severity: 'warning' }], sources).ok).to.equal(true);
    expect(diagnosticsToJson([], sources)).to.deep.equal({ ok: true, problems: [] });
  });
});
