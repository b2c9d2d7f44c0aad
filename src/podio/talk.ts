import type { Call, CallOptions, Identity, PodioClient } from './contract.ts';
import { unexpectedAnswer } from './errors.ts';
import type { OnOdd } from './reads.ts';
import { type Reader, readComment, readComments, readFile, readTask, readTasks } from './shapes.ts';

type Talk = Pick<PodioClient, 'comments' | 'tasks' | 'files'>;

/** Podio takes a list of tasks in pages; more than this refer to one object hardly ever. */
const MAX_TASKS = 100;

/** What gathers around items: comments, tasks, files. */
export function makeTalk(request: PodioClient['request'], onOdd: OnOdd): Talk {
  /** Sends a read and looks at what came: only what the daemon relies on, the rest is passed on as it is. */
  const read = async <T>(
    as: Identity,
    call: Pick<Call, 'path' | 'operation' | 'query'>,
    options: CallOptions | undefined,
    make: Reader<T>,
    wanted: string,
  ): Promise<T> => {
    const full = { ...call, method: 'GET' } as const;
    const answer = make(await request(as, { ...options, ...full }), where => onOdd(full, where));
    if (answer === undefined) throw unexpectedAnswer(full, wanted);
    return answer;
  };

  return {
    comments: {
      get: (as, id, options) =>
        read(as, { path: `/comment/${id}`, operation: 'comments.get' }, options, readComment, 'a comment'),
      list(as, refType, refId, options) {
        const path = `/comment/${encodeURIComponent(refType)}/${refId}/`;
        return read(as, { path, operation: 'comments.list' }, options, readComments, 'comments');
      },
    },
    tasks: {
      get: (as, id, options) =>
        read(as, { path: `/task/${id}`, operation: 'tasks.get' }, options, readTask, 'a task'),
      list(as, refType, refId, options) {
        const query = { reference: `${refType}:${refId}`, limit: MAX_TASKS };
        return read(as, { path: '/task/', operation: 'tasks.list', query }, options, readTasks, 'tasks');
      },
    },
    files: {
      get: (as, id, options) =>
        read(as, { path: `/file/${id}`, operation: 'files.get' }, options, readFile, 'a file'),
      async download(as, id, maxBytes, options) {
        const call = { method: 'GET', path: `/file/${id}/raw`, operation: 'files.raw' } as const;
        const bytes = await request(as, { ...options, ...call, maxBytes });
        if (!(bytes instanceof Uint8Array)) throw unexpectedAnswer(call, 'bytes');
        return bytes;
      },
    },
  };
}
