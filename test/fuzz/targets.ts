import { makeConfigTargets } from './configs.ts';
import { fileTargets } from './files.ts';
import { parserTargets } from './parsers.ts';
import { podioTargets } from './podio.ts';
import { socketTargets } from './sockets.ts';
import type { Target } from './target.ts';

export const makeTargets = async (): Promise<readonly Target[]> => [
  ...parserTargets,
  ...(await makeConfigTargets()),
  ...fileTargets,
  ...podioTargets,
  ...(await socketTargets()),
];
