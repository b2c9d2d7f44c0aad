import { expect } from 'chai';
import { parseRequest } from '../../../src/podio/plugin-request.ts';

const codeOf = (work: () => unknown) => {
  try {
    work();
    return 'none';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('podio request of a plugin', () => {
  it('refuses methods that Podio does not have', () => {
    expect(codeOf(() => parseRequest('PATCH', '/item/1'))).to.equal('PODIO_INVALID');
    expect(parseRequest('delete', '/item/1').method).to.equal('DELETE');
  });

  for (const path of [
    '',
    'item/1',
    'https://evil.example/x',
    '//evil.example/x',
    '/\\evil.example/x',
    '///x',
  ]) {
    it(`refuses the path ${JSON.stringify(path)}, which could carry the token to another host`, () => {
      expect(codeOf(() => parseRequest('GET', path))).to.equal('PODIO_INVALID');
    });
  }

  it('knows what a path is about', () => {
    const about = (path: string) => parseRequest('GET', path).about;
    expect(about('/app/101')).to.deep.equal({ type: 'app', id: 101 });
    expect(about('/item/app/101/count')).to.deep.equal({ type: 'app', id: 101 });
    expect(about('/app/101/item/5')).to.deep.equal({ type: 'app', id: 101 });
    expect(about('/item/7/value')).to.deep.equal({ type: 'item', id: 7 });
    expect(about('/comment/item/7/')).to.deep.equal({ type: 'item', id: 7 });
    expect(about('/item/7x')).to.equal(undefined);
    expect(about('/org/')).to.equal(undefined);
  });

  it('names operations without ids, and from a closed set', () => {
    const operation = (path: string) => parseRequest('POST', path).operation;
    expect(operation('/item/7/value')).to.equal('request.item');
    expect(operation('/item/app/101/filter/')).to.equal('request.filter');
    expect(operation('/item/app/101/filter/12/')).to.equal('request.filter');
    expect(operation('/search/app/101/')).to.equal('request.search');
    expect(operation('/whatever/12')).to.equal('request.other');
    expect(operation('/')).to.equal('request.other');
  });

  it('keeps the query of a path out of the path', () => {
    expect(parseRequest('GET', '/item/7?fields=files&x=1', { query: { x: 2 } })).to.deep.include({
      path: '/item/7',
      query: { fields: 'files', x: 2 },
    });
  });

  it('lets writes fire no hooks unless the query says otherwise', () => {
    expect(parseRequest('POST', '/task/').query).to.deep.equal({ hook: false });
    expect(parseRequest('POST', '/task/', { query: { hook: true } }).query).to.deep.equal({ hook: true });
    expect(parseRequest('GET', '/task/7').query).to.deep.equal({});
  });
});
