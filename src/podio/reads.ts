import { makeApps } from './apps.ts';
import type { Call, PodioClient } from './contract.ts';
import { makeHooks } from './hooks.ts';
import { makeItems } from './items.ts';
import { makeTalk } from './talk.ts';

/** Told of what is odd in the answer to a call, and where in it. */
export type OnOdd = (call: Pick<Call, 'operation' | 'path'>, where: string) => void;

/** Podio's calls over something that makes requests: the client itself, or what stands before one. */
export const callsOver = (
  request: PodioClient['request'],
  onOdd: OnOdd = () => {},
): Pick<PodioClient, 'request' | 'hooks' | 'items' | 'apps' | 'comments' | 'tasks' | 'files'> => ({
  request,
  hooks: makeHooks(request, onOdd),
  items: makeItems(request, onOdd),
  apps: makeApps(request, onOdd),
  ...makeTalk(request, onOdd),
});
