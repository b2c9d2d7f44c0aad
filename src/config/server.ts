import { type Context, complain } from './context.ts';
import type { ServerConfig } from './model.ts';
import { type ConfigNode, child, isInterpolated, section } from './node.ts';
import { ServerSchema } from './schema.ts';
import { part, type ResolveContext } from './sections.ts';
import { isLoopback, publicUrlProblems } from './urls.ts';

export async function resolveServer(context: ResolveContext): Promise<ServerConfig | undefined> {
  const server = await part(context, ServerSchema, 'server');
  const url = checkPublicUrl(context);
  if (!server || !url) return undefined;
  const { publicUrl: _, path = url.pathname, ...rest } = server;
  return {
    ...rest,
    secret: server.secret,
    publicUrl: `${url.origin}${url.pathname}`.replace(/\/+$/, ''),
    path: path.replace(/\/+$/, ''),
  };
}

/** Looked at by itself, since it is worth checking also where another setting of `server` can't be known. */
function checkPublicUrl(context: Context): URL | undefined {
  const server = section(context.root, 'server');
  const path = ['server', 'publicUrl'];
  const url = urlAt(child(server, 'publicUrl'));
  if (!url) return undefined;
  if (url.search || url.hash || url.username) {
    complain(context, 'CONFIG_PUBLIC_URL', path, 'the public URL can have no query, fragment or user name', {
      hint: 'leave only https://host/path',
    });
    return undefined;
  }
  const allowed = child(server, 'allowNonPublicUrl');
  const isAllowed = allowed?.kind === 'scalar' && String(allowed.value) === 'true';
  const problems = publicUrlProblems(url, !isInterpolated(child(server, 'publicUrl')));
  if (isAllowed && problems.length > 0) {
    const why = problems.map(({ short }) => short).join(', ');
    const message = `Podio can't call this URL (${why}); \`allowNonPublicUrl\` lets it pass`;
    complain(context, 'CONFIG_PUBLIC_URL', path, message, { severity: 'warning', isBrief: true });
    return url;
  }
  for (const { message, hint } of problems) {
    complain(context, 'CONFIG_PUBLIC_URL', path, message, {
      hint: `${hint}; for tests, \`allowNonPublicUrl: true\` makes this a warning`,
    });
  }
  return url;
}

export function checkApiUrl(context: Context): void {
  const path = ['podio', 'apiUrl'];
  const url = urlAt(child(section(context.root, 'podio'), 'apiUrl'));
  if (url?.protocol !== 'http:' || isLoopback(url)) return;
  complain(
    context,
    'CONFIG_INSECURE_URL',
    path,
    '`podio.apiUrl` must start with https://: tokens go over this line',
    {
      hint: 'plain http is for an emulator on this machine',
    },
  );
}

/** Undefined for what is no http URL, which the schema tells. */
function urlAt(node: ConfigNode | undefined): URL | undefined {
  if (node?.kind !== 'scalar' || typeof node.value !== 'string' || !/^https?:\/\//i.test(node.value))
    return undefined;
  return URL.parse(node.value) ?? undefined;
}

export function checkPorts(
  context: Context,
  server: { host: string; port: number } | undefined,
  admin: { host: string; port: number } | undefined,
): void {
  if (!server || !admin || server.port === 0 || server.port !== admin.port) return;
  const all = (host: string) => host === '0.0.0.0' || host === '::';
  if (server.host !== admin.host && !all(server.host) && !all(admin.host)) return;
  const adminPort = child(section(context.root, 'admin'), 'port');
  const path = adminPort ? ['admin', 'port'] : ['server', 'port'];
  complain(context, 'CONFIG_PORT_CLASH', path, '`server` and `admin` would both listen on the same port', {
    hint: 'give one of them another port',
  });
}

/** The token and all that is told would cross the network as they are. */
export function checkAdminHost(
  context: Context,
  admin: { host: string; allowPublic: boolean } | undefined,
): void {
  if (!admin || admin.allowPublic || /^(localhost|127\.[\d.]+|::1)$/.test(admin.host)) return;
  complain(
    context,
    'CONFIG_ADMIN_PUBLIC',
    ['admin', 'host'],
    '`admin` would listen beyond this machine, without TLS',
    {
      hint: 'leave `host` out and reach it by a proxy with TLS or an SSH tunnel; `allowPublic: true` where the network is trusted',
    },
  );
}
