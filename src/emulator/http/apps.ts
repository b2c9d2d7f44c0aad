import { forbidden, notFound } from '../api-error.ts';
import { appJson, appShortJson, fieldJson, memberJson, spaceJson, userJson } from '../json.ts';
import { findField } from '../values/values.ts';
import { type Call, empty, idParam, type Operation, ok, requireApp, requireSpace } from './operation.ts';

function spaceOf(call: Call) {
  const spaceId = idParam(call, 'space_id');
  requireSpace(call, spaceId);
  const space = call.podio.world.space(spaceId);
  if (!space) throw notFound(`No space with id ${spaceId} could be found`);
  return space;
}

const appsIn = (call: Call) => {
  const { spaceId } = spaceOf(call);
  return call.podio.world.apps().filter(app => app.spaceId === spaceId && app.status === 'active');
};

function requireUser(call: Call) {
  const { actor } = call.session;
  const user = actor.type === 'user' ? call.podio.world.user(actor.id) : undefined;
  if (!user) throw forbidden();
  return user;
}

export const appOperations: readonly Operation[] = [
  {
    name: 'apps.get',
    method: 'GET',
    path: '/app/:app_id',
    handle: call => ok(appJson(call.podio.world, requireApp(call, idParam(call, 'app_id')))),
  },
  {
    name: 'apps.field',
    method: 'GET',
    path: '/app/:app_id/field/:field',
    handle(call) {
      const app = requireApp(call, idParam(call, 'app_id'));
      const field = findField(app, call.params.field ?? '');
      if (!field) throw notFound(`No field ${call.params.field} could be found`);
      return ok(fieldJson(field, app.fields.indexOf(field)));
    },
  },
  {
    name: 'apps.in_space',
    method: 'GET',
    path: '/app/space/:space_id',
    handle: call => ok(appsIn(call).map(appShortJson)),
  },
  {
    name: 'apps.by_label',
    method: 'GET',
    path: '/app/space/:space_id/:url_label',
    handle(call) {
      const app = appsIn(call).find(each => `app-${each.appId}` === call.params.url_label);
      if (!app) throw notFound(`No app with label ${call.params.url_label} could be found`);
      return ok(appJson(call.podio.world, app));
    },
  },
  {
    name: 'spaces.get',
    method: 'GET',
    path: '/space/:space_id',
    handle: call => ok(spaceJson(spaceOf(call))),
  },
  {
    name: 'spaces.members',
    method: 'GET',
    path: '/space/:space_id/member',
    handle(call) {
      const { actor } = call.session;
      const { world, context } = call.podio;
      const spaceId = idParam(call, 'space_id');
      if (actor.type === 'user') requireSpace(call, spaceId);
      else if (context.switches.membersByApp === 'forbidden' || world.app(actor.id)?.spaceId !== spaceId)
        throw forbidden();
      return ok(
        world
          .users()
          .filter(({ userId }) => world.isMember(userId, spaceId))
          .map(memberJson),
      );
    },
  },
  {
    name: 'orgs.list',
    method: 'GET',
    path: '/org',
    handle(call) {
      const { userId } = requireUser(call);
      const { world } = call.podio;
      const spaces = world.spaces().filter(({ spaceId }) => world.isMember(userId, spaceId));
      return ok([
        {
          org_id: 1,
          name: 'Example',
          url: 'https://podio.com/example',
          url_label: 'example',
          role: 'regular',
          spaces: spaces.map(spaceJson),
        },
      ]);
    },
  },
  {
    name: 'users.status',
    method: 'GET',
    path: '/user/status',
    handle(call) {
      const user = requireUser(call);
      const { world } = call.podio;
      return ok({
        user: userJson(user),
        profile: { profile_id: user.profileId, name: user.name },
        inbox_new: 0,
        spaces: world.spaces().length,
        push: null,
      });
    },
  },
  {
    name: 'oauth.scope',
    method: 'GET',
    path: '/oauth/scope',
    handle(call) {
      const { actor } = call.session;
      const app = actor.type === 'app' ? call.podio.world.app(actor.id) : undefined;
      return ok([
        {
          ref_type: app ? 'app' : 'global',
          ref_id: app?.appId ?? null,
          permissions: ['all'],
          ref_data: app ? appShortJson(app) : null,
        },
      ]);
    },
  },
  {
    name: 'oauth.invalidate',
    method: 'POST',
    path: '/oauth/token/invalidate',
    handle(call) {
      call.podio.tokens.invalidate(call.token);
      return empty();
    },
  },
];
