import { parseEnv } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import { withVariables } from '../../../src/cli/env-file.ts';
import { chooseApps, configNames, variableOf } from '../../../src/cli/init/choose.ts';
import { NAME } from '../../../src/config/schema.ts';
import type { SeenApp } from '../../../src/podio/discover.ts';

const seen = (id: number, name: string, space = 'Sales', organization = 'Acme'): SeenApp => ({
  id,
  name,
  space: { id: 1, name: space, organization },
});
const names = (...apps: readonly SeenApp[]) => [...configNames(apps).values()];

describe('init: apps that are named', () => {
  const apps = [seen(1, 'Überstunden'), seen(2, 'Leads'), seen(3, 'Leads', 'Sales', 'Brook')];
  const chosen = (given: string) => chooseApps(given, apps, { numbered: false }).map(({ id }) => id);

  it('are found however an umlaut is put together, and in the right organization', () => {
    expect(chosen('überstunden'.normalize('NFD'))).to.deep.equal([1]);
    expect(chosen('brook/sales/leads')).to.deep.equal([3]);
    expect(chosen('Überstunden, acme/Sales/Leads, 3')).to.deep.equal([1, 2, 3]);
  });

  it('are told apart by their organizations where all else is the same', () => {
    for (const given of ['Leads', 'Sales/Leads'])
      expect(() => chosen(given))
        .to.throw(`2 apps are called ${given}`)
        .with.property('hint', 'Give one of Acme/Sales/Leads (2), Brook/Sales/Leads (3), by its id.');
  });
});

describe('init: names of apps in the config', () => {
  it('are what people call them, in small letters', () => {
    expect(names(seen(1, 'Leads & Clients'), seen(2, 'Größe'), seen(3, '  Ærø '))).to.deep.equal([
      'leads-clients',
      'grosse',
      'aero',
    ]);
  });

  it('take the space along where two are called the same, else the id', () => {
    expect(
      names(seen(1, 'Leads'), seen(2, 'Leads', 'Ops'), seen(3, 'leads', 'Ops'), seen(4, '顧客')),
    ).to.deep.equal(['leads', 'ops-leads', 'app-3', 'app-4']);
  });

  it('are counted where another app is called like the id', () => {
    expect(names(seen(1, 'App 2'), seen(2, '顧客'), seen(3, 'App 2 2'))).to.deep.equal([
      'app-2',
      'app-2-2',
      'sales-app-2-2',
    ]);
  });

  it('are names of their own that a config takes, whatever the apps are called, with a variable each', () => {
    const name = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.stringMatching(/^(app|a|)[ -]?[1-9]([ -][1-9])?$/),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.constantFrom('A', 'B')), { maxLength: 8 }), given => {
        const found = names(...given.map(([name, space], index) => seen(index + 1, name, space)));
        expect(new Set(found).size).to.equal(given.length);
        for (const name of found) expect(name).to.match(NAME);
        const variables = found.map(variableOf);
        expect(new Set(variables).size).to.equal(given.length);
        for (const variable of variables) expect(variable).to.match(/^[A-Z_][A-Z0-9_]*$/);
      }),
    );
  });
});

describe('a file of variables', () => {
  it('gives back what was put in, beside what was there', () => {
    // A text with every kind of quotes can't be written, and is refused.
    const value = fc.string({ unit: 'grapheme', maxLength: 20 }).filter(text => !/'.*`|`.*'/s.test(text));
    fc.assert(
      fc.property(
        fc.dictionary(fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,5}$/), value, { maxKeys: 5 }),
        given => {
          let text: string;
          try {
            text = withVariables('# note\nOTHER_ONE_OF_MINE=kept\n', new Map(Object.entries(given)));
          } catch (error) {
            expect((error as Error).message).to.include('every kind of quotes');
            return;
          }
          expect(parseEnv(text)).to.deep.equal({ OTHER_ONE_OF_MINE: 'kept', ...given });
          expect(text).to.match(/^# note\n/);
        },
      ),
      { examples: [[{ _: "' " }]] },
    );
  });

  it('is not touched where what is there would swallow what comes', () => {
    const write = () => withVariables('A="b\nKEY=old\nC=d"\n', new Map([['KEY', 'new']]));
    expect(write).to.throw('A could not be read from the file of variables any more');
  });
});
