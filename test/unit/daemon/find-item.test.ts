import { expect } from 'chai';
import { PodioError, UsageError } from '../../../src/core/errors.ts';
import { findItem, parseItemName } from '../../../src/daemon/find-item.ts';
import { known } from '../dispatch/support.ts';

describe('what people write for an item', () => {
  it('is an item_id, app/app_item_id, or a link', () => {
    expect(parseItemName('5300000001')).to.deep.equal({ itemId: 5300000001 });
    expect(parseItemName('leads/42')).to.deep.equal({ app: 'leads', number: '42' });
    expect(parseItemName(' leads/42\n'), 'as it is pasted').to.deep.equal({ app: 'leads', number: '42' });
    for (const link of [
      'https://podio.com/acme/sales/apps/leads/items/42',
      'https://podio.com/acme/sales/apps/leads/items/42/',
      'https://podio.com/acme/sales/apps/leads/items/42?comment=1#c',
    ]) {
      expect(parseItemName(link), link).to.deep.include({ label: 'leads', number: '42' });
    }
  });

  it('is nothing else', () => {
    for (const text of [
      '',
      '#42',
      'leads',
      'leads/',
      'leads/x',
      'Leads/42',
      '-1',
      '1.5',
      '99999999999999999999',
      'https://podio.com/acme/sales',
      'https://podio.com/acme/sales/apps/leads',
      'ftp://podio.com/acme/sales/apps/leads/items/42',
    ])
      expect(() => parseItemName(text), text).to.throw(UsageError, 'is no item');
  });
});

describe('the link of an item', () => {
  const { apps } = known;
  const name = parseItemName('https://podio.com/acme/sales/apps/offers/items/42');
  /** Its first app can't be asked, the other one is called so at Podio. */
  const ask = (label: string) => {
    const podio = {
      apps: {
        get: async (_as: unknown, id: number) => {
          if (id === 101) throw new PodioError('PODIO_UNAUTHORIZED', 'the token was exchanged');
          return { url_label: label, link: 'https://podio.com/acme/sales/apps/offers' };
        },
      },
      request: async (_as: unknown, { path }: { path: string }) => ({
        item_id: path === '/app/102/item/42' ? 7 : 0,
      }),
    };
    const identities = { forRef: () => ({ kind: 'app', appId: 1, token: 't' }) };
    return findItem({ podio, identities } as unknown as Parameters<typeof findItem>[0], { apps }, name);
  };

  it('is found also where another app of the config can not be asked', async () => {
    expect(await ask('offers')).to.equal(7);
  });

  it('says why, where one that could not be asked may be its app', async () => {
    const error = await ask('others').catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(PodioError).and.have.property('code', 'PODIO_UNAUTHORIZED');
  });
});
