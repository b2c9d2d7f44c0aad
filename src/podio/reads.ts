import { makeApps } from './apps.ts';
import type { PodioClient } from './contract.ts';
import { makeHooks } from './hooks.ts';
import { makeItems } from './items.ts';
import { makeTalk } from './talk.ts';

/** Podio's calls over something that makes requests: the client itself, or what stands before one. */
export const callsOver = (
  request: PodioClient['request'],
): Pick<PodioClient, 'request' | 'hooks' | 'items' | 'apps' | 'comments' | 'tasks' | 'files'> => ({
  request,
  hooks: makeHooks(request),
  items: makeItems(request),
  apps: makeApps(request),
  ...makeTalk(request),
});
