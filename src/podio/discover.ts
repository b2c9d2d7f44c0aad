/** What a user sees at Podio: organizations, spaces, apps, and the apps' tokens. */
import type { App } from '../core/podio.ts';
import { unescapeHtml } from '../core/values.ts';
import type { Call, Identity, PodioClient } from './contract.ts';
import { unexpectedAnswer } from './errors.ts';
import { isRecord } from './json.ts';
import { readApp } from './shapes.ts';

export interface SeenSpace {
  readonly id: number;
  readonly name: string;
  readonly organization: string;
}

export interface SeenApp {
  readonly id: number;
  readonly name: string;
  readonly space: SeenSpace;
}

type Request = PodioClient['request'];

/** In Podio's order. Only a user has any: an app token sees its app alone. */
export async function listSpaces(request: Request, as: Identity): Promise<readonly SeenSpace[]> {
  const organizations = await list(request, as, { method: 'GET', path: '/org/', operation: 'orgs.list' });
  return organizations.flatMap(({ name: organization, spaces }) =>
    (Array.isArray(spaces) ? spaces : [])
      .filter(isRecord)
      .flatMap(({ space_id: id, name }) =>
        typeof id === 'number'
          ? [{ id, name: nameOf(name, id), organization: nameOf(organization, '') }]
          : [],
      ),
  );
}

export async function listApps(
  request: Request,
  as: Identity,
  space: SeenSpace,
): Promise<readonly SeenApp[]> {
  const call = { method: 'GET', path: `/app/space/${space.id}/`, operation: 'apps.in_space' } as const;
  const apps = await list(request, as, call);
  return apps.flatMap(({ app_id: id, status, config }) =>
    typeof id === 'number' && (status === undefined || status === 'active')
      ? [{ id, name: nameOf(isRecord(config) ? config.name : undefined, id), space }]
      : [],
  );
}

/** The one read that wants the app's token: everybody else's leaves it out. */
export async function readAppWithToken(
  request: Request,
  as: Identity,
  appId: number,
): Promise<{ readonly definition: App; readonly token: string | undefined }> {
  const call = { method: 'GET', path: `/app/${appId}`, operation: 'apps.get' } as const;
  const app = readApp(await request(as, call), () => {});
  if (!app) throw unexpectedAnswer(call, 'an app');
  const { token, ...definition } = app;
  return {
    definition,
    token: typeof token === 'string' && token !== '' ? token : undefined,
  };
}

async function list(
  request: Request,
  as: Identity,
  call: Call,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const answer = await request(as, call);
  if (!Array.isArray(answer)) throw unexpectedAnswer(call, 'a list');
  return answer.filter(isRecord);
}

const nameOf = (name: unknown, otherwise: string | number): string =>
  typeof name === 'string' && name !== '' ? unescapeHtml(name) : String(otherwise);
