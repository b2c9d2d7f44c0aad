// The proxies of config/, as they are shipped but for names, ports and certificate: Podio's way in goes through them.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { request } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { makeCertificate } from '../support/certificate.ts';
import { temporaryFolder } from '../support/folder.ts';
import { until } from '../support/wait.ts';
import { freePort, LEADS, makeSite } from './site.ts';

const shipped = (name: string): string =>
  readFileSync(join(import.meta.dirname, '../../config', name), 'utf8');

const proxies: ChildProcess[] = [];
const { NODE_EXTRA_CA_CERTS } = process.env;

afterEach(async () => {
  if (NODE_EXTRA_CA_CERTS === undefined) delete process.env.NODE_EXTRA_CA_CERTS;
  else process.env.NODE_EXTRA_CA_CERTS = NODE_EXTRA_CA_CERTS;
  for (const proxy of proxies.splice(0)) {
    const ended = once(proxy, 'exit');
    if (proxy.exitCode === null && proxy.kill('SIGTERM')) await ended;
  }
});

interface Place {
  /** Has the certificate, and all that the proxy needs and writes. */
  readonly folder: string;
  /** Of the proxy, and of podiod behind it. */
  readonly port: number;
  readonly behind: number;
}

/** Each starts its proxy with its shipped config. */
const PROXIES: Readonly<Record<string, (place: Place) => ChildProcess>> = {
  nginx({ folder, port, behind }) {
    const text = shipped('nginx.conf')
      .replaceAll('127.0.0.1:8080', `127.0.0.1:${behind}`)
      .replace('listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`)
      .replace('listen [::]:443 ssl;', '')
      .replaceAll('hooks.example.com', 'localhost')
      .replaceAll('/etc/letsencrypt/live/localhost/', `${folder}/`);
    writeFileSync(join(folder, 'podiod.conf'), text);
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      name => `${name}_temp_path ${folder}/tmp_${name};`,
    );
    writeFileSync(
      join(folder, 'nginx.conf'),
      `pid ${folder}/nginx.pid; error_log stderr; daemon off; events {} http { access_log ${folder}/log; ${temporary.join(' ')} include ${folder}/podiod.conf; }`,
    );
    return spawn('nginx', ['-p', folder, '-c', `${folder}/nginx.conf`], { stdio: logTo(folder) });
  },
  caddy({ folder, port, behind }) {
    const text = shipped('Caddyfile')
      .replaceAll('127.0.0.1:8080', `127.0.0.1:${behind}`)
      .replace(
        'hooks.example.com {',
        `localhost:${port} {\n\ttls ${folder}/fullchain.pem ${folder}/privkey.pem`,
      );
    const config = join(folder, 'Caddyfile');
    writeFileSync(config, `{\n\tadmin off\n\tauto_https disable_redirects\n}\n${text}`);
    return spawn('caddy', ['run', '--config', config, '--adapter', 'caddyfile'], {
      env: { PATH: process.env.PATH, HOME: folder },
      stdio: logTo(folder),
    });
  },
};

/** All that a proxy says goes to the file `log`. */
const logTo = (folder: string): ['ignore', number, number] => {
  const log = openSync(join(folder, 'log'), 'a');
  return ['ignore', log, log];
};

/** What a stranger gets who says that he comes from somewhere else. */
const post = (port: number, folder: string, path: string): Promise<{ status?: number; body: string }> =>
  new Promise((resolve, reject) => {
    const ca = readFileSync(join(folder, 'fullchain.pem'));
    const headers = { 'X-Forwarded-For': '192.0.2.1' };
    const asked = request({ method: 'POST', host: 'localhost', port, path, ca, headers }, async answer => {
      const { statusCode: status } = answer;
      resolve({ ...(status ? { status } : {}), body: Buffer.concat(await answer.toArray()).toString() });
    });
    asked.on('error', reject).end('type=item.update');
  });

const listens = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    }).once('error', () => resolve(false));
  });

describe('behind a proxy', function () {
  this.timeout(60_000);

  for (const [name, start] of Object.entries(PROXIES)) {
    it(`podiod works behind ${name}, as its config is shipped`, async () => {
      using certificates = temporaryFolder();
      // Processes that are started from now on trust it.
      process.env.NODE_EXTRA_CA_CERTS = makeCertificate(certificates.path).certFile;
      const site = await makeSite({
        rules: { all: { on: { app: 'leads', events: ['item.create', 'item.update'] }, steps: ['audit'] } },
      });
      const [port, behind] = [await freePort(), await freePort()];
      const publicUrl = `https://localhost:${port}/podio`;
      site.configure({
        server: { publicUrl, port: behind, secret: 'a-secret-for-the-tests', allowNonPublicUrl: true },
      });
      proxies.push(start({ folder: certificates.path, port, behind }));
      await until(() => listens(port), name, 20_000);

      // The handshake goes through it, and what happens in Podio does.
      await site.boot();
      const hooks = (await site.podio.hooks()).filter(({ url }) => url.startsWith(publicUrl));
      expect(hooks.map(({ type, status }) => `${type} ${status}`).sort()).to.deep.equal([
        'item.create active',
        'item.update active',
      ]);
      const { itemId } = await site.podio.createItem(LEADS.id, { fields: { title: 'Alder' } });
      // Of an item that is new to podiod two deliveries on their way together may come in any order.
      await site.untilRun(1, 'all');
      await site.podio.updateItem(itemId, { fields: { title: 'Birch' } });
      const events = await site.untilRun(2, 'all');
      expect(events.map(({ type, source }) => `${type} ${source}`)).to.deep.equal([
        'item.create webhook',
        'item.update webhook',
      ]);

      const doctor = await site.podiod(['doctor', '--json'], {
        env: { NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS ?? '' },
      });
      const { findings } = JSON.parse(doctor.stdout) as {
        findings: { check: string; verdict: string; message: string }[];
      };
      const of = (check: string) => findings.find(one => one.check.startsWith(check));
      expect(of('public address'), doctor.stdout).to.include({ verdict: 'ok' });
      expect(of('handshake'), doctor.stdout).to.include({ verdict: 'ok' });
    });

    it(`${name} says whom a request is from, and logs no key of a hook, also when podiod is down`, async () => {
      using folder = temporaryFolder();
      // Processes that are started from now on trust it.
      process.env.NODE_EXTRA_CA_CERTS = makeCertificate(folder.path).certFile;
      const [port, behind] = [await freePort(), await freePort()];
      proxies.push(start({ folder: folder.path, port, behind }));
      await until(() => listens(port), name, 20_000);
      const path = '/podio/the-key-of-a-hook/app/101/item.update';
      expect((await post(port, folder.path, path)).status).to.equal(502);

      const podiod = createServer((request, response) => {
        response.end(String(request.headers['x-forwarded-for']).split(', ').at(-1));
      }).listen(behind, '127.0.0.1');
      await once(podiod, 'listening');
      try {
        expect(await post(port, folder.path, path)).to.deep.equal({ status: 200, body: '127.0.0.1' });
        expect((await post(port, folder.path, '/elsewhere')).status).to.equal(404);
      } finally {
        podiod.close();
        podiod.closeAllConnections();
      }
      expect(readFileSync(join(folder.path, 'log'), 'utf8')).to.not.include('the-key-of-a-hook');
    });
  }
});
