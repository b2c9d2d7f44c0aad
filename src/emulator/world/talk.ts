/** What gathers around items: comments, files, tasks, links. */
import type { Context } from '../context.ts';
import type { Comment, Embed, File, HookRef, Item, Task } from '../model.ts';
import type { Accounts, ChangeOptions } from './accounts.ts';
import type { Apps } from './apps.ts';
import type { Items } from './items.ts';

export interface NewTask {
  readonly text: string;
  readonly description?: string;
  /** `YYYY-MM-DD`. */
  readonly dueDate?: string;
  /** What it is about; the hooks of that object's space hear of it. */
  readonly ref?: { readonly type: string; readonly id: number };
  readonly spaceId?: number;
  /** A user id. */
  readonly responsible?: number;
}

export interface Talk {
  addComment(
    itemId: number,
    value: string,
    options?: ChangeOptions & { externalId?: string | null },
  ): Comment;
  deleteComment(commentId: number, options?: ChangeOptions): void;
  comment(commentId: number): Comment | undefined;
  comments(itemId: number): readonly Comment[];

  /** Uploaded only: nothing fires before it is attached. */
  addFile(file: { name: string; mimetype?: string; content?: Uint8Array }, options?: ChangeOptions): File;
  /** Each fires file.change. */
  attachFiles(itemId: number, fileIds: readonly number[], options?: ChangeOptions): void;
  replaceFile(oldFileId: number, newFileId: number, options?: ChangeOptions): void;
  deleteFile(fileId: number, options?: ChangeOptions): void;
  file(fileId: number): File | undefined;

  addTask(task: NewTask, options?: ChangeOptions): Task;
  updateTask(
    taskId: number,
    change: Partial<Pick<Task, 'text' | 'description' | 'dueDate' | 'responsible' | 'status'>>,
    options?: ChangeOptions,
  ): Task;
  deleteTask(taskId: number, options?: ChangeOptions): void;
  task(taskId: number): Task | undefined;
  /** Those about one object, or about anything; deleted ones are left out. */
  tasks(ref?: { readonly type: string; readonly id: number }): readonly Task[];

  addEmbed(url: string): Embed;
  embed(embedId: number): Embed | undefined;
}

export function makeTalk(context: Context, accounts: Accounts, apps: Apps, items: Items): Talk {
  const comments = new Map<number, Comment>();
  /** Every read of an item shows its own. */
  const commentsOn = new Map<number, Comment[]>();
  const files = new Map<number, File>();
  const tasks = new Map<number, Task>();
  const embeds = new Map<number, Embed>();

  const need = <T extends { deleted: boolean }>(from: Map<number, T>, id: number, what: string): T => {
    const found = from.get(id);
    if (!found || found.deleted) throw new Error(`no ${what} ${id} in the emulated world`);
    return found;
  };
  const needItem = (itemId: number): Item => {
    const item = items.item(itemId);
    if (!item || item.deleted) throw new Error(`no item ${itemId} in the emulated world`);
    return item;
  };
  const tell = (
    type: string,
    ref: HookRef | undefined,
    params: readonly (readonly [string, string])[],
    options: ChangeOptions,
  ): void => {
    const isTold = (options.hook ?? true) || context.switches.hookFalse === 'ignored';
    if (ref && isTold) context.emit({ type, refs: [ref], params });
    context.changed();
  };

  const tellComment = (type: string, comment: Comment, options: ChangeOptions): void => {
    const item = needItem(comment.itemId);
    const params = [
      ['item_id', String(item.itemId)],
      ['comment_id', String(comment.commentId)],
    ] as const;
    tell(type, { type: 'app', id: item.appId }, params, options);
    items.touchItem(item, 'comments', options);
  };

  const tellFiles = (
    item: Item,
    action: 'file_created' | 'file_replaced' | 'file_deleted',
    fileIds: readonly number[],
    options: ChangeOptions,
  ): void => {
    const params = [
      ['item_id', String(item.itemId)],
      ['action_type', action],
      ['file_ids', fileIds.join(',')],
    ] as const;
    tell('file.change', { type: 'app', id: item.appId }, params, options);
    items.touchItem(item, 'files', options);
  };

  const tellTask = (type: string, task: Task, options: ChangeOptions): void => {
    const ref = task.spaceId === undefined ? undefined : ({ type: 'space', id: task.spaceId } as const);
    tell(type, ref, [['task_id', String(task.taskId)]], options);
  };

  const spaceOf = ({ ref, spaceId }: NewTask): number | undefined => {
    if (ref?.type === 'space') return ref.id;
    const appId = ref?.type === 'item' ? items.item(ref.id)?.appId : ref?.type === 'app' ? ref.id : undefined;
    return appId === undefined ? spaceId : apps.app(appId)?.spaceId;
  };

  return {
    addComment(itemId, value, { externalId = null, ...options } = {}) {
      needItem(itemId);
      const comment: Comment = {
        commentId: context.nextId('comment'),
        itemId,
        value,
        externalId,
        created: accounts.authorship(options),
        deleted: false,
      };
      comments.set(comment.commentId, comment);
      commentsOn.set(itemId, [...(commentsOn.get(itemId) ?? []), comment]);
      tellComment('comment.create', comment, options);
      return comment;
    },
    deleteComment(commentId, options = {}) {
      const comment = need(comments, commentId, 'comment');
      comment.deleted = true;
      tellComment('comment.delete', comment, options);
    },
    comment: commentId => comments.get(commentId),
    comments: itemId => (commentsOn.get(itemId) ?? []).filter(({ deleted }) => !deleted),

    addFile({ name, mimetype = 'application/octet-stream', content = new Uint8Array() }, options = {}) {
      const file: File = {
        fileId: context.nextId('file'),
        name,
        mimetype,
        size: content.byteLength,
        content,
        itemId: undefined,
        deleted: false,
        created: accounts.authorship(options),
      };
      files.set(file.fileId, file);
      return file;
    },
    attachFiles(itemId, fileIds, options = {}) {
      const item = needItem(itemId);
      for (const fileId of fileIds) {
        need(files, fileId, 'file').itemId = itemId;
        item.fileIds.push(fileId);
      }
      if (fileIds.length > 0) tellFiles(item, 'file_created', fileIds, options);
    },
    replaceFile(oldFileId, newFileId, options = {}) {
      const old = need(files, oldFileId, 'file');
      if (old.itemId === undefined) throw new Error(`file ${oldFileId} is attached to nothing`);
      const item = needItem(old.itemId);
      item.fileIds.splice(item.fileIds.indexOf(oldFileId), 1, newFileId);
      old.deleted = true;
      need(files, newFileId, 'file').itemId = item.itemId;
      tellFiles(item, 'file_replaced', [newFileId], options);
    },
    deleteFile(fileId, options = {}) {
      const file = need(files, fileId, 'file');
      file.deleted = true;
      const item = file.itemId === undefined ? undefined : items.item(file.itemId);
      if (!item) return;
      item.fileIds.splice(item.fileIds.indexOf(fileId), 1);
      tellFiles(item, 'file_deleted', [fileId], options);
    },
    file: fileId => files.get(fileId),

    addTask(given, options = {}) {
      const task: Task = {
        taskId: context.nextId('task'),
        text: given.text,
        description: given.description ?? '',
        dueDate: given.dueDate,
        spaceId: spaceOf(given),
        ref: given.ref,
        responsible: given.responsible,
        status: 'active',
        created: accounts.authorship(options),
        completedOn: undefined,
        deleted: false,
      };
      tasks.set(task.taskId, task);
      tellTask('task.create', task, options);
      return task;
    },
    updateTask(taskId, change, options = {}) {
      const task = need(tasks, taskId, 'task');
      Object.assign(task, change);
      task.completedOn = task.status === 'completed' ? context.clock.now() : undefined;
      tellTask('task.update', task, options);
      return task;
    },
    deleteTask(taskId, options = {}) {
      const task = need(tasks, taskId, 'task');
      task.deleted = true;
      tellTask('task.delete', task, options);
    },
    task: taskId => tasks.get(taskId),
    tasks: about =>
      [...tasks.values()].filter(
        ({ ref, deleted }) =>
          !deleted && (about === undefined || (ref?.type === about.type && ref.id === about.id)),
      ),

    addEmbed(url) {
      const embed = { embedId: context.nextId('embed'), url, title: new URL(url).hostname };
      embeds.set(embed.embedId, embed);
      return embed;
    },
    embed: embedId => embeds.get(embedId),
  };
}
