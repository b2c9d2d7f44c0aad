import type { PodioClient } from './contract.ts';
import { unexpectedAnswer } from './errors.ts';
import { isApp } from './shapes.ts';

/** Apps. */
export function makeApps(request: PodioClient['request']): PodioClient['apps'] {
  return {
    async get(as, appId, options) {
      const call = { method: 'GET', path: `/app/${appId}`, operation: 'apps.get' } as const;
      const answer = await request(as, { ...options, ...call });
      if (!isApp(answer)) throw unexpectedAnswer(call, 'an app');
      // Podio answers the app's own token too. Nobody here needs it, and what isn't there can't leak.
      const { token: _, ...app } = answer;
      return app;
    },
  };
}
