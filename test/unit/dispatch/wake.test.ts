import { expect } from 'chai';
import { makeWake } from '../../../src/dispatch/wake.ts';
import { rest } from './support.ts';

describe('makeWake', () => {
  it('looks once more for all wakes that come while it looks, and never twice at a time', async () => {
    const looks: (() => void)[] = [];
    const wake = makeWake(() => new Promise<void>(resolve => looks.push(resolve)));
    wake();
    wake();
    wake();
    await rest();
    expect(looks).to.have.length(1);
    looks[0]?.();
    await rest();
    expect(looks).to.have.length(2);
    looks[1]?.();
    await rest();
    expect(looks).to.have.length(2);
    wake();
    expect(looks).to.have.length(3);
  });
});
