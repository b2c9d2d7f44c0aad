import {
  definePlugin,
  FieldView,
  loginOption,
  type Message,
  momentOf,
  msOf,
  once,
  PermanentError,
  type PluginPodio,
  type Task,
  templated,
  type View,
  z,
} from 'podiod/plugin';
import { concatMap } from 'rxjs';
import { makePeople, type Person, peopleIn } from './people.ts';

const field = z.custom<FieldView>(value => value instanceof FieldView);
const who = z.union([z.string(), z.number(), field]);
const parts = {
  text: templated(z.string().trim().min(1)).describe('What is to be done, as a template.'),
  description: templated().optional().describe('More on it, as a template.'),
  due: templated(z.union([z.string(), field]), { fields: 'keep' })
    .optional()
    .describe('The day: `2026-01-31`, `+1d`, `+2w`, `today`, a date field. Empty: none.'),
  assign: templated(z.union([who, z.array(who)]), { fields: 'keep' })
    .optional()
    .describe(
      'Who is to do it: a mail address, a user id, a contact field, or a list of these; each gets a task.',
    ),
};

const options = z
  .strictObject({
    ...parts,
    text: parts.text.optional(),
    tasks: z
      .array(z.strictObject(parts))
      .min(1)
      .max(50)
      .optional()
      .describe(
        'Several tasks, each with its own `text`, and where it needs them `description`, `due` and `assign`.',
      ),
    on: templated(z.int().positive())
      .optional()
      .describe('The id of the item that the tasks are about. Default: the item of the event.'),
    once: templated(z.string().trim().min(1), { hollow: 'refuse' })
      .optional()
      .describe(
        'A name for what the tasks are for. This step makes them once for each name, whatever happens later.',
      ),
    as: loginOption().optional().describe('The login that makes the tasks. Default: the app, by its token.'),
    hook: z.boolean().default(false).describe('Whether Podio tells hooks of the tasks.'),
    silent: z.boolean().default(false).describe('Whether Podio leaves out stream and notifications.'),
  })
  .superRefine(({ text, tasks, due, assign }, check) => {
    const wrong = (path: (string | number)[], message: string) =>
      check.addIssue({ code: 'custom', path, message });
    for (const [at, one] of [
      [[], { due, assign }] as const,
      ...(tasks ?? []).map((task, n) => [['tasks', n], task] as const),
    ]) {
      const day = one.due?.constant;
      if (
        typeof day === 'string' &&
        day.trim() !== '' &&
        momentOf(day, { now: 0, zone: 'UTC' }) === undefined
      )
        wrong([...at, 'due'], 'must be a day like 2026-01-31, +1d, +2w or today');
      const who = one.assign?.constant;
      if (who !== undefined && peopleIn(who) === undefined)
        wrong([...at, 'assign'], 'must be a mail address, a user id, or a list of these');
    }
    if ((text === undefined) === (tasks === undefined))
      check.addIssue({ code: 'custom', path: ['text'], message: 'needs `text`, or `tasks` for several' });
  });
type Options = z.output<typeof options>;

/** One task for one person, worked out. */
interface Planned {
  /** Its place in the list. */
  readonly n: number;
  readonly text: string;
  readonly description: string;
  /** `2026-01-31`, or '' for none. */
  readonly due: string;
  /** Undefined: nobody in particular. */
  readonly who: number | string | undefined;
}

async function plan(view: View, given: Options): Promise<readonly Planned[]> {
  const { text, tasks, ...common } = given;
  const list = tasks ?? (text === undefined ? [] : [{ text }]);
  const planned: Planned[] = [];
  for (const [n, task] of list.entries()) {
    const { description, due, assign } = { ...common, ...task };
    const day = dayOf(await due?.render(view), view);
    const people = peopleIn(await assign?.render(view));
    if (people === undefined) {
      throw new PermanentError('`assign` came to something that is neither a mail address nor a user id', {
        hint: 'A contact field that holds no user needs a mail address: assign: "{{ fields.NAME.mail }}".',
      });
    }
    const rest = {
      n,
      text: await task.text.render(view),
      description: (await description?.render(view)) ?? '',
      due: day,
    };
    for (const one of people.length > 0 ? people : [undefined]) planned.push({ ...rest, who: one });
  }
  return planned;
}

/** '' for none. */
function dayOf(due: unknown, view: View): string {
  if (due === undefined || String(due).trim() === '') return '';
  const moment = momentOf(due, { now: view.now().getTime(), zone: view.timezone() });
  if (moment) return moment.day;
  throw new PermanentError('`due` did not come out as a date', {
    hint: 'Write dates like 2026-01-31 or +1d.',
  });
}

const itemOf = async ({ event, view }: Message, { on }: Options): Promise<number | undefined> =>
  on === undefined ? event.itemId : on.render(view);

interface Made {
  readonly id: number;
  readonly text: string;
}

/** Makes one task at Podio, once for a key. */
function makeMaker(podio: PluginPodio, { hook, silent }: Options) {
  return async (
    task: Planned,
    person: Person | undefined,
    itemId: number | undefined,
    isTaken: (id: number) => boolean,
  ): Promise<{
    make: () => Promise<Made>;
    find?: (since: number, isOthers: (id: unknown) => boolean) => Promise<Made | undefined>;
  }> => ({
    async make() {
      const { text, description, due } = task;
      const body = {
        text,
        ...(description !== '' && { description }),
        ...(due !== '' && { due_date: due }),
        ...(person && { responsible: person.type === 'user' ? person.id : person }),
        ...(itemId !== undefined && { ref: { type: 'item', id: itemId } }),
      };
      const { task_id: id } = await podio.tasks.create(body, { hook, silent });
      return { id, text };
    },
    // Without something that it is about, there is no list to find a task in.
    ...(itemId !== undefined && {
      async find(since: number, isOthers: (id: unknown) => boolean) {
        const tasks = await podio.tasks.list('item', itemId);
        const found = tasks.find(
          one => !isTaken(one.task_id) && !isOthers(one.task_id) && isThat(one, task, person, since),
        );
        return found && { id: found.task_id, text: task.text };
      },
    }),
  });
}

/** Podio's clock and this one may differ, and Podio tells whole seconds. */
const SLACK_MS = 120_000;

function isThat(found: Task, { text }: Planned, person: Person | undefined, since: number): boolean {
  const made = msOf(found.created_on);
  const isRecent = made === undefined || made >= since - SLACK_MS;
  const isTheirs = person?.type !== 'user' || found.responsible?.user_id === person.id;
  return isRecent && isTheirs && found.text.trim() === text.trim();
}

/** Asked for once, when it is needed. */
function lazily<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => {
    asked ??= ask();
    return asked;
  };
}

/** Makes tasks about an item, each once for each event, or once for all. */
export default definePlugin({
  name: 'podio-task',
  options,
  effects: 'context',
  gives: ['id', 'tasks'],
  setup(given, { podio: calls, store, log }) {
    const podio = given.as === undefined ? calls : calls.as(given.as);
    const findPerson = makePeople(podio);
    const maker = makeMaker(podio, given);
    /** The space whose members are looked at, where somebody is named by mail. */
    const spaceOf = async (message: Message, itemId: number | undefined): Promise<number | undefined> => {
      if (itemId === undefined) return undefined;
      const item = itemId === message.event.itemId ? await message.item() : await podio.items.get(itemId);
      return typeof item.app?.space_id === 'number' ? item.app.space_id : undefined;
    };
    return {
      operator: messages$ =>
        messages$.pipe(
          concatMap(async message => {
            const { view, deliveryKey } = message;
            const itemId = await itemOf(message, given);
            const forAll = await given.once?.render(view);
            const planned = await plan(view, given);
            const made: Made[] = [];
            const space = lazily(() => spaceOf(message, itemId));
            const asked = new Set<string>();
            for (const task of planned) {
              const { n, who } = task;
              const spaceId = typeof who === 'string' ? await space() : undefined;
              const person = who === undefined ? undefined : await findPerson(who, spaceId);
              if (given.assign && !person) log.warn('nobody to assign the task to', { task: n + 1 });
              // Two names may be one person's.
              const place = `${n}:${person ? `${person.type}:${person.id}` : ''}`;
              if (asked.has(place)) continue;
              const effect = await maker(task, person, itemId, id => made.some(one => one.id === id));
              made.push(
                forAll === undefined
                  ? // Another manager at the next try must not take over somebody's task.
                    await once(store, `${deliveryKey}#${place}`, effect)
                  : await once(store, `once:${forAll}#${asked.size}`, {
                      ...effect,
                      by: deliveryKey,
                      forever: true,
                    }),
              );
              asked.add(place);
            }
            return message.with({ id: made[0]?.id, tasks: made });
          }),
        ),
    };
  },
  writes: ({ hook }) => [{ event: 'task.create', ...(hook !== undefined && { hook }) }],
  async describe(message, given) {
    const itemId = await itemOf(message, given);
    const forAll = await given.once?.render(message.view);
    const about = itemId === undefined ? '' : ` about item ${itemId}`;
    const lines = (await plan(message.view, given)).map(
      ({ text, due, who }) =>
        `makes a task${about}: ${text}${due && `, due ${due}`}${who === undefined ? '' : `, for ${who}`}`,
    );
    return [...lines, ...(forAll === undefined ? [] : [`once for "${forAll}"`])].join('\n');
  },
});
