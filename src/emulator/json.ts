/** How Podio shows its records: the JSON of its API. */
import type {
  Actor,
  App,
  Authorship,
  Comment,
  Contact,
  Embed,
  Field,
  File,
  Hook,
  Item,
  Revision,
  Space,
  Task,
  User,
  Values,
  Via,
} from './model.ts';
import { stamp } from './time.ts';
import type { JsonObject, Lookup } from './values/kind.ts';
import { changedFields, renderValues } from './values/values.ts';
import type { World } from './world/world.ts';

const SITE = 'https://podio.com/example';

const spaceUrl = (spaceId: number): string => `${SITE}/space-${spaceId}`;
const appUrl = (app: App): string => `${spaceUrl(app.spaceId)}/apps/app-${app.appId}`;
const itemUrl = (app: App | undefined, item: Item): string =>
  `${app ? appUrl(app) : SITE}/items/${item.appItemId}`;

/** An app's changes carry -1 where a person's carry ids. */
function bylineJson(world: World, { type, id }: Actor): JsonObject {
  const name = type === 'app' ? world.app(id)?.name : world.user(id)?.name;
  const absent = type === 'app' ? -1 : null;
  return {
    type,
    id,
    user_id: type === 'app' ? -1 : id,
    name: name ?? '',
    url: type === 'app' ? `${SITE}/apps/${id}` : `https://podio.com/users/${id}`,
    avatar_type: type === 'app' ? 'icon' : 'file',
    avatar: absent,
    avatar_id: absent,
    image: null,
    last_seen_on: null,
  };
}

const viaJson = ({ id, name }: Via): JsonObject => ({
  id,
  auth_client_id: id,
  name,
  url: null,
  display: false,
});

const authorJson = (world: World, { on, by, via }: Authorship): JsonObject => ({
  created_on: stamp(on),
  created_by: bylineJson(world, by),
  created_via: viaJson(via),
});

export const contactJson = ({ profileId, userId, name, mail, phone }: Contact): JsonObject => ({
  profile_id: profileId,
  user_id: userId,
  name,
  mail,
  phone,
  type: userId === null ? 'space' : 'user',
  link: `https://podio.com/contacts/${profileId}`,
  avatar: null,
  image: null,
  last_seen_on: null,
});

export const userJson = ({ userId, profileId, username, name }: User): JsonObject => ({
  user_id: userId,
  profile_id: profileId,
  mail: username,
  name,
});

export const fileJson = (world: World, file: File): JsonObject => ({
  file_id: file.fileId,
  name: file.name,
  description: null,
  mimetype: file.mimetype,
  size: file.size,
  link: `https://files.podio.com/${file.fileId}`,
  perma_link: null,
  hosted_by: 'podio',
  ...authorJson(world, file.created),
});

export const embedJson = ({ embedId, url, title }: Embed): JsonObject => ({
  embed_id: embedId,
  original_url: url,
  resolved_url: url,
  title,
  type: 'link',
  description: null,
});

export const commentJson = (world: World, comment: Comment): JsonObject => ({
  comment_id: comment.commentId,
  value: comment.value,
  rich_value: comment.value,
  external_id: comment.externalId,
  space_id: world.app(world.item(comment.itemId)?.appId ?? 0)?.spaceId ?? null,
  ref: { type: 'item', id: comment.itemId },
  embed: null,
  embed_file: null,
  files: [],
  questions: [],
  like_count: 0,
  is_liked: false,
  ...authorJson(world, comment.created),
});

export const taskJson = (world: World, task: Task): JsonObject => ({
  task_id: task.taskId,
  text: task.text,
  description: task.description,
  due_date: task.dueDate ?? null,
  status: task.status,
  space_id: task.spaceId ?? null,
  ref: task.ref ?? null,
  responsible:
    task.responsible === undefined ? null : bylineJson(world, { type: 'user', id: task.responsible }),
  completed_on: task.completedOn === undefined ? null : stamp(task.completedOn),
  link: `https://podio.com/tasks/${task.taskId}`,
  ...authorJson(world, task.created),
});

/** One member of a space. */
export const memberJson = (user: User): JsonObject => ({
  role: 'regular',
  user: userJson(user),
  profile: { profile_id: user.profileId, user_id: user.userId, name: user.name, mail: [user.username] },
});

export const hookJson = (hook: Hook): JsonObject => ({
  hook_id: hook.hookId,
  status: hook.status,
  type: hook.type,
  url: hook.url,
  created_on: stamp(hook.created.on),
  created_by: { type: hook.created.by.type, id: hook.created.by.id },
  created_via: viaJson(hook.created.via),
});

export const spaceJson = ({ spaceId, name }: Space): JsonObject => ({
  space_id: spaceId,
  name,
  url: spaceUrl(spaceId),
  url_label: `space-${spaceId}`,
  org_id: 1,
  status: 'active',
  privacy: 'closed',
  role: 'regular',
});

const fieldConfig = ({ label, settings }: Field): JsonObject => ({ label, mapping: null, settings });

export const fieldJson = (field: Field, position: number): JsonObject => ({
  field_id: field.fieldId,
  type: field.type,
  external_id: field.externalId,
  label: field.label,
  status: field.status,
  config: {
    label: field.label,
    description: null,
    delta: position,
    required: false,
    hidden: false,
    hidden_create_view_edit: false,
    visible: true,
    unique: false,
    mapping: null,
    default_value: null,
    settings: field.settings,
  },
});

const appConfig = (app: App): JsonObject => ({
  type: 'standard',
  name: app.name,
  item_name: app.itemName,
  description: null,
  usage: null,
  external_id: null,
  icon: '251.png',
  icon_id: 251,
  default_view: 'badge',
  allow_edit: true,
  allow_create: true,
  allow_tags: true,
  allow_comments: true,
  allow_attachments: true,
  silent_creates: false,
  silent_edits: false,
  disable_notifications: false,
  show_app_item_id: false,
  app_item_id_prefix: null,
  app_item_id_padding: 1,
  tasks: [],
});

/** As it stands in lists and inside items. */
export const appShortJson = (app: App): JsonObject => ({
  app_id: app.appId,
  name: app.name,
  item_name: app.itemName,
  icon: '251.png',
  icon_id: 251,
  link: appUrl(app),
  url: appUrl(app),
  url_label: `app-${app.appId}`,
  space_id: app.spaceId,
  status: app.status,
  current_revision: app.revision,
  config: appConfig(app),
});

const RIGHTS = [
  'view',
  'update',
  'delete',
  'add_item',
  'add_task',
  'add_hook',
  'share',
  'export',
  'reference',
];

export const appJson = (world: World, app: App): JsonObject => ({
  ...appShortJson(app),
  url_add: `${appUrl(app)}/items/new`,
  link_add: `${appUrl(app)}/items/new`,
  token: app.token,
  mailbox: null,
  original: null,
  original_revision: null,
  default_view_id: null,
  owner: bylineJson(world, app.created.by),
  rights: RIGHTS,
  subscribed: false,
  pinned: false,
  integration: null,
  layouts: {},
  fields: app.fields
    .map((field, position) => fieldJson(field, position))
    .filter(field => field.status === 'active'),
});

export const revisionJson = (world: World, revision: Revision): JsonObject => ({
  revision: revision.revision,
  item_revision_id: revision.itemRevisionId,
  type: revision.type,
  app_revision: revision.appRevision,
  user: bylineJson(world, revision.by),
  ...authorJson(world, revision),
});

const fieldHeadJson = (field: Field): JsonObject => ({
  field_id: field.fieldId,
  external_id: field.externalId,
  type: field.type,
  label: field.label,
  config: fieldConfig(field),
});

/** `fields` of an item: the ones without a value are left out. */
export function valuesJson(app: App, values: Values, look: Lookup, showDeleted: boolean): JsonObject[] {
  return app.fields
    .filter(field => showDeleted || field.status === 'active')
    .map(field => ({
      ...fieldHeadJson(field),
      values: renderValues(field, values.get(field.fieldId), look),
    }))
    .filter(field => field.values.length > 0);
}

/** Section 8.6: one entry per field whose value differs. */
export function differenceJson(app: App, from: Values, to: Values, look: Lookup): JsonObject[] {
  const changed = changedFields(from, to);
  return app.fields
    .filter(field => changed.includes(field.fieldId))
    .map(field => ({
      ...fieldHeadJson(field),
      from: renderValues(field, from.get(field.fieldId), look),
      to: renderValues(field, to.get(field.fieldId), look),
    }));
}

/** How many of the latest revisions an item shows. */
const SHOWN_REVISIONS = 8;

function itemHeadJson(world: World, item: Item): JsonObject {
  const app = world.app(item.appId);
  const [first] = item.revisions;
  const last = item.revisions.at(-1);
  return {
    item_id: item.itemId,
    app_item_id: item.appItemId,
    app_item_id_formatted: String(item.appItemId),
    external_id: item.externalId,
    title: world.title(item),
    link: itemUrl(app, item),
    revision: last?.revision ?? 0,
    // The oldest that is kept, which is not revision 0 for an item with a long history.
    initial_revision: first ? revisionJson(world, first) : null,
    current_revision: last ? revisionJson(world, last) : null,
    last_event_on: stamp(item.lastEventOn),
    last_edit_on: stamp(item.lastEdit.on),
    ...authorJson(world, item.created),
  };
}

export const filesJson = (world: World, item: Item): JsonObject[] =>
  item.fileIds.flatMap(id => {
    const file = world.file(id);
    return file ? [fileJson(world, file)] : [];
  });

const tasksOn = (world: World, { itemId }: Item): readonly Task[] =>
  world.tasks({ type: 'item', id: itemId });

/** As embedded in app reference fields. */
export function referenceJson(world: World, item: Item): JsonObject {
  const app = world.app(item.appId);
  const space = app && world.space(app.spaceId);
  return {
    ...itemHeadJson(world, item),
    app: app ? appShortJson(app) : null,
    space: space ? spaceJson(space) : null,
    files: filesJson(world, item),
  };
}

/** As listed by filter and the collections: without the app. */
export const listedItemJson = (
  world: World,
  app: App,
  item: Item,
  look: Lookup,
  showDeleted: boolean,
): JsonObject => ({
  ...itemHeadJson(world, item),
  rights: RIGHTS,
  fields: valuesJson(app, item.values, look, showDeleted),
  ratings: {},
  priority: null,
  comment_count: world.comments(item.itemId).length,
  file_count: item.fileIds.length,
  task_count: tasksOn(world, item).length,
});

export function basicItemJson(
  world: World,
  app: App,
  item: Item,
  look: Lookup,
  showDeleted: boolean,
): JsonObject {
  return {
    ...itemHeadJson(world, item),
    app: appShortJson(app),
    fields: valuesJson(app, item.values, look, showDeleted),
    tags: item.tags,
    rights: RIGHTS,
    priority: null,
  };
}

/** GET /item/{item_id}: everything. */
export function fullItemJson(
  world: World,
  app: App,
  item: Item,
  look: Lookup,
  showDeleted: boolean,
): JsonObject {
  return {
    ...basicItemJson(world, app, item, look, showDeleted),
    revisions: item.revisions
      .slice(-SHOWN_REVISIONS)
      .reverse()
      .map(revision => revisionJson(world, revision)),
    files: filesJson(world, item),
    comments: world.comments(item.itemId).map(comment => commentJson(world, comment)),
    tasks: tasksOn(world, item).map(task => taskJson(world, task)),
    refs: [],
    references: [],
    participants: {},
    reminder: null,
    recurrence: null,
    linked_account_id: null,
    linked_account_data: null,
    ref: null,
    invite: null,
    grant: null,
    subscribed: false,
    pinned: false,
    is_liked: false,
    like_count: 0,
    ratings: {},
    user_ratings: {},
    votes: [],
    presence: null,
    excerpt: { label: '', text: '' },
    push: null,
  };
}
