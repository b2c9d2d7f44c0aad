/**
 * Names of branches: what a step opens that passes on several messages. A branch goes by its number among them, or by the key
 * that its message was given; a branch of a branch stands behind a slash. Names stand in delivery keys and on disk.
 */

/** The names of `keys`, in their order: a key that comes again gets `;2`, `;3` ... behind it. */
export function namesOf(keys: readonly string[]): readonly string[] {
  const times = new Map<string, number>();
  return keys.map(key => {
    const name = key.toWellFormed().replaceAll(NOT_IN_NAMES, encodeURIComponent);
    const nth = (times.get(name) ?? 0) + 1;
    times.set(name, nth);
    return nth === 1 ? name : `${name};${nth}`;
  });
}

/** What has a meaning here, and what people can't see. */
const NOT_IN_NAMES = /[%/;\p{C}\p{Z}]/gu;

export const childOf = (branch: string, name: string): string => (branch === '' ? name : `${branch}/${name}`);

/** Whether it is that branch, or one that was opened in it. Every branch is within the run's own, ''. */
export const isWithin = (branch: string, outer: string): boolean =>
  outer === '' || branch === outer || branch.startsWith(`${outer}/`);

/** Whether both are for the same key of one list, `earlier` being the first of the two. */
export function comesAfter(branch: string, earlier: string): boolean {
  if (!branch.includes(';')) return false;
  const names = branch.split('/');
  const others = earlier.split('/');
  const at = names.findIndex((name, index) => name !== others[index]);
  const [name, other] = [names[at], others[at]];
  return name !== undefined && other !== undefined && keyOf(name) === keyOf(other);
}

const keyOf = (name: string): string => name.replace(/;\d+$/, '');
