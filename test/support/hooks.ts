// Loaded by mocha before every test file.
import { afterEach } from 'mocha';
import sinon from 'sinon';

afterEach(() => {
  sinon.restore();
});
