// Podio pings a new hook at once, and in whatever order its answers come.
import { expect } from 'chai';
import { makeSite } from './site.ts';

const rules = { everything: { on: { app: 'leads', events: 'item.*' }, steps: ['audit'] } };
const wanted = ['item.create', 'item.delete', 'item.update'].map(type => `app/101 ${type} active`);

describe('the handshake', function () {
  this.timeout(30_000);

  it('succeeds when the ping comes before the create call has answered', async () => {
    const site = await makeSite({ rules }, { faults: { answerCreateAfterVerify: true } });
    await site.boot();
    expect(await site.hooks()).to.deep.equal(wanted);
    expect(await site.podio.hooks()).to.have.length(3);
  });

  it('succeeds when pings are late and come twice, and codes can be used once', async () => {
    const site = await makeSite(
      { rules },
      { codeSingleUse: true, faults: { duplicateRate: 1, deliveryDelayMs: [0, 300] } },
    );
    await site.boot();
    expect(await site.hooks()).to.deep.equal(wanted);
    expect(await site.podio.hooks()).to.have.length(3);
  });
});
