import { createRequire } from 'node:module';
import type * as cron from 'node-cron';

/** A megabyte that a daemon without schedules need not carry. Reading a config is synchronous, so import() would not do. */
export const nodeCron = (): typeof cron => createRequire(import.meta.url)('node-cron') as typeof cron;
