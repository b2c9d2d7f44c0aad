/** From schedules to the journal: each tick is an appended event. */
export { nextTicks } from './cron.ts';
export { makeScheduler, type Scheduler, type SchedulerDeps } from './scheduler.ts';
