/** The way from the internet to podiod: name, certificate, proxy. Seen from here, which is not where Podio is. */
import { lookup } from 'node:dns/promises';
import { connect } from 'node:tls';
import { coerceError } from '../../core/errors.ts';
import { fail, ok, type Tell, warn } from './findings.ts';

const TIMEOUT_MS = 10_000;
const DAY_MS = 24 * 60 * 60 * 1000;
const SOON_DAYS = 14;

export async function lookAtWay(
  publicUrl: string,
  hasDaemon: boolean,
  tell: Tell,
  fetch: typeof globalThis.fetch,
): Promise<void> {
  const check = 'public address';
  const { hostname, protocol, port } = new URL(publicUrl);
  const host = hostname.replace(/^\[|\]$/g, '');
  try {
    await lookup(host);
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code ?? 'not found';
    tell(fail(check, `${host} has no address (${code})`, 'Set its DNS record, or mend server.publicUrl.'));
    return;
  }
  if (protocol === 'https:') {
    const left = await daysLeft(host, Number(port) || 443);
    if (left !== undefined && left < SOON_DAYS) {
      const message =
        left < 0 ? 'its certificate is over' : `its certificate ends in ${Math.floor(left)} days`;
      tell(
        (left < 0 ? fail : warn)(
          check,
          message,
          'Renew it: Podio does not call an address whose certificate is not valid.',
        ),
      );
    }
  }
  let status: number;
  try {
    // A path that is no hook's: podiod answers 404 and nothing more.
    const response = await fetch(`${publicUrl}/doctor`, {
      method: 'POST',
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.arrayBuffer();
    ({ status } = response);
  } catch (thrown) {
    const why = reasonOf(thrown);
    const hint = hasDaemon
      ? 'Look at proxy, firewall and certificate. A router may not let a machine reach itself by its public name: the handshake tells.'
      : 'The daemon does not run, so nothing may be listening.';
    tell(warn(check, `${publicUrl} can't be reached from here: ${why}`, hint));
    return;
  }
  if (status === 404) tell(ok(check, `${publicUrl} leads to something that answers as podiod does`));
  else if (status >= 500) {
    const hint = hasDaemon
      ? 'The proxy does not reach podiod: it must pass requests on to server.host and server.port.'
      : 'The daemon does not run.';
    tell((hasDaemon ? fail : warn)(check, `${publicUrl} answers ${status}`, hint));
  } else {
    tell(
      fail(
        check,
        `${publicUrl} answers ${status}, where podiod answers 404`,
        'Something else answers there. The proxy must pass this path on, with POST, and no login in front.',
      ),
    );
  }
}

/** Until the certificate ends; undefined where it can't be had. */
function daysLeft(host: string, port: number): Promise<number | undefined> {
  return new Promise(resolve => {
    const socket = connect(
      { host, port, servername: host, rejectUnauthorized: false, timeout: TIMEOUT_MS },
      () => {
        const until = Date.parse(socket.getPeerCertificate().valid_to);
        socket.destroy();
        resolve(Number.isNaN(until) ? undefined : (until - Date.now()) / DAY_MS);
      },
    );
    const giveUp = () => {
      socket.destroy();
      resolve(undefined);
    };
    socket.once('error', giveUp).once('timeout', giveUp);
  });
}

function reasonOf(thrown: unknown): string {
  const error = coerceError(thrown);
  const cause = error.cause === undefined ? error : coerceError(error.cause);
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
}
