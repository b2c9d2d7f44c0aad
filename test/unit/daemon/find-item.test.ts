import { expect } from 'chai';
import { UsageError } from '../../../src/core/errors.ts';
import { parseItemName } from '../../../src/daemon/find-item.ts';

describe('what people write for an item', () => {
  it('is an item_id, app/app_item_id, or a link', () => {
    expect(parseItemName('5300000001')).to.deep.equal({ itemId: 5300000001 });
    expect(parseItemName('leads/42')).to.deep.equal({ app: 'leads', number: '42' });
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
