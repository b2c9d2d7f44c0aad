// Loaded by mocha before every test file.
import sinon from 'sinon';

export const mochaHooks = {
  afterEach() {
    sinon.restore();
  },
};
