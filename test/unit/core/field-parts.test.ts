import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { mainParts, PARTS_OF_ALL, partFault } from '../../../src/core/field-parts.ts';

const page = readFileSync(new URL('../../../docs/templates.md', import.meta.url), 'utf8');

describe('parts of fields', () => {
  it('are those of the table in docs/templates.md', () => {
    const table = page.slice(page.indexOf('Its parts have names:')).split('\n\n')[1] ?? '';
    const rows = table.split('\n').slice(2);
    expect(rows.length).to.be.greaterThan(8);
    for (const row of rows) {
      const [, types = '', parts = ''] = row.split('|');
      // What stands in brackets is said of a part.
      const named = [...parts.replace(/\([^)]*\)/g, '').matchAll(/`([\w-]+)`/g)].map(([, part]) => part);
      expect(named, row).not.to.be.empty;
      for (const type of types.split(',').map(text => text.trim())) {
        if (type === 'all') expect(named).to.deep.equal(PARTS_OF_ALL);
        else if (type === 'date') expect(mainParts(type)).to.include.members(named);
        else expect(mainParts(type), type).to.deep.equal(named);
      }
    }
  });

  it('are told from what is none, on the way through several values and the sides of a date', () => {
    const fault = (type: string, path: string, returnType?: string) =>
      partFault({ type, returnType }, path.split('.'))?.part;
    expect(fault('contact', 'mial')).to.equal('mial');
    expect(fault('contact', '0.mail')).to.equal(undefined);
    expect(fault('contact', 'values.first.mial')).to.equal('mial');
    expect(fault('date', 'end.start.end_date')).to.equal(undefined);
    expect(fault('date', 'end.stop')).to.equal('stop');
    // Whose parts Podio alone knows.
    expect(fault('app', 'app.nmae')).to.equal(undefined);
    expect(fault('hologram', 'shine')).to.equal(undefined);
    expect(fault('calculation', 'currency', 'number')).to.equal('currency');
    expect(fault('calculation', 'currency')).to.equal(undefined);
    expect(fault('constructor', 'x')).to.equal(undefined);
  });

  it('may be there all the same where Podio alone knows, unless they are near one that is', () => {
    const mayBe = (type: string, part: string) => partFault({ type }, [part])?.mayBe;
    for (const type of ['app', 'contact', 'member', 'image', 'file', 'video', 'embed', 'location'])
      expect(mayBe(type, 'hologram'), type).to.equal(true);
    for (const type of ['money', 'number', 'date', 'duration', 'category', 'text', 'phone'])
      expect(mayBe(type, 'hologram'), type).to.equal(false);
    expect(mayBe('contact', 'mial')).to.equal(false);
    expect(mayBe('app', 'space_id')).to.equal(true);
  });
});
