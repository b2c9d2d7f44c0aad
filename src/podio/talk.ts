import type { Comment, FileInfo, Task } from '../core/podio.ts';
import type { Call, CallOptions, Identity, PodioClient } from './contract.ts';
import { unexpectedAnswer } from './errors.ts';
import { isRecord } from './json.ts';
import { isListOf } from './shapes.ts';

type Talk = Pick<PodioClient, 'comments' | 'tasks' | 'files'>;

/** Podio takes a list of tasks in pages; more than this refer to one object hardly ever. */
const MAX_TASKS = 100;

/** What gathers around items: comments, tasks, files. */
export function makeTalk(request: PodioClient['request']): Talk {
  /** Sends a read and looks at what came: only what the daemon relies on, the rest is passed on as it is. */
  const read = async <T>(
    as: Identity,
    call: Pick<Call, 'path' | 'operation' | 'query'>,
    options: CallOptions | undefined,
    is: (answer: unknown) => answer is T,
    wanted: string,
  ): Promise<T> => {
    const full = { ...call, method: 'GET' } as const;
    const answer = await request(as, { ...options, ...full });
    if (!is(answer)) throw unexpectedAnswer(full, wanted);
    return answer;
  };

  return {
    comments: {
      get: (as, id, options) =>
        read(as, { path: `/comment/${id}`, operation: 'comments.get' }, options, isComment, 'a comment'),
      list(as, refType, refId, options) {
        const path = `/comment/${encodeURIComponent(refType)}/${refId}/`;
        return read(as, { path, operation: 'comments.list' }, options, isListOf(isComment), 'comments');
      },
    },
    tasks: {
      get: (as, id, options) =>
        read(as, { path: `/task/${id}`, operation: 'tasks.get' }, options, isTask, 'a task'),
      list(as, refType, refId, options) {
        const query = { reference: `${refType}:${refId}`, limit: MAX_TASKS };
        return read(
          as,
          { path: '/task/', operation: 'tasks.list', query },
          options,
          isListOf(isTask),
          'tasks',
        );
      },
    },
    files: {
      get: (as, id, options) =>
        read(as, { path: `/file/${id}`, operation: 'files.get' }, options, isFile, 'a file'),
      async download(as, id, maxBytes, options) {
        const call = { method: 'GET', path: `/file/${id}/raw`, operation: 'files.raw' } as const;
        const bytes = await request(as, { ...options, ...call, maxBytes });
        if (!(bytes instanceof Uint8Array)) throw unexpectedAnswer(call, 'bytes');
        return bytes;
      },
    },
  };
}

const isComment = (value: unknown): value is Comment =>
  isRecord(value) && typeof value.comment_id === 'number' && typeof value.value === 'string';

const isTask = (value: unknown): value is Task =>
  isRecord(value) && typeof value.task_id === 'number' && typeof value.text === 'string';

const isFile = (value: unknown): value is FileInfo =>
  isRecord(value) && typeof value.file_id === 'number' && typeof value.name === 'string';
