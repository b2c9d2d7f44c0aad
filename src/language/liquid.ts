import { createRequire } from 'node:module';
import type * as liquidjs from 'liquidjs';

/** 8 MB that a daemon without templates need not carry. Compiling is synchronous, so import() would not do. */
export const liquid = (): typeof liquidjs => createRequire(import.meta.url)('liquidjs') as typeof liquidjs;
