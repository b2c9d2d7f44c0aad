import { forbidden, invalid, notFound } from '../api-error.ts';
import { hookJson } from '../json.ts';
import { type Hook, type HookRef, isHookRefType } from '../model.ts';
import {
  type Call,
  changeOptions,
  empty,
  idParam,
  type Operation,
  objectBody,
  ok,
  requireApp,
  requireSpace,
  stringOf,
} from './operation.ts';

/** The object that hooks hang on, if the caller reaches it. */
function requireRef(call: Call, ref: HookRef): void {
  const { world } = call.podio;
  if (ref.type === 'app') return void requireApp(call, ref.id);
  if (ref.type === 'app_field') {
    const field = world.field(ref.id);
    if (field?.status === 'active') return void requireApp(call, field.appId);
    if (call.session.actor.type === 'app') throw forbidden();
    throw notFound(`No field with id ${ref.id} could be found`);
  }
  if (!world.space(ref.id) && call.session.actor.type === 'user')
    throw notFound(`No space with id ${ref.id} could be found`);
  requireSpace(call, ref.id);
}

function refOf(call: Call): HookRef {
  const type = call.params.ref_type ?? '';
  if (!isHookRefType(type)) throw invalid(`Invalid value "${type}" for "ref_type"`);
  const ref = { type, id: idParam(call, 'ref_id') };
  requireRef(call, ref);
  return ref;
}

function requireHook(call: Call): Hook {
  const hookId = idParam(call, 'hook_id');
  const hook = call.podio.world.hook(hookId);
  if (!hook) throw notFound(`No hook with id ${hookId} could be found`);
  const { actor } = call.session;
  // A hook outlives the field or app it hung on, and its maker may still delete it.
  const isOwn = hook.created.by.type === actor.type && hook.created.by.id === actor.id;
  if (!isOwn) requireRef(call, hook.ref);
  return hook;
}

const PATH = '/hook/:ref_type/:ref_id';

export const hookOperations: readonly Operation[] = [
  {
    name: 'hooks.create',
    method: 'POST',
    path: PATH,
    async handle(call) {
      const ref = refOf(call);
      const body = objectBody(call);
      const { hooks, context } = call.podio;
      const { hook, pinged } = hooks.createHook(
        { ref, type: stringOf(body, 'type'), url: stringOf(body, 'url') },
        changeOptions(call),
      );
      if (context.faults.answerCreateAfterVerify) await pinged;
      return { status: context.switches.hookCreateStatus, body: { hook_id: hook.hookId } };
    },
  },
  {
    name: 'hooks.list',
    method: 'GET',
    path: PATH,
    handle: call => ok(call.podio.hooks.hooks(refOf(call)).map(hookJson)),
  },
  {
    name: 'hooks.delete',
    method: 'DELETE',
    path: '/hook/:hook_id',
    handle(call) {
      call.podio.hooks.deleteHook(requireHook(call).hookId);
      return empty(call.podio.context.switches.hookWriteStatus);
    },
  },
  {
    name: 'hooks.request_verify',
    method: 'POST',
    path: '/hook/:hook_id/verify/request',
    handle(call) {
      void call.podio.hooks.requestVerify(requireHook(call).hookId);
      return empty(call.podio.context.switches.hookWriteStatus);
    },
  },
  {
    name: 'hooks.validate',
    method: 'POST',
    path: '/hook/:hook_id/verify/validate',
    handle(call) {
      call.podio.hooks.validateHook(idParam(call, 'hook_id'), stringOf(objectBody(call), 'code'));
      return empty(call.podio.context.switches.hookWriteStatus);
    },
  },
];
