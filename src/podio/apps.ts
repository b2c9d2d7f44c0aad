import type { PodioClient } from './contract.ts';
import { unexpectedAnswer } from './errors.ts';
import type { OnOdd } from './reads.ts';
import { readApp } from './shapes.ts';

/** Apps. */
export function makeApps(request: PodioClient['request'], onOdd: OnOdd): PodioClient['apps'] {
  return {
    async get(as, appId, options) {
      const call = { method: 'GET', path: `/app/${appId}`, operation: 'apps.get' } as const;
      const answer = await request(as, { ...options, ...call });
      const known = readApp(answer, where => onOdd(call, where));
      if (!known) throw unexpectedAnswer(call, 'an app');
      // Podio answers the app's own token too. Nobody here needs it, and what isn't there can't leak.
      const { token: _, ...app } = known;
      return app;
    },
  };
}
