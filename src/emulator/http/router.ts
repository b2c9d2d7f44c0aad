import type { Operation } from './operation.ts';

export interface Match {
  readonly operation: Operation;
  readonly params: Readonly<Record<string, string>>;
}

interface Route {
  readonly operation: Operation;
  readonly segments: readonly string[];
}

const segmentsOf = (path: string): string[] => path.split('/').filter(segment => segment !== '');

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Finds operations by method and path. Literal segments win over `:names`, whatever the order of the list. */
export function makeRouter(
  operations: readonly Operation[],
): (method: string, path: string) => Match | undefined {
  const routes = new Map<string, Route[]>();
  const namesIn = ({ segments }: Route): number => segments.filter(part => part.startsWith(':')).length;
  for (const operation of operations) {
    const route = { operation, segments: segmentsOf(operation.path) };
    const key = `${operation.method} ${route.segments.length}`;
    routes.set(
      key,
      [...(routes.get(key) ?? []), route].sort((one, other) => namesIn(one) - namesIn(other)),
    );
  }

  return (method, path) => {
    const given = segmentsOf(path);
    for (const { operation, segments } of routes.get(`${method} ${given.length}`) ?? []) {
      const params: Record<string, string> = {};
      const fits = segments.every((segment, at) => {
        const value = given[at] ?? '';
        if (!segment.startsWith(':')) return segment === value;
        params[segment.slice(1)] = decode(value);
        return true;
      });
      if (fits) return { operation, params };
    }
    return undefined;
  };
}
