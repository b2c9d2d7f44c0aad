import { forbidden, invalid, notFound } from '../api-error.ts';
import { commentJson, embedJson, fileJson, taskJson } from '../json.ts';
import type { Comment, File as PodioFile, Task } from '../model.ts';
import { isObject, type JsonObject } from '../values/kind.ts';
import type { NewTask } from '../world/talk.ts';
import type { Internals, World } from '../world/world.ts';
import {
  type Answer,
  type Call,
  changeOptions,
  empty,
  idParam,
  type Operation,
  objectBody,
  ok,
  requireApp,
  requireItem,
  requireSpace,
  stringOf,
} from './operation.ts';

/** Only items can be commented on in this world. */
function commentedItem(call: Call): number {
  if (call.params.ref_type !== 'item')
    throw invalid(`Comments on "${call.params.ref_type}" are not supported`);
  return requireItem(call, idParam(call, 'ref_id')).item.itemId;
}

function requireComment(call: Call): Comment {
  const commentId = idParam(call, 'comment_id');
  const comment = call.podio.world.comment(commentId);
  if (!comment || comment.deleted) throw notFound(`No comment with id ${commentId} could be found`);
  requireItem(call, comment.itemId);
  return comment;
}

function requireFile(call: Call, fileId: number): PodioFile {
  const file = call.podio.world.file(fileId);
  if (!file || file.deleted) throw notFound(`No file with id ${fileId} could be found`);
  if (file.itemId !== undefined) requireItem(call, file.itemId);
  return file;
}

/** A task belongs to what it is about: its item or app, else its space, else its maker. */
function requireTaskRef(call: Call, { ref, spaceId }: Pick<NewTask, 'ref' | 'spaceId'>): void {
  if (ref?.type === 'item') requireItem(call, ref.id);
  else if (ref?.type === 'app') requireApp(call, ref.id);
  else if (ref?.type === 'space') requireSpace(call, ref.id);
  else if (ref) throw invalid(`Tasks on "${ref.type}" are not supported`);
  else if (spaceId !== undefined) requireSpace(call, spaceId);
  // An app can make tasks only about something.
  else if (call.session.actor.type === 'app') throw forbidden();
}

function requireTask(call: Call): Task {
  const taskId = idParam(call, 'task_id');
  const task = call.podio.world.task(taskId);
  if (!task || task.deleted) throw notFound(`No task with id ${taskId} could be found`);
  if (task.ref || task.spaceId !== undefined)
    requireTaskRef(call, {
      ...(task.ref ? { ref: task.ref } : {}),
      ...(task.spaceId === undefined ? {} : { spaceId: task.spaceId }),
    });
  return task;
}

/** A user id, bare, in a list or as `{type, id}`; a mail address as `{type: 'mail', id}`. */
function responsibleOf(call: Call, body: JsonObject): { responsible?: number } {
  const [first] = [body.responsible].flat();
  if (first === undefined || first === null) return {};
  const type = isObject(first) ? (first.type ?? 'user') : 'user';
  const id = isObject(first) ? (first.id ?? first.user_id) : first;
  const { world, context } = call.podio;
  if (type === 'mail' && typeof id === 'string' && context.switches.taskByMail === 'allowed')
    return { responsible: (world.userNamed(id) ?? world.addUser({ name: id, username: id })).userId };
  if (type !== 'user' || typeof id !== 'number' || !world.user(id))
    throw invalid(`Invalid value ${JSON.stringify(first)} for "responsible": must be a user`);
  return { responsible: id };
}

function dueOf(body: JsonObject): { dueDate?: string } {
  if (body.due_date === undefined || body.due_date === null) return {};
  const date = stringOf(body, 'due_date');
  if (!/^\d{4}-\d\d-\d\d$/.test(date) || Number.isNaN(Date.parse(date)))
    throw invalid('Invalid value for "due_date": must be YYYY-MM-DD');
  return { dueDate: date };
}

const descriptionOf = (body: JsonObject): { description?: string } =>
  body.description === undefined ? {} : { description: stringOf(body, 'description') };

function createTask(call: Call, ref: NewTask['ref']): Answer {
  const body = objectBody(call);
  const task: NewTask = {
    text: stringOf(body, 'text'),
    ...descriptionOf(body),
    ...dueOf(body),
    ...responsibleOf(call, body),
    ...(ref ? { ref } : {}),
    ...(typeof body.space_id === 'number' ? { spaceId: body.space_id } : {}),
  };
  requireTaskRef(call, task);
  return ok(taskJson(call.podio.world, call.podio.world.addTask(task, changeOptions(call))));
}

type TaskChange = Parameters<World['updateTask']>[1];

/** Tasks that refer to one object, which the caller has to reach. */
function tasksAbout(call: Call, ref: { readonly type: string; readonly id: number }): Answer {
  requireTaskRef(call, { ref });
  const { world } = call.podio;
  return ok(world.tasks(ref).map(task => taskJson(world, task)));
}

/** `?reference=item:1`; several with `;` between, of which the first is looked at here. */
function referenceOf(call: Call): { readonly type: string; readonly id: number } {
  const [, type = '', id = ''] = /^(\w+):(\d+)$/.exec(call.query.get('reference') ?? '') ?? [];
  if (type === '') throw invalid('Tasks are listed here by "reference": type:id');
  return { type, id: Number(id) };
}

function changeTask(call: Call, change: TaskChange): Answer {
  const task = requireTask(call);
  call.podio.world.updateTask(task.taskId, change, changeOptions(call));
  return ok(taskJson(call.podio.world, task));
}

async function upload(call: Call): Promise<Answer> {
  const form = await new Response(new Uint8Array(call.raw), { headers: { 'content-type': call.contentType } })
    .formData()
    .catch(() => {
      throw invalid('Invalid body: must be multipart/form-data');
    });
  const source = form.get('source');
  if (!(source instanceof File)) throw invalid('Invalid value for "source": must be a file');
  const { world } = call.podio;
  const file = world.addFile(
    {
      name: String(form.get('filename') ?? source.name),
      mimetype: source.type || 'application/octet-stream',
      content: new Uint8Array(await source.arrayBuffer()),
    },
    changeOptions(call),
  );
  return ok(fileJson(world, file));
}

const bytesOf = (file: PodioFile): Answer => ({
  status: 200,
  body: Buffer.from(file.content),
  headers: { 'content-type': file.mimetype },
});

/** Stands for the signature in the address of a stored file. */
const storageKey = ({ fileId, size }: PodioFile): string => `${fileId.toString(36)}${size.toString(36)}`;

/** The host that `fileBytes: redirect` leads to. Such hosts refuse requests that carry a token besides the signature. */
export function storedFile(podio: Internals, path: string, hasToken: boolean): Answer | undefined {
  const [, fileId, key] = /^\/stored\/(\d+)\/(\w+)$/.exec(path) ?? [];
  if (fileId === undefined) return undefined;
  const file = podio.world.file(Number(fileId));
  if (hasToken) return { status: 400 };
  return file && storageKey(file) === key ? bytesOf(file) : { status: 403 };
}

export const talkOperations: readonly Operation[] = [
  {
    name: 'comments.list',
    method: 'GET',
    path: '/comment/:ref_type/:ref_id',
    handle(call) {
      const { world } = call.podio;
      return ok(world.comments(commentedItem(call)).map(comment => commentJson(world, comment)));
    },
  },
  {
    name: 'comments.create',
    method: 'POST',
    path: '/comment/:ref_type/:ref_id',
    handle(call) {
      const body = objectBody(call);
      const externalId = typeof body.external_id === 'string' ? body.external_id : null;
      const { world } = call.podio;
      const comment = world.addComment(commentedItem(call), stringOf(body, 'value'), {
        ...changeOptions(call),
        externalId,
      });
      return ok(commentJson(world, comment));
    },
  },
  {
    name: 'comments.get',
    method: 'GET',
    path: '/comment/:comment_id',
    handle: call => ok(commentJson(call.podio.world, requireComment(call))),
  },
  {
    name: 'comments.update',
    method: 'PUT',
    path: '/comment/:comment_id',
    handle(call) {
      // There is no event for this.
      const comment = requireComment(call);
      comment.value = stringOf(objectBody(call), 'value');
      return ok(commentJson(call.podio.world, comment));
    },
  },
  {
    name: 'comments.delete',
    method: 'DELETE',
    path: '/comment/:comment_id',
    handle(call) {
      call.podio.world.deleteComment(requireComment(call).commentId, changeOptions(call));
      return empty();
    },
  },
  { name: 'tasks.create', method: 'POST', path: '/task', handle: call => createTask(call, undefined) },
  {
    name: 'tasks.create',
    method: 'POST',
    path: '/task/:ref_type/:ref_id',
    handle: call => createTask(call, { type: call.params.ref_type ?? '', id: idParam(call, 'ref_id') }),
  },
  {
    name: 'tasks.list',
    method: 'GET',
    path: '/task',
    handle: call => tasksAbout(call, referenceOf(call)),
  },
  {
    name: 'tasks.list',
    method: 'GET',
    path: '/task/:ref_type/:ref_id',
    handle: call => tasksAbout(call, { type: call.params.ref_type ?? '', id: idParam(call, 'ref_id') }),
  },
  {
    name: 'tasks.get',
    method: 'GET',
    path: '/task/:task_id',
    handle: call => ok(taskJson(call.podio.world, requireTask(call))),
  },
  {
    name: 'tasks.update',
    method: 'PUT',
    path: '/task/:task_id',
    handle(call) {
      const body = objectBody(call);
      return changeTask(call, {
        ...responsibleOf(call, body),
        ...descriptionOf(body),
        ...dueOf(body),
        ...(body.text === undefined ? {} : { text: stringOf(body, 'text') }),
      });
    },
  },
  {
    name: 'tasks.complete',
    method: 'POST',
    path: '/task/:task_id/complete',
    handle: call => changeTask(call, { status: 'completed' }),
  },
  {
    name: 'tasks.incomplete',
    method: 'POST',
    path: '/task/:task_id/incomplete',
    handle: call => changeTask(call, { status: 'active' }),
  },
  {
    name: 'tasks.assign',
    method: 'POST',
    path: '/task/:task_id/assign',
    handle: call => changeTask(call, responsibleOf(call, objectBody(call))),
  },
  {
    name: 'tasks.delete',
    method: 'DELETE',
    path: '/task/:task_id',
    handle(call) {
      call.podio.world.deleteTask(requireTask(call).taskId, changeOptions(call));
      return empty();
    },
  },
  { name: 'files.upload', method: 'POST', path: '/file', handle: upload },
  { name: 'files.upload', method: 'POST', path: '/file/v2', handle: upload },
  {
    name: 'files.get',
    method: 'GET',
    path: '/file/:file_id',
    handle: call => ok(fileJson(call.podio.world, requireFile(call, idParam(call, 'file_id')))),
  },
  {
    name: 'files.raw',
    method: 'GET',
    path: '/file/:file_id/raw',
    handle(call) {
      const file = requireFile(call, idParam(call, 'file_id'));
      return call.podio.context.switches.fileBytes === 'direct'
        ? bytesOf(file)
        : { status: 302, headers: { location: `/stored/${file.fileId}/${storageKey(file)}` } };
    },
  },
  {
    name: 'files.attach',
    method: 'POST',
    path: '/file/:file_id/attach',
    handle(call) {
      const file = requireFile(call, idParam(call, 'file_id'));
      const { ref_type: refType, ref_id: refId } = objectBody(call);
      if (refType !== 'item' || typeof refId !== 'number')
        throw invalid('Files can be attached to "ref_type" item and an integer "ref_id"');
      requireItem(call, refId);
      call.podio.world.attachFiles(refId, [file.fileId], changeOptions(call));
      return empty();
    },
  },
  {
    name: 'files.replace',
    method: 'POST',
    path: '/file/:file_id/replace',
    handle(call) {
      const file = requireFile(call, idParam(call, 'file_id'));
      const { old_file_id: oldId } = objectBody(call);
      if (typeof oldId !== 'number') throw invalid('Invalid value for "old_file_id": must be integer');
      if (requireFile(call, oldId).itemId === undefined)
        throw invalid(`The file ${oldId} is attached to nothing`);
      call.podio.world.replaceFile(oldId, file.fileId, changeOptions(call));
      return empty();
    },
  },
  {
    name: 'files.delete',
    method: 'DELETE',
    path: '/file/:file_id',
    handle(call) {
      const file = requireFile(call, idParam(call, 'file_id'));
      call.podio.world.deleteFile(file.fileId, changeOptions(call));
      return empty();
    },
  },
  {
    name: 'embeds.create',
    method: 'POST',
    path: '/embed',
    handle(call) {
      const url = stringOf(objectBody(call), 'url');
      if (!URL.canParse(url)) throw invalid(`Invalid value "${url}" for "url": must be a valid URL`);
      return ok(embedJson(call.podio.world.addEmbed(url)));
    },
  },
];
