/**
 * Makes a level-triggered wake-up of `look`: it never runs twice at the same time, and a wake that comes meanwhile leads
 * to one more look. So no wake is lost and none piles up. `look` must not reject.
 */
export function makeWake(look: () => Promise<void>): () => void {
  let looking = false;
  let again = false;

  const run = async () => {
    looking = true;
    do {
      again = false;
      await look();
    } while (again);
    looking = false;
  };

  return () => {
    if (looking) again = true;
    else void run();
  };
}
